import Glibc

/// Which file a descriptor is of, whatever its path.
struct FileIdentity: Sendable, Equatable {
    private let device: UInt
    private let node: UInt

    /// - Throws: for what is no regular file.
    init(_ descriptor: Int32, _ path: String) throws(BatchError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .refused(BatchError.system(path, "cannot be looked at", errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .refused("\(path): is no regular file") }
        device = UInt(status.st_dev)
        node = UInt(status.st_ino)
    }
}
