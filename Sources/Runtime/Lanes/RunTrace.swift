import Devices

/// What every lane did when in a real run: spans by track, for the trace viewers of Chrome and Perfetto.
public final class RunTrace: @unchecked Sendable {
    public struct Span: Sendable {
        /// Index into `tracks`.
        public var track: Int32
        /// Number of the step; 0: of weights that are read ahead.
        public var step: UInt32
        /// Seconds since the trace began.
        public var begin: Double
        public var seconds: Double
    }

    /// Most spans kept: a viewer takes no more.
    public static let limit = 400_000

    private let start = Stopwatch.now()
    private let lock = Lock()
    private var names: [String] = []
    private var recorded: [Span] = []
    private var left = 0

    public init() { recorded.reserveCapacity(4096) }

    /// A new track.
    func track(_ name: String) -> Int32 {
        locked {
            names.append(name)
            return Int32(names.count - 1)
        }
    }

    func add(_ track: Int32, step: UInt32, from begin: Double, to end: Double) {
        locked {
            guard recorded.count < Self.limit else {
                left += 1
                return
            }
            recorded.append(Span(track: track, step: step, begin: begin - start, seconds: end - begin))
        }
    }

    public var tracks: [String] { locked { names } }
    /// In the order in which they ended.
    public var spans: [Span] { locked { recorded } }
    /// Spans left out because there were too many.
    public var leftOut: Int { locked { left } }

    private func locked<Result>(_ body: () -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }
}
