public import CKernels
public import Checkpoints

extension TensorFormat {
    /// The kernels' word for the format; the numbers are the same.
    public var kernelFormat: mk_format { mk_format(rawValue: rawValue) }
}

/// How many bytes a matrix of `rows` x `columns` takes once packed for the kernels; nil where the size overflows.
public func packedByteCount(format: TensorFormat, rows: Int, columns: Int) -> Int? {
    let group = mk_packed_group_bytes(format.kernelFormat, Int64(columns))
    let (bytes, overflow) = Int(group).multipliedReportingOverflow(by: (rows + 15) / 16)
    return overflow ? nil : bytes
}

extension CPU {
    /// Packs a range of a matrix on all workers, as if the range were all of it.
    ///
    /// - Parameters:
    ///   - firstRow: first output row taken.
    ///   - firstColumn: first input taken; a multiple of the format's block, like `columns`.
    ///   - destination: room for `packedByteCount` of the range.
    public func pack(
        _ source: StoredRows, firstRow: Int, rows: Int, firstColumn: Int = 0, columns: Int, into destination: UnsafeMutableRawPointer
    ) {
        guard rows > 0, columns > 0 else { return }
        let block = source.format.blockElements
        precondition(
            firstRow >= 0 && firstColumn >= 0 && firstColumn % block == 0 && columns % block == 0,
            "a matrix in \(source.format.name) cannot be packed from column \(firstColumn) for \(columns)")
        precondition(source.first <= (source.isTransposed ? firstColumn : firstRow), "the range begins before the rows that are in memory")
        let perWorker = source.isTransposed ? 16 * columns * source.format.blockBytes : 0
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: max(64, perWorker * workers), alignment: 64)
        defer { scratch.deallocate() }
        var job = mk_packing_job()
        job.format = source.format.kernelFormat
        job.source = source.base.assumingMemoryBound(to: UInt8.self)
        job.source_row = Int64(source.first)
        job.row_bytes = Int64(source.rowBytes)
        job.transposed = source.isTransposed
        job.first_row = Int64(firstRow)
        job.rows = Int64(rows)
        job.first_column = Int64(firstColumn)
        job.columns = Int64(columns)
        job.destination = destination.assumingMemoryBound(to: UInt8.self)
        job.scratch = scratch.assumingMemoryBound(to: UInt8.self)
        job.scratch_stride = Int64(perWorker)
        withUnsafeMutablePointer(to: &job) { run(mk_run_packing, UnsafeMutableRawPointer($0)) }
    }

    /// Packs a range of a matrix of which the whole tensor is in memory.
    ///
    /// - Parameters:
    ///   - source: the whole tensor as stored.
    ///   - storedShape: its shape, outermost first; inputs x outputs where `transposed`.
    public func pack(
        _ format: TensorFormat, source: UnsafeRawBufferPointer, storedShape: [Int], firstRow: Int, rows: Int, firstColumn: Int = 0,
        columns: Int, transposed: Bool, into destination: UnsafeMutableRawPointer
    ) {
        guard let base = source.baseAddress else { return }
        guard let rowBytes = format.byteCount(elements: storedShape.last ?? 0) else {
            preconditionFailure("a row in \(format.name) is no whole number of blocks")
        }
        let stored = StoredRows(format: format, base: base, rowBytes: rowBytes, isTransposed: transposed)
        pack(stored, firstRow: firstRow, rows: rows, firstColumn: firstColumn, columns: columns, into: destination)
    }
}
