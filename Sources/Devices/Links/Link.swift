/// A way between two memories in one direction. Copies over it follow one another; an emulated one takes as long as its figures say.
public final class Link: @unchecked Sendable {
    /// For people: `host to gpu0`.
    public let name: String
    private let bytesPerSecond: Double?
    private let latency: Double
    private let timeline = Timeline()
    private let lock = Lock()
    private var moved = 0

    /// - Parameter bytesPerSecond: nil: as fast as the processor copies.
    public init(name: String, bytesPerSecond: Double? = nil, latency: Double = 0) {
        self.name = name
        self.bytesPerSecond = bytesPerSecond
        self.latency = latency
    }

    /// So many bytes are moved by one request; returns when they would have arrived.
    public func move(_ bytes: Int, since start: Double) {
        lock.lock()
        moved += bytes
        lock.unlock()
        guard let bytesPerSecond else { return }
        timeline.take(latency + Double(bytes) / bytesPerSecond, since: start)
    }

    /// Bytes so far, and seconds that they should have taken.
    public var figures: (bytes: Int, seconds: Double) {
        lock.lock()
        defer { lock.unlock() }
        return (moved, timeline.figures.seconds)
    }
}
