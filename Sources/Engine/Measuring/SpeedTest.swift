import Plans

/// What `motley bench` measures: steps with random tokens, without sampling, as llama-bench does.
public struct SpeedTest: Sendable, Equatable {
    public enum Kind: String, Sendable {
        /// Prompts alone.
        case prefill = "pp"
        /// Generated tokens alone.
        case decode = "tg"
    }

    public var kind: Kind
    /// Tokens of each sequence that are timed.
    public var tokens: Int
    /// Sequences that run side by side.
    public var parallel: Int
    /// Tokens already in each sequence's context.
    public var depth: Int

    public init(kind: Kind, tokens: Int, parallel: Int, depth: Int = 0) {
        self.kind = kind
        self.tokens = tokens
        self.parallel = parallel
        self.depth = depth
    }

    /// llama-bench's name, for example `pp512` or `tg64 @ d2000`.
    public var name: String { "\(kind.rawValue)\(tokens)" }

    /// KV blocks the test needs.
    public func blocks(blockTokens: Int) -> Int { parallel * ((depth + tokens + blockTokens - 1) / blockTokens) }
}

/// Runs speed tests on one executor. Not shared.
public final class SpeedTester {
    private let executor: any StepExecutor
    private var random: UInt64 = 0x1234_5678

    public init(executor: any StepExecutor) { self.executor = executor }

    /// Tokens per second over all sequences.
    public func run(_ test: SpeedTest) throws -> Double {
        let size = executor.keyValueBlockTokens
        let perSequence = (test.depth + test.tokens + size - 1) / size
        let entries = (0..<test.parallel).map { sequence in
            Step.Entry(
                sequence: sequence, start: 0, tokens: [], blocks: (0..<perSequence).map { Int32($0 + sequence * perSequence) }, logits: [])
        }
        if test.depth > 0 { try prefill(entries, from: 0, count: test.depth, wantsLogits: false) }
        let start = MonotonicClock.seconds()
        switch test.kind {
        case .prefill: try prefill(entries, from: test.depth, count: test.tokens, wantsLogits: true)
        case .decode: try decode(entries, from: test.depth, count: test.tokens)
        }
        return Double(test.parallel * test.tokens) / (MonotonicClock.seconds() - start)
    }

    /// Computes `count` tokens of every sequence, as many per step and as many steps at once as the executor takes; logits of the last
    /// tokens.
    private func prefill(_ entries: [Step.Entry], from start: Int, count: Int, wantsLogits: Bool) throws {
        var step = Step(entries: [])
        var room = executor.maximumStepTokens
        var steps = StepsInFlight(executor: executor)
        defer { steps.drain() }
        func flush() throws {
            if steps.isFull { _ = try steps.waitForOldest() }
            if !step.entries.isEmpty { try steps.submit(step) }
            step.entries = []
            room = executor.maximumStepTokens
        }
        for entry in entries {
            var done = 0
            while done < count {
                let slice = min(room, count - done)
                var part = entry
                part.start = start + done
                part.tokens = (0..<slice).map { _ in token() }
                done += slice
                part.logits = wantsLogits && done == count ? [slice - 1] : []
                step.entries.append(part)
                room -= slice
                // Slices of one sequence go into different steps.
                if room == 0 || done < count || step.entries.count == executor.maximumLogits { try flush() }
            }
        }
        try flush()
        while !steps.isEmpty { _ = try steps.waitForOldest() }
    }

    /// Generates `count` tokens of every sequence, one step after another: the next token is not known before.
    private func decode(_ entries: [Step.Entry], from start: Int, count: Int) throws {
        var step = Step(entries: entries)
        for index in step.entries.indices {
            step.entries[index].tokens = [0]
            step.entries[index].logits = [0]
        }
        for position in 0..<count {
            for index in step.entries.indices {
                step.entries[index].start = start + position
                step.entries[index].tokens[0] = token()
            }
            try executor.wait(try executor.submit(step))
        }
    }

    private func token() -> Int32 {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int32(truncatingIfNeeded: (random >> 33) % UInt64(executor.vocabularySize))
    }
}
