/// A way between two memories in one direction. Copies over it follow one another; an emulated one takes as long as its figures say.
public final class Link: @unchecked Sendable {
    /// For people: `host to gpu0`.
    public let name: String
    private let bytesPerSecond: Double?
    private let latency: Double
    private let timeline = Timeline()
    private let busy = BusyTime()
    private let lock = Lock()
    private var moved = 0

    /// - Parameter bytesPerSecond: nil: as fast as the processor copies.
    public init(name: String, bytesPerSecond: Double? = nil, latency: Double = 0) {
        self.name = name
        self.bytesPerSecond = bytesPerSecond
        self.latency = latency
    }

    /// Moves so many bytes by one request: `copy` copies them, and this returns when they would have arrived.
    public func move(_ bytes: Int, _ copy: () -> Void) {
        busy.begin()
        defer { busy.end() }
        let start = Stopwatch.now()
        copy()
        lock.lock()
        moved += bytes
        lock.unlock()
        guard let bytesPerSecond else { return }
        timeline.take(latency + Double(bytes) / bytesPerSecond, since: start)
    }

    /// Bytes so far, and seconds in which some were under way.
    public var figures: (bytes: Int, seconds: Double) {
        lock.lock()
        defer { lock.unlock() }
        return (moved, busy.seconds)
    }
}

extension [Link] {
    /// Moves bytes over one link after another at once: what a copy takes is the longest of what they take.
    public func move(_ bytes: Int, _ copy: () -> Void) {
        switch count {
        case 0: copy()
        case 1: self[0].move(bytes, copy)
        default: self[0].move(bytes) { Array(dropFirst()).move(bytes, copy) }
        }
    }
}
