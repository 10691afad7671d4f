#if canImport(Glibc)
    import Glibc
#endif

/// A file without a name that is written and read at given places and gone with the process: room on a disk for what memory has none for.
///
/// Past the page cache where the file system can. Its blocks are there from the beginning, so that a full disk is noticed before work
/// begins. Any number of threads may use it at once.
public final class ScratchFile: @unchecked Sendable {
    /// The folder it is in.
    public let directory: String
    public let byteCount: Int
    private let descriptor: Int32

    /// - Throws: `DiskError` where the folder cannot be written or has no room.
    public init(directory: String, byteCount: Int) throws(DiskError) {
        self.directory = directory
        self.byteCount = byteCount
        var file = open(directory, O_RDWR | O_CLOEXEC | OpenFlags.temporary | OpenFlags.direct, 0o600)
        if file < 0 { file = open(directory, O_RDWR | O_CLOEXEC | OpenFlags.temporary, 0o600) }
        if file < 0, errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL {
            var name = Array((directory + "/motley-XXXXXX").utf8CString)
            file = mkstemp(&name)
            if file >= 0 {
                fcntl(file, F_SETFD, FD_CLOEXEC)
                unlink(name)
            }
        }
        guard file >= 0 else { throw DiskError(path: directory, operation: "making a scratch file", offset: 0, code: errno) }
        descriptor = file
        let status = byteCount > 0 ? posix_fallocate(file, 0, off_t(byteCount)) : 0
        guard status == 0 else {
            close(file)
            throw DiskError(path: directory, operation: "reserving \(byteCount) bytes", offset: 0, code: status)
        }
    }

    deinit { close(descriptor) }

    /// - Precondition: offset, count and address are multiples of `DirectFile.alignment`.
    public func read(_ count: Int, at offset: Int, into buffer: UnsafeMutableRawPointer) throws(DiskError) {
        try transfer(count, offset, "reading") { pread(descriptor, buffer + $0, count - $0, off_t(offset + $0)) }
    }

    /// - Precondition: offset, count and address are multiples of `DirectFile.alignment`.
    public func write(_ count: Int, at offset: Int, from buffer: UnsafeRawPointer) throws(DiskError) {
        try transfer(count, offset, "writing") { pwrite(descriptor, buffer + $0, count - $0, off_t(offset + $0)) }
    }

    private func transfer(_ count: Int, _ offset: Int, _ operation: String, _ body: (Int) -> Int) throws(DiskError) {
        var done = 0
        while done < count {
            let moved = body(done)
            if moved < 0 {
                if errno == EINTR { continue }
                throw DiskError(path: directory, operation: operation, offset: offset + done, code: errno)
            }
            guard moved > 0 else { throw DiskError(path: directory, operation: operation, offset: offset + done, code: 0) }
            done += moved
        }
    }
}
