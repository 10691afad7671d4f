/// When a request counts as served in time, as limits at scale 1 and the scale they are multiplied by.
public struct ServiceLimits: Sendable, Equatable {
    /// Seconds from arrival to the last token.
    public var total = Double.infinity
    /// Seconds to the first token.
    public var first = Double.infinity
    /// Seconds per further token.
    public var each = Double.infinity
    public var scale = 1.0

    public init(total: Double = .infinity, first: Double = .infinity, each: Double = .infinity, scale: Double = 1) {
        self.total = total
        self.first = first
        self.each = each
        self.scale = scale
    }

    /// The least scale at which a request with these times is in time.
    func leastScale(first firstToken: Double, total finished: Double, output: Int) -> Double {
        max(finished / total, firstToken / first, (finished - firstToken) / Double(max(1, output - 1)) / each)
    }

    /// What the objective asks for; without a service level, five times what a lone request of mean lengths takes on the plan's fastest
    /// replica.
    init(_ problem: Problem, plan models: [ReplicaModel]) {
        self.init()
        let workload = problem.workload
        if case .slo(let level) = problem.objective {
            switch level {
            case .deadline(let seconds): total = seconds
            case .limits(let first, let each):
                self.first = first ?? .infinity
                self.each = each ?? .infinity
            case .scaled(let factor, let device, let count):
                total = Problem.referenceSeconds(device: device, count: count, shape: problem.shape, workload: workload)
                scale = factor
            }
        } else {
            let prompt = workload.meanPrompt, output = workload.meanOutput
            total =
                models.map { model in
                    model.prefillSeconds(sequences: 1, promptTokens: prompt) + max(0, output - 1)
                        * model.decodeRound(sequences: 1, context: prompt + output / 2)
                }.min() ?? .infinity
            scale = Self.loneScale
        }
    }

    /// The scale of objectives without a service level.
    static let loneScale = 5.0

    /// In words.
    var text: String {
        var parts: [String] = []
        if total.isFinite { parts.append("\(Text.seconds(total * scale)) in all") }
        if first.isFinite { parts.append("\(Text.seconds(first * scale)) to the first token") }
        if each.isFinite { parts.append("\(Text.seconds(each * scale)) per token") }
        return parts.joined(separator: ", ")
    }
}
