#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The bytes of one file, mapped read-only for as long as the object lives.
///
/// Opening reads nothing; pages arrive as they are touched. The bytes never change through this object, so it may be shared between
/// threads. A file that another process shrinks while it is mapped cannot be guarded against: see docs/formats.md.
public final class MappedFile: @unchecked Sendable {
    private enum Ownership {
        case mapping
        case allocation
        case borrowed
    }

    /// What error messages call it.
    public let path: String
    public let bytes: UnsafeRawBufferPointer
    private let ownership: Ownership

    public var size: Int { bytes.count }

    /// Maps the regular file at `path`.
    public init(path: String) throws(CheckpointError) {
        // Without blocking: opening a named pipe would otherwise wait for its other end.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw CheckpointError(.unreadable, file: path, fault: "cannot be opened: " + Self.systemError()) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw CheckpointError(.unreadable, file: path, fault: "has no status: " + Self.systemError())
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw CheckpointError(.unreadable, file: path, fault: "is not a regular file") }
        let size = Int(status.st_size)
        self.path = path
        if size == 0 {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            ownership = .borrowed
            return
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw CheckpointError(.unreadable, file: path, fault: "cannot be mapped (\(size) bytes): " + Self.systemError())
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
        ownership = .mapping
    }

    /// A "file" in memory: a copy of `contents`.
    public init(contents: [UInt8], name: String) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: contents.count, alignment: 64)
        copy.copyBytes(from: contents)
        path = name
        bytes = UnsafeRawBufferPointer(copy)
        ownership = .allocation
    }

    /// A "file" over memory that outlives this object and everything read from it.
    public init(borrowing bytes: UnsafeRawBufferPointer, name: String) {
        path = name
        self.bytes = bytes
        ownership = .borrowed
    }

    deinit {
        switch ownership {
        case .mapping: if let address = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), bytes.count) }
        case .allocation: bytes.deallocate()
        case .borrowed: break
        }
    }

    /// Asks the system to read `range` ahead of use.
    public func prefetch(_ range: Range<Int>) {
        advise(range, MADV_WILLNEED, growing: true)
    }

    /// Gives the resident pages that lie wholly inside `range` back; touching them again reads them again.
    public func discard(_ range: Range<Int>) {
        advise(range, MADV_DONTNEED, growing: false)
    }

    private func advise(_ range: Range<Int>, _ advice: Int32, growing: Bool) {
        guard ownership == .mapping, let address = bytes.baseAddress else { return }
        let range = range.clamped(to: 0..<size)
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let lower = (growing ? range.lowerBound : range.lowerBound + page - 1) / page * page
        // The mapping's last page is partly beyond the file; it counts as whole.
        let upper = growing || range.upperBound == size ? (range.upperBound + page - 1) / page * page : range.upperBound / page * page
        guard lower < upper else { return }
        madvise(UnsafeMutableRawPointer(mutating: address + lower), upper - lower, advice)
    }

    /// Whether `path` is a directory; an error where nothing is there.
    static func isDirectory(_ path: String) throws(CheckpointError) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { throw CheckpointError(.unreadable, file: path, fault: systemError()) }
        return status.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether a regular file is at `path`.
    static func exists(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private static func systemError() -> String { String(cString: strerror(errno)) }
}
