import Checkpoints

enum Files {
    /// The bytes of a file; its mapping is kept for as long as the process lives.
    static func read(_ path: String) throws -> UnsafeRawBufferPointer {
        let file = try MappedFile(path: path)
        return UnsafeRawBufferPointer(start: Unmanaged.passRetained(file).takeUnretainedValue().bytes.baseAddress, count: file.size)
    }
}
