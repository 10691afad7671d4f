#if canImport(Glibc)
    import Glibc
#endif

/// A file that is read at given places past the page cache, so that what is streamed neither fills memory nor counts as ours.
///
/// O_DIRECT where the file system has it; elsewhere, and for what a file's end leaves over, reads through the page cache whose pages are
/// given back. Any number of threads may read at once.
public final class DirectFile: @unchecked Sendable {
    /// Offsets, lengths and addresses of direct reads are multiples of it.
    public static let alignment = 4096

    public let path: String
    public let byteCount: Int
    /// Whether the page cache is passed by.
    public let isDirect: Bool
    private let direct: Int32
    private let buffered: Int32

    /// - Throws: `DiskError` where the file cannot be opened.
    public init(path: String, direct wanted: Bool = true) throws(DiskError) {
        self.path = path
        buffered = open(path, O_RDONLY | O_CLOEXEC)
        guard buffered >= 0 else { throw DiskError(path: path, operation: "opening", offset: 0, code: errno) }
        var status = stat()
        guard fstat(buffered, &status) == 0 else {
            let code = errno
            close(buffered)
            throw DiskError(path: path, operation: "examining", offset: 0, code: code)
        }
        byteCount = Int(status.st_size)
        direct = wanted ? open(path, O_RDONLY | O_CLOEXEC | OpenFlags.direct) : -1
        isDirect = direct >= 0
        if !isDirect { posix_fadvise(buffered, 0, 0, POSIX_FADV_RANDOM) }
    }

    deinit {
        close(buffered)
        if direct >= 0 { close(direct) }
    }

    /// Bytes of a buffer that holds `count` bytes from any offset on: the aligned range around them.
    public static func room(for count: Int) -> Int { (count + 2 * alignment - 1) / alignment * alignment }

    /// Reads `count` bytes from `offset` on into a buffer with `room(for: count)` bytes at an aligned address; returns where in the buffer
    /// they begin.
    ///
    /// - Throws: `DiskError` where the system refuses or the file ends before.
    public func read(_ count: Int, at offset: Int, into buffer: UnsafeMutableRawPointer) throws(DiskError) -> Int {
        guard count > 0 else { return 0 }
        let end = offset + count
        guard offset >= 0, end <= byteCount else { throw DiskError(path: path, operation: "reading", offset: offset, code: 0) }
        let first = offset / Self.alignment * Self.alignment
        var done = 0
        let wanted = end - first
        if isDirect {
            let length = (wanted + Self.alignment - 1) / Self.alignment * Self.alignment
            while done < wanted {
                let got = pread(direct, buffer + done, length - done, off_t(first + done))
                if got < 0 {
                    if errno == EINTR { continue }
                    // What this file system does not do directly is read through the cache.
                    if errno == EINVAL || errno == EPERM || errno == EOPNOTSUPP { break }
                    throw DiskError(path: path, operation: "reading", offset: first + done, code: errno)
                }
                if got == 0 { break }
                done += got
                // Only the file's end is no multiple: the rest, if there is one, is not direct.
                if done % Self.alignment != 0 { break }
            }
        }
        let cached = done
        while done < wanted {
            let got = pread(buffered, buffer + done, wanted - done, off_t(first + done))
            if got < 0 {
                if errno == EINTR { continue }
                throw DiskError(path: path, operation: "reading", offset: first + done, code: errno)
            }
            guard got > 0 else { throw DiskError(path: path, operation: "reading", offset: first + done, code: 0) }
            done += got
        }
        if cached < wanted { posix_fadvise(buffered, off_t(first + cached), off_t(wanted - cached), POSIX_FADV_DONTNEED) }
        return offset - first
    }
}

/// Why a file could not be read or written.
public struct DiskError: Error, Sendable, Equatable, CustomStringConvertible {
    public var path: String
    public var operation: String
    public var offset: Int
    /// The system's error number; 0: the file is shorter than it was.
    public var code: Int32

    public init(path: String, operation: String, offset: Int, code: Int32) {
        self.path = path
        self.operation = operation
        self.offset = offset
        self.code = code
    }

    public var description: String {
        "\(path): \(operation) failed at byte \(offset): \(code == 0 ? "the file has become shorter" : String(cString: strerror(code)))"
    }
}

/// Flags of `open` that Glibc's module leaves out, as Linux defines them.
enum OpenFlags {
    #if arch(arm64) || arch(arm) || arch(powerpc64le)
        static let direct: Int32 = 0o200000
        private static let directory: Int32 = 0o40000
    #else
        static let direct: Int32 = 0o40000
        private static let directory: Int32 = 0o200000
    #endif
    /// O_TMPFILE.
    static let temporary: Int32 = 0o20000000 | directory
}
