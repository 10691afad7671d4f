/// One GGUF file (version 2 or 3, little endian), opened: its metadata and where its tensors are. See docs/formats.md.
///
/// Everything the header says has been checked against the file's size before a value of this type exists.
public struct GGUFFile: Sendable {
    public let file: MappedFile
    public let version: Int
    public let metadata: GGUFMetadata
    /// In the file's order; ranges count from the start of the file.
    public let tensors: [TensorEntry]
    /// Tensors start at multiples of this (bytes), counted from the end of the header.
    public let alignment: Int
    /// The bytes before the tensors' data.
    public let header: Range<Int>

    /// The alignment of files that do not state one.
    static let defaultAlignment = 32
    static let magic: [UInt8] = [0x47, 0x47, 0x55, 0x46]

    public init(path: String) throws(CheckpointError) {
        try self.init(file: try MappedFile(path: path))
    }

    /// - Parameter fileIndex: what `TensorEntry.file` shall say.
    public init(file: MappedFile, fileIndex: Int = 0) throws(CheckpointError) {
        var parser = GGUFParser(file: file, fileIndex: fileIndex)
        let counts = try parser.readPreamble()
        metadata = try parser.readMetadata(count: counts.metadata)
        alignment = try GGUFParser.alignment(of: metadata)
        let listed = try parser.readTensorList(count: counts.tensors)
        let dataStart = try parser.dataStart(alignment: alignment)
        tensors = try parser.place(listed, dataStart: dataStart, alignment: alignment)
        version = counts.version
        header = 0..<min(dataStart, file.size)
        self.file = file
    }
}
