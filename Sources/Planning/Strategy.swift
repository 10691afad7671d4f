import Plans

/// A named restriction of the search. `auto` is the search without restriction.
public enum Strategy: String, Sendable, CaseIterable {
    /// Equal layers on every device, as most tools do.
    case even
    /// Layers in proportion to memory.
    case memory
    /// Weights, KV and activations spread over GPU, host and disk; zig-zag blocks (arXiv 2303.06865).
    case flexgen
    /// Each module split between CPU and GPU, the GPU's part streamed (arXiv 2403.01164).
    case hetegen
    /// Unequal tensor-parallel groups in unequal stages, several replicas (arXiv 2311.11514).
    case hexgen
    /// Unequal stages, prompts cut along tokens (HPipe, NAACL 2024).
    case hpipe
    case auto

    /// Every plan the strategy considered worth reporting, best first; plans that do not fit come last.
    ///
    /// - Parameter warm: a plan to start from (re-planning); only `hexgen` and `auto` use it.
    func search(_ problem: Problem, deadline: Deadline, warm: Evaluation? = nil) -> [Evaluation] {
        // Inside a search plans are judged quickly; the best are then simulated step by step.
        let quick = problem.quick
        let found =
            switch self {
            case .even: EvenStrategy(problem: quick).search()
            case .memory: MemoryStrategy(problem: quick).search()
            case .hpipe: HPipeStrategy(problem: quick, deadline: deadline).search()
            case .hetegen: HeteGenStrategy(problem: quick, deadline: deadline).search()
            case .hexgen: HexGenStrategy(problem: quick, deadline: deadline).search(warm: warm)
            case .flexgen: FlexGenStrategy(problem: quick, deadline: deadline).search()
            case .auto: AutoStrategy(problem: quick, deadline: deadline).search(warm: warm)
            }
        // `auto` has decided on its own.
        return self == .auto
            ? Self.ranked(found)
            : problem.decided(Self.ranked(found), contenders: Array(found.indices.prefix(contenders(warm != nil, of: found))))
    }

    /// How many of its best plans are simulated step by step: of `hexgen` more where not every request is in time anyway.
    func contenders(_ isWarm: Bool, of found: [Evaluation]) -> Int {
        guard self == .hexgen else { return isWarm ? 1 : 2 }
        // Only a service level's score says how many requests are late.
        let isLate = found.first?.prediction.sloAttainment != nil && found.allSatisfy { $0.score > 1e-3 }
        return isWarm ? 2 : isLate ? 12 : 5
    }

    /// What a strategy cannot do for a pin, in words; nil where it keeps any.
    var limitOfPins: String? {
        switch self {
        case .even, .memory, .hpipe, .auto: nil
        case .hetegen: "hetegen uses one GPU and the processor beside it"
        case .flexgen: "flexgen gives every layer of a GPU the same shares"
        case .hexgen: "hexgen lays out whole groups of equal GPUs"
        }
    }

    /// Fitting plans first, of those the ones that were simulated step by step, then by score; ties by name so that results do not depend
    /// on the order of search.
    static func ranked(_ evaluations: [Evaluation]) -> [Evaluation] {
        evaluations.enumerated().sorted { a, b in
            if a.element.fits != b.element.fits { return a.element.fits }
            if a.element.isSimulated != b.element.isSimulated { return a.element.isSimulated }
            if a.element.score != b.element.score { return a.element.score < b.element.score }
            return a.offset < b.offset
        }.map(\.element)
    }
}

/// When a search must end, and how long it has been going.
struct Deadline: Sendable {
    let start = ContinuousClock.now
    var seconds: Double

    init(seconds: Double) { self.seconds = seconds }

    var elapsed: Double {
        let parts = start.duration(to: .now).components
        return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
    }

    var passed: Bool { elapsed >= seconds }
}
