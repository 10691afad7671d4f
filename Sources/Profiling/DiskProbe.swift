import Glibc
import Plans

/// Measures the disk under a directory: sequential writes and reads past the page cache, several requests in flight.
///
/// The temporary file has no name from the moment it exists, so that nothing is left behind however the program ends.
struct DiskProbe {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    var directory: String
    /// Bytes of one request and how many are in flight.
    var requestBytes = 1 << 20
    var inFlight = 8
    /// Most bytes written, whatever the time.
    var mostBytes = 4 << 30
    /// Leaves at least this much of the file system free.
    var spareBytes = 256 << 20

    /// About half of `seconds` is spent writing and half reading.
    func measure(seconds: Double, progress: (Double) -> Void = { _ in }) throws(Failure) -> DiskProfile {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { throw failure("cannot be looked at", errno) }
        let unit = UInt64(max(1, status.f_frsize))
        let free = Int(clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: unit).partialValue)
        guard status.f_flag & UInt(ST_RDONLY) == 0 else {
            throw Failure(description: "\(directory) is on a read-only file system: its disk is not measured")
        }
        // Never more than an eighth of what is free.
        let room = min(mostBytes, min(free / 8, free - spareBytes)) / requestBytes * requestBytes
        guard room >= 16 * requestBytes else {
            throw Failure(description: "the file system of \(directory) has only \(max(0, free) >> 20) MiB free: its disk is not measured")
        }
        let (descriptor, direct) = try openFile()
        defer { close(descriptor) }
        let writing = try transfer(descriptor, bytes: room, seconds: seconds / 2, writes: true) { progress($0 / 2) }
        guard writing.bytes > 0, fdatasync(descriptor) == 0 else { throw failure("cannot be written to", errno) }
        if !direct { posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) }
        let writeRate = Double(writing.bytes) / max(1e-9, monotonicSeconds() - writing.start)
        let reading = try transfer(descriptor, bytes: writing.bytes, seconds: seconds / 2, writes: false) { progress(0.5 + $0 / 2) }
        guard reading.bytes > 0 else { throw failure("cannot be read back", EIO) }
        let how = direct ? "O_DIRECT" : "through the page cache, since its file system has no O_DIRECT"
        return DiskProfile(
            name: "disk", capacity: max(1, free),
            readBytesPerSecond: max(1, Double(reading.bytes) / max(1e-9, reading.end - reading.start)),
            writeBytesPerSecond: max(1, writeRate),
            source:
                "sequential at \(directory), \(how), \(inFlight) requests of \(requestBytes >> 20) MiB in flight, "
                + "\(writing.bytes >> 20) MiB"
        )
    }

    private func failure(_ what: String, _ code: Int32) -> Failure {
        Failure(description: "\(directory) \(what): \(String(cString: strerror(code))); its disk is not measured")
    }

    // Flags that Glibc's module leaves out, as Linux defines them.
    #if arch(arm64) || arch(arm) || arch(powerpc64le)
        private static let direct: Int32 = 0o200000
        private static let directory: Int32 = 0o40000
    #else
        private static let direct: Int32 = 0o40000
        private static let directory: Int32 = 0o200000
    #endif
    private static let temporary: Int32 = 0o20000000 | directory

    /// A file without a name: made so, or its name taken away at once.
    private func openFile() throws(Failure) -> (descriptor: Int32, direct: Bool) {
        for flags in [Self.direct, 0] {
            let descriptor = open(directory, Self.temporary | O_RDWR | O_CLOEXEC | flags, 0o600)
            if descriptor >= 0 { return (descriptor, flags != 0) }
        }
        var code: Int32 = 0
        for flags in [Self.direct, 0] {
            let path = "\(directory)/.motley-profile-\(getpid())-\(flags)"
            let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0o600)
            code = errno
            // Some file systems make the file and then refuse the flag.
            if descriptor >= 0 || code == EINVAL { unlink(path) }
            if descriptor >= 0 { return (descriptor, flags != 0) }
            guard code == EINVAL else { break }
        }
        throw failure("takes no file", code)
    }

    private struct Transfer {
        var bytes: Int
        var start: Double
        var end: Double
    }

    /// Requests one after another from the file's beginning, shared out among as many threads as are in flight.
    private func transfer(_ descriptor: Int32, bytes: Int, seconds: Double, writes: Bool, progress: (Double) -> Void) throws(Failure)
        -> Transfer
    {
        let work = DiskWork(
            descriptor: descriptor, requestBytes: requestBytes, bytes: bytes, deadline: monotonicSeconds() + seconds, writes: writes)
        let start = monotonicSeconds()
        var threads: [pthread_t] = []
        for _ in 0..<max(1, inFlight) {
            var thread = pthread_t()
            let retained = Unmanaged.passRetained(work)
            if pthread_create(
                &thread, nil,
                { argument in
                    if let argument { Unmanaged<DiskWork>.fromOpaque(argument).takeRetainedValue().run() }
                    return nil
                }, retained.toOpaque()) == 0
            {
                threads.append(thread)
            } else {
                retained.release()
            }
        }
        while work.done < threads.count {
            usleep(20_000)
            progress(min(1, (monotonicSeconds() - start) / max(1e-9, seconds)))
        }
        for thread in threads { pthread_join(thread, nil) }
        guard !threads.isEmpty else { throw failure("cannot be measured: no thread could be started", EAGAIN) }
        if let code = work.failure {
            // A file system that fills up while it is measured has at least been measured.
            guard code == ENOSPC || code == EDQUOT, work.finished > 0, writes else {
                throw failure(writes ? "cannot be written to" : "cannot be read back", code)
            }
        }
        return Transfer(bytes: work.finished, start: start, end: work.ended)
    }
}

func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
