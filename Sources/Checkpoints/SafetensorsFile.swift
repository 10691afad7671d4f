import JSON

/// One safetensors file, opened: a JSON header, then the tensors' bytes without gaps. See docs/formats.md.
public struct SafetensorsFile: Sendable {
    public let file: MappedFile
    /// By position in the file; ranges count from the start of the file.
    public let tensors: [TensorEntry]
    /// The bytes before the tensors' data.
    public let header: Range<Int>

    /// The longest header the format's own library reads (bytes).
    static let longestHeader = 100_000_000
    static let mostDimensions = 16

    public init(path: String) throws(CheckpointError) {
        try self.init(file: try MappedFile(path: path))
    }

    /// - Parameter fileIndex: what `TensorEntry.file` shall say.
    public init(file: MappedFile, fileIndex: Int = 0) throws(CheckpointError) {
        self.file = file
        let length = try Self.headerLength(file)
        header = 0..<8 + length
        let json: JSON
        do {
            json = try JSON(parsing: UnsafeRawBufferPointer(rebasing: file.bytes[8..<8 + length]))
        } catch {
            throw CheckpointError(.malformed, file: file.path, subject: "header", fault: error.description)
        }
        guard let members = json.object else {
            throw CheckpointError(.malformed, file: file.path, subject: "header", fault: "is not a JSON object")
        }
        if let notes = json["__metadata__"], notes.object?.values.allSatisfy({ $0.string != nil }) != true {
            throw CheckpointError(.malformed, file: file.path, subject: "key '__metadata__'", fault: "is not an object of strings")
        }
        var tensors: [TensorEntry] = []
        for (name, value) in members where name != "__metadata__" {
            tensors.append(try Self.entry(name, value, file: file, fileIndex: fileIndex, dataStart: 8 + length))
        }
        tensors.sort { ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound) }
        try Self.checkCoverage(tensors, file: file, dataStart: 8 + length)
        self.tensors = tensors
    }

    private static func headerLength(_ file: MappedFile) throws(CheckpointError) -> Int {
        var reader = ByteReader(file.bytes)
        guard let length = reader.read(UInt64.self) else {
            throw CheckpointError(.malformed, file: file.path, fault: "is too short for a safetensors file (\(file.size) bytes)")
        }
        guard length <= UInt64(reader.remaining), length <= UInt64(longestHeader) else {
            throw CheckpointError(
                .malformed, file: file.path, subject: "header",
                fault: "claims \(length) bytes; the file has \(file.size): truncated, or not safetensors?")
        }
        return Int(length)
    }

    private static func entry(_ name: String, _ value: JSON, file: MappedFile, fileIndex: Int, dataStart: Int) throws(CheckpointError)
        -> TensorEntry
    {
        let subject = "tensor " + CheckpointError.quote(name)
        func fault(_ text: String) -> CheckpointError { CheckpointError(.malformed, file: file.path, subject: subject, fault: text) }
        guard let type = value["dtype"]?.string else { throw fault("has no 'dtype'") }
        guard let dimensions = value["shape"]?.array else { throw fault("has no 'shape'") }
        guard dimensions.count <= mostDimensions else {
            throw fault("has \(dimensions.count) dimensions; at most \(mostDimensions) can be")
        }
        var shape: [Int] = []
        for dimension in dimensions {
            guard case .integer(let size) = dimension, size >= 0 else {
                throw fault("its shape holds \(dimension.serialized().prefix(40)), not a size")
            }
            shape.append(size)
        }
        guard let elements = TensorEntry.elementCount(shape) else { throw fault("shape \(shape) has too many elements") }
        guard let offsets = value["data_offsets"]?.array, offsets.count == 2, case .integer(let begin) = offsets[0],
            case .integer(let end) = offsets[1]
        else { throw fault("has no 'data_offsets' of two integers") }
        guard 0 <= begin, begin <= end, end <= file.size - dataStart else {
            throw fault("its bytes \(begin) to \(end) are not in the data (\(file.size - dataStart) bytes): truncated?")
        }
        if let size = elementBytes[type] {
            let (expected, overflow) = elements.multipliedReportingOverflow(by: size)
            guard !overflow, expected == end - begin else {
                throw fault("shape \(shape) of \(type) does not take the \(end - begin) bytes it has")
            }
        }
        return TensorEntry(
            name: name, shape: shape, format: formats[type], formatName: String(type.prefix(32)), file: fileIndex,
            bytes: dataStart + begin..<dataStart + end)
    }

    /// The format allows neither overlaps nor gaps nor bytes behind the last tensor.
    private static func checkCoverage(_ sorted: [TensorEntry], file: MappedFile, dataStart: Int) throws(CheckpointError) {
        var end = dataStart
        for tensor in sorted {
            guard tensor.bytes.lowerBound == end else {
                throw CheckpointError(
                    .malformed, file: file.path, subject: "tensor " + CheckpointError.quote(tensor.name),
                    fault: tensor.bytes.lowerBound < end
                        ? "its bytes overlap the tensor before it" : "\(tensor.bytes.lowerBound - end) bytes before it belong to no tensor")
            }
            end = tensor.bytes.upperBound
        }
        guard end == file.size else {
            throw CheckpointError(.malformed, file: file.path, fault: "\(file.size - end) bytes after the last tensor belong to none")
        }
    }

    private static let formats: [String: TensorFormat] = ["F32": .f32, "F16": .f16, "BF16": .bf16]

    /// Types of other names are listed, but their sizes cannot be checked.
    private static let elementBytes: [String: Int] = [
        "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4,
        "F64": 8,
        "I64": 8, "U64": 8,
    ]
}
