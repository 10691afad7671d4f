/// Reads a GGUF header front to back, trusting nothing in it.
struct GGUFParser {
    struct Counts {
        var version: Int
        var metadata: Int
        var tensors: Int
    }

    /// A tensor as listed, before its range is known to be sound.
    struct ListedTensor {
        var name: String
        /// Outermost first.
        var shape: [Int]
        var elements: Int
        var type: UInt32
        /// From the start of the data.
        var offset: UInt64
    }

    /// Bytes a key or name may have.
    static let longestName = 65_535
    static let mostDimensions = 4

    let file: MappedFile
    let fileIndex: Int
    private var reader: ByteReader

    init(file: MappedFile, fileIndex: Int) {
        self.file = file
        self.fileIndex = fileIndex
        reader = ByteReader(file.bytes)
    }

    // MARK: The header's parts, in order

    mutating func readPreamble() throws(CheckpointError) -> Counts {
        guard let magic = reader.take(4), magic.elementsEqual(GGUFFile.magic) else {
            throw fault("is not a GGUF file: it does not start with 'GGUF'")
        }
        guard let version = reader.read(UInt32.self) else { throw truncated("the version") }
        guard version == 2 || version == 3 else {
            if version.byteSwapped <= 3 {
                throw unsupported("is a big-endian GGUF file", remedy: "convert it to little endian")
            }
            throw unsupported("has GGUF version \(version)", remedy: "versions 2 and 3 can be read")
        }
        guard let tensors = reader.read(UInt64.self), let metadata = reader.read(UInt64.self) else { throw truncated("the counts") }
        // The least a key with its value and a listed tensor can take: 8 + 1 + 4 + 1 and 8 + 1 + 4 + 4 + 8 bytes.
        try check(metadata, fits: 14, "metadata entries")
        try check(tensors, fits: 25, "tensors")
        return Counts(version: Int(version), metadata: Int(metadata), tensors: Int(tensors))
    }

    mutating func readMetadata(count: Int) throws(CheckpointError) -> GGUFMetadata {
        var metadata = GGUFMetadata(file: file.path)
        for index in 0..<count {
            let key = try readName("metadata entry \(index)", "key")
            let subject = "key " + CheckpointError.quote(key)
            guard let number = reader.read(UInt32.self) else { throw truncated(subject) }
            guard let type = GGUFValueType(rawValue: number) else { throw fault("value type \(number) does not exist", subject) }
            let value = try readValue(type, subject)
            guard metadata.insert(key, value) else { throw fault("appears twice", subject) }
        }
        return metadata
    }

    static func alignment(of metadata: GGUFMetadata) throws(CheckpointError) -> Int {
        guard let alignment = try metadata.integer("general.alignment") else { return GGUFFile.defaultAlignment }
        guard alignment > 0, alignment <= 1 << 20, alignment.nonzeroBitCount == 1 else {
            throw CheckpointError(
                .malformed, file: metadata.file, subject: "key 'general.alignment'",
                fault: "\(alignment) is not a power of two between 1 and \(1 << 20)")
        }
        return alignment
    }

    mutating func readTensorList(count: Int) throws(CheckpointError) -> [ListedTensor] {
        var tensors: [ListedTensor] = []
        var names: Set<String> = []
        for index in 0..<count {
            let name = try readName("tensor \(index)", "name")
            let subject = Self.subject(name)
            guard names.insert(name).inserted else { throw fault("appears twice", subject) }
            guard let dimensions = reader.read(UInt32.self) else { throw truncated(subject) }
            guard dimensions <= Self.mostDimensions else {
                throw fault("has \(dimensions) dimensions; at most \(Self.mostDimensions) can be", subject)
            }
            var shape: [Int] = []
            for _ in 0..<dimensions {
                guard let dimension = reader.read(UInt64.self) else { throw truncated(subject) }
                guard dimension > 0, let size = Int(exactly: dimension) else { throw fault("has a dimension of \(dimension)", subject) }
                shape.append(size)
            }
            // The file counts from the innermost dimension.
            shape.reverse()
            guard let elements = TensorEntry.elementCount(shape) else { throw fault("shape \(shape) has too many elements", subject) }
            guard let type = reader.read(UInt32.self), let offset = reader.read(UInt64.self) else { throw truncated(subject) }
            tensors.append(ListedTensor(name: name, shape: shape, elements: elements, type: type, offset: offset))
        }
        return tensors
    }

    /// Where the data starts: the header's end, aligned. May lie beyond the end of a file without tensors.
    func dataStart(alignment: Int) throws(CheckpointError) -> Int {
        (reader.offset + alignment - 1) / alignment * alignment
    }

    // MARK: Values

    private mutating func readName(_ subject: String, _ what: String) throws(CheckpointError) -> String {
        guard let bytes = reader.takeString() else { throw truncated("the \(what) of \(subject)") }
        guard !bytes.isEmpty, bytes.count <= Self.longestName else { throw fault("its \(what) has \(bytes.count) bytes", subject) }
        guard let name = String(validating: bytes, as: UTF8.self) else { throw fault("its \(what) is not UTF-8", subject) }
        return name
    }

    private mutating func readValue(_ type: GGUFValueType, _ subject: String) throws(CheckpointError) -> GGUFValue {
        switch type {
        case .uint8: return .uint8(try read(subject))
        case .int8: return .int8(try read(subject))
        case .uint16: return .uint16(try read(subject))
        case .int16: return .int16(try read(subject))
        case .uint32: return .uint32(try read(subject))
        case .int32: return .int32(try read(subject))
        case .uint64: return .uint64(try read(subject))
        case .int64: return .int64(try read(subject))
        case .float32: return .float32(Float(bitPattern: try read(subject)))
        case .float64: return .float64(Double(bitPattern: try read(subject)))
        case .bool:
            let byte: UInt8 = try read(subject)
            guard byte <= 1 else { throw fault("\(byte) is not a boolean", subject) }
            return .bool(byte == 1)
        case .string:
            guard let bytes = reader.takeString() else { throw truncated(subject) }
            guard let string = String(validating: bytes, as: UTF8.self) else { throw fault("its string is not UTF-8", subject) }
            return .string(string)
        case .array: return .array(try readArray(subject))
        }
    }

    private mutating func readArray(_ subject: String) throws(CheckpointError) -> GGUFArray {
        let number: UInt32 = try read(subject)
        guard let type = GGUFValueType(rawValue: number) else { throw fault("element type \(number) does not exist", subject) }
        guard type != .array else { throw unsupported("is an array of arrays", subject) }
        let count: UInt64 = try read(subject)
        try check(count, fits: type.byteCount ?? MemoryLayout<UInt64>.size, "elements", subject)
        let start = reader.offset
        if let size = type.byteCount {
            // No overflow: the count was just compared with the bytes left.
            guard reader.take(count * UInt64(size)) != nil else { throw truncated(subject) }
        } else {
            for index in 0..<count {
                guard reader.takeString() != nil else { throw truncated(subject + ", element \(index)") }
            }
        }
        return GGUFArray(elementType: type, count: Int(count), file: file, range: start..<reader.offset)
    }

    private mutating func read<Value: FixedWidthInteger>(_ subject: String) throws(CheckpointError) -> Value {
        guard let value = reader.read(Value.self) else { throw truncated(subject) }
        return value
    }

    // MARK: Faults

    static func subject(_ name: String) -> String { "tensor " + CheckpointError.quote(name) }

    private func check(_ count: UInt64, fits bytesEach: Int, _ what: String, _ subject: String? = nil) throws(CheckpointError) {
        guard count <= UInt64(reader.remaining / bytesEach) else {
            throw fault("claims \(count) \(what), but only \(reader.remaining) bytes follow", subject)
        }
    }

    func truncated(_ subject: String) -> CheckpointError { fault("the file ends in it (at \(file.size) bytes): truncated?", subject) }

    func fault(_ fault: String, _ subject: String? = nil) -> CheckpointError {
        CheckpointError(.malformed, file: file.path, subject: subject, fault: fault)
    }

    func unsupported(_ fault: String, _ subject: String? = nil, remedy: String? = nil) -> CheckpointError {
        CheckpointError(.unsupported, file: file.path, subject: subject, fault: fault, remedy: remedy)
    }
}
