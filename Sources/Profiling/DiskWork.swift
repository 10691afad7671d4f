import Glibc
import Synchronization

/// One direction of a disk measurement: requests that threads take in turn until the bytes or the time are used up.
final class DiskWork: Sendable {
    private struct State {
        var next = 0
        /// Bytes from the file's beginning that were transferred without a gap; requests that end out of turn wait in `late`.
        var finished = 0
        var late: Set<Int> = []
        var done = 0
        var ended = 0.0
        var failure: Int32?
    }

    private let state = Mutex(State())
    private let descriptor: Int32
    private let requestBytes: Int
    private let bytes: Int
    private let deadline: Double
    private let writes: Bool

    init(descriptor: Int32, requestBytes: Int, bytes: Int, deadline: Double, writes: Bool) {
        self.descriptor = descriptor
        self.requestBytes = requestBytes
        self.bytes = bytes
        self.deadline = deadline
        self.writes = writes
    }

    var finished: Int { state.withLock { $0.finished } }
    /// Threads that have ended.
    var done: Int { state.withLock { $0.done } }
    /// When the last request ended.
    var ended: Double { state.withLock { $0.ended } }
    var failure: Int32? { state.withLock { $0.failure } }

    /// On one thread.
    func run() {
        defer { state.withLock { $0.done += 1 } }
        // O_DIRECT wants aligned buffers.
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: requestBytes, alignment: 4096)
        defer { buffer.deallocate() }
        // File systems that compress must find nothing to compress.
        var random = UInt64(UInt(bitPattern: buffer)) | 1
        for index in 0..<requestBytes / 8 {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            buffer.storeBytes(of: random, toByteOffset: index * 8, as: UInt64.self)
        }
        while let offset = take() {
            var moved = 0
            while moved < requestBytes {
                let at = off_t(offset + moved)
                let count =
                    writes
                    ? pwrite(descriptor, buffer + moved, requestBytes - moved, at)
                    : pread(descriptor, buffer + moved, requestBytes - moved, at)
                if count < 0 && errno == EINTR { continue }
                if count <= 0 {
                    let code = count < 0 ? errno : EIO
                    state.withLock { $0.failure = $0.failure ?? code }
                    return
                }
                moved += count
            }
            finish(offset)
        }
    }

    /// The next request's offset. At least one request is made even where the time is up at once.
    private func take() -> Int? {
        let isLate = monotonicSeconds() > deadline
        return state.withLock { state in
            guard state.failure == nil, state.next + requestBytes <= bytes, !isLate || state.next == 0 else { return nil }
            defer { state.next += requestBytes }
            return state.next
        }
    }

    private func finish(_ offset: Int) {
        let now = monotonicSeconds()
        state.withLock { state in
            state.ended = max(state.ended, now)
            state.late.insert(offset)
            while state.late.remove(state.finished) != nil { state.finished += requestBytes }
        }
    }
}
