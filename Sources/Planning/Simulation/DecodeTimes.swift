import Models

/// Seconds of one stage's decode steps, remembered: every sequence brings one token, so that for a number of sequences only the positions
/// they attend to change from step to step.
///
/// A step's time is convex in these (sums and maxima of what is linear), and a convex course whose middle lies on the chord of two points
/// is straight between them: there it is read from the line, else evaluated. Sliding windows, and layers that differ and are streamed
/// through a window, bend the other way; stages that have them are not remembered.
struct DecodeTimes {
    /// The course between two numbers of cached positions.
    struct Line {
        var from: Double
        var seconds: Double
        var secondsPerPosition: Double
        /// By the stage's devices.
        var busy: [Double]
        var busyPerPosition: [Double]
    }

    private let isUsable: Bool
    /// By number of sequences and octave of their mean context; nil: bent, to be evaluated each time.
    private(set) var lines: [Int: Line?] = [:]

    /// Bounds the memory it takes.
    static let mostLines = 1 << 13

    init(_ stage: StageModel) {
        let isWindowed = stage.groups.contains { $0.layer.attention.slidingWindow != nil }
        isUsable = !isWindowed && (stage.groups.count == 1 || !stage.isStreaming)
    }

    /// What `lines` knows a decode step by; nil where it has to be evaluated.
    func key(_ load: StepLoad) -> Int? {
        guard isUsable, load.tokens >= 1, load.cached >= load.tokens else { return nil }
        let octave = Int((load.cached / load.tokens).exponent)
        return octave < 63 ? Int(load.tokens) << 6 | octave : nil
    }

    /// Notes what a decode step's time lies on.
    mutating func learn(_ key: Int, _ load: StepLoad, _ stage: StageModel) -> Line? {
        guard lines.count < Self.mostLines else { return nil }
        let line = Self.line(load, from: load.tokens * Double(1 << (key & 63)), stage)
        lines[key] = .some(line)
        return line
    }

    /// The line from so many positions to twice as many.
    private static func line(_ load: StepLoad, from start: Double, _ stage: StageModel) -> Line? {
        func time(_ cached: Double) -> StageTime {
            var load = load
            (load.cached, load.pairs) = (cached, cached)
            return stage.time(load)
        }
        let first = time(start), middle = time(1.5 * start), last = time(2 * start)
        let chord = (first.seconds + last.seconds) / 2
        guard abs(middle.seconds - chord) <= 1e-12 * chord else { return nil }
        return Line(
            from: start, seconds: first.seconds, secondsPerPosition: (last.seconds - first.seconds) / start, busy: first.busy,
            busyPerPosition: zip(first.busy, last.busy).map { ($1 - $0) / start })
    }
}
