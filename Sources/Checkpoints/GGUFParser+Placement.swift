extension GGUFParser {
    /// Turns listed tensors into entries whose ranges lie in the file, are aligned and do not overlap.
    func place(_ listed: [ListedTensor], dataStart: Int, alignment: Int) throws(CheckpointError) -> [TensorEntry] {
        var entries: [TensorEntry] = []
        entries.reserveCapacity(listed.count)
        for tensor in listed { entries.append(try place(tensor, dataStart: dataStart, alignment: alignment)) }
        try checkOverlaps(entries)
        return entries
    }

    private func place(_ tensor: ListedTensor, dataStart: Int, alignment: Int) throws(CheckpointError) -> TensorEntry {
        let subject = Self.subject(tensor.name)
        guard tensor.offset % UInt64(alignment) == 0 else {
            throw fault("its offset \(tensor.offset) is not a multiple of the alignment \(alignment)", subject)
        }
        let format = TensorFormat(rawValue: tensor.type)
        if let format, case let row = tensor.shape.last ?? 1, row % format.blockElements != 0 {
            throw fault("its rows of \(row) elements are not whole blocks of \(format.name) (\(format.blockElements))", subject)
        }
        let size = try byteCount(tensor, format)
        // A type of unknown size is listed with an empty range; using it is refused anyway.
        guard let offset = Int(exactly: tensor.offset), let end = sum(dataStart, offset, size ?? 0), end <= file.size else {
            throw fault(
                "its \(size.map { "\($0) bytes" } ?? "data") at offset \(tensor.offset) of the data "
                    + "end beyond the file (\(file.size) bytes): truncated?",
                subject)
        }
        let start = dataStart + offset
        return TensorEntry(
            name: tensor.name, shape: tensor.shape, format: format, formatName: GGMLType.name(tensor.type), file: fileIndex,
            bytes: start..<end)
    }

    /// nil where the type's size is not known.
    private func byteCount(_ tensor: ListedTensor, _ format: TensorFormat?) throws(CheckpointError) -> Int? {
        let size: Int?
        if let format {
            size = format.byteCount(elements: tensor.elements)
        } else if let bytes = GGMLType.plainBytes(tensor.type) {
            let (product, overflow) = tensor.elements.multipliedReportingOverflow(by: bytes)
            size = overflow ? nil : product
        } else {
            return nil
        }
        guard let size else { throw fault("shape \(tensor.shape) has too many elements", Self.subject(tensor.name)) }
        return size
    }

    private func checkOverlaps(_ entries: [TensorEntry]) throws(CheckpointError) {
        let sorted = entries.filter { !$0.bytes.isEmpty }.sorted { $0.bytes.lowerBound < $1.bytes.lowerBound }
        for (first, second) in zip(sorted, sorted.dropFirst()) where second.bytes.lowerBound < first.bytes.upperBound {
            throw fault("its bytes overlap those of tensor \(CheckpointError.quote(first.name))", Self.subject(second.name))
        }
    }

    private func sum(_ values: Int...) -> Int? {
        var total = 0
        for value in values {
            let (next, overflow) = total.addingReportingOverflow(value)
            guard !overflow else { return nil }
            total = next
        }
        return total
    }
}
