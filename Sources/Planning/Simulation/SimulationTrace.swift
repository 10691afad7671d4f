import Plans

/// What every stage did when, for the trace viewers of Chrome and Perfetto.
public struct SimulationTrace: Sendable {
    struct Span: Sendable {
        var replica: Int32
        var stage: Int32
        var step: Int
        var begin: Double
        var seconds: Double
        var tokens: Double
        var sequences: Double
        var cached: Double
    }

    struct Sample: Sendable {
        var replica: Int32
        var seconds: Double
        var waiting: Int32
        var running: Int32
        var blocks: Int32
    }

    /// What people see of a replica: its stages' devices.
    struct Process: Sendable {
        var name: String
        var stages: [String]
    }

    struct Mark: Sendable {
        var name: String
        var seconds: Double
    }

    /// Most spans kept: a viewer takes no more, and a file grows by about 200 bytes each.
    static let limit = 400_000

    let isRecording: Bool
    private(set) var spans: [Span] = []
    private(set) var samples: [Sample] = []
    var processes: [Process] = []
    var marks: [Mark] = []
    /// Spans left out because there were too many.
    private(set) var left = 0

    init(isRecording: Bool) { self.isRecording = isRecording }

    mutating func add(replica: Int, stage: Int, step: Int, begin: Double, seconds: Double, _ load: StepLoad) {
        guard spans.count < Self.limit else {
            left += 1
            return
        }
        spans.append(
            Span(
                replica: Int32(replica), stage: Int32(stage), step: step, begin: begin, seconds: seconds, tokens: load.tokens,
                sequences: load.sequences, cached: load.cached))
    }

    mutating func sample(replica: Int, at seconds: Double, waiting: Int, running: Int, blocks: Int) {
        guard isRecording, samples.count < Self.limit else { return }
        samples.append(
            Sample(
                replica: Int32(replica), seconds: seconds, waiting: Int32(clamping: waiting), running: Int32(clamping: running),
                blocks: Int32(clamping: blocks)))
    }
}
