import Plans
import Testing

@testable import Scheduling

/// A generator with a seed, so that a failing case can be run again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// An executor that holds, instead of keys and values, which token stands where: a step that reads anything else than its own sequence's
/// past from its blocks is caught.
struct RecordingExecutor {
    let blockTokens: Int
    /// Per block and offset: hash of the tokens up to there; nil: never written.
    var memory: [[Int?]]

    init(limits: SchedulerLimits) {
        blockTokens = limits.blockTokens
        memory = Array(repeating: Array(repeating: nil, count: limits.blockTokens), count: limits.blockCount)
    }

    /// Gives for each logits row the token that follows: a function of all tokens before.
    mutating func run(_ step: Step) -> [Int32] {
        var rows: [Int32] = []
        var written: Set<Int> = []
        // All writes happen before all reads of the same step in some executors, and after them in others: nobody may depend on either.
        for entry in step.entries {
            for position in entry.start..<entry.start + entry.tokens.count {
                let cell = Int(entry.blocks[position / blockTokens]) * blockTokens + position % blockTokens
                let isNew = written.insert(cell).inserted
                #expect(isNew, "two entries write the same place")
            }
        }
        for entry in step.entries {
            var hash = 0
            for position in 0..<entry.start {
                let block = Int(entry.blocks[position / blockTokens])
                #expect(!written.contains(block * blockTokens + position % blockTokens), "a block is read while another entry writes it")
                guard let stored = memory[block][position % blockTokens] else {
                    Issue.record("position \(position) was never written")
                    return []
                }
                hash = stored
            }
            for (offset, token) in entry.tokens.enumerated() {
                hash = Self.extend(hash, token)
                let position = entry.start + offset
                memory[Int(entry.blocks[position / blockTokens])][position % blockTokens] = hash
                if entry.logits.contains(offset) { rows.append(Self.follower(hash)) }
            }
        }
        return rows
    }

    static func extend(_ hash: Int, _ token: Int32) -> Int { (hash &* 1_000_003) ^ (Int(token) &+ 0x5bd1) }
    static func follower(_ hash: Int) -> Int32 { Int32((UInt(bitPattern: hash) >> 7) % 5) }

    /// What a sequence generates alone.
    static func expected(prompt: [Int32], count: Int) -> [Int32] {
        var hash = prompt.reduce(0, extend)
        return (0..<count).map { _ in
            let token = follower(hash)
            hash = extend(hash, token)
            return token
        }
    }
}

@Suite struct SchedulerPropertyTests {
    /// Random requests arrive over time, some are cancelled; whatever the geometry, everybody gets what they would get alone.
    @Test(arguments: 0..<60) func everyRequestEndsOnceWithTheTokensItWouldGetAlone(seed: Int) throws {
        var random = SeededGenerator(state: UInt64(seed) &* 7919 &+ 1)
        let blockTokens = [1, 2, 4, 8].randomElement(using: &random)!
        let limits = SchedulerLimits(
            blockTokens: blockTokens, blockCount: Int.random(in: 64 / blockTokens...200 / blockTokens, using: &random),
            stepTokens: Int.random(in: 1...40, using: &random), stepLogits: Int.random(in: 1...12, using: &random),
            sequences: Int.random(in: 1...10, using: &random), sliceTokens: Int.random(in: 1...40, using: &random),
            sharesPrefixes: Bool.random(using: &random), admitsInBlocks: seed % 4 == 3)
        var scheduler = Scheduler(limits: limits)
        var executor = RecordingExecutor(limits: limits)
        var prompts: [RequestID: [Int32]] = [:]
        var wanted: [RequestID: Int] = [:]
        var outputs: [RequestID: [Int32]] = [:]
        var finished: Set<RequestID> = []
        var cancelled: Set<RequestID> = []
        var left = 40
        var steps = 0
        while left > 0 || !scheduler.isIdle {
            while left > 0, scheduler.isIdle || Int.random(in: 0..<3, using: &random) == 0 {
                left -= 1
                // A small alphabet and a common beginning make shared prefixes likely.
                let prompt = (0..<Int.random(in: 1...40, using: &random)).map { $0 < 12 ? Int32($0) : Int32.random(in: 0..<2, using: &random) }
                let count = Int.random(in: 1...20, using: &random)
                // Every other request was begun elsewhere.
                let known = RecordingExecutor.expected(prompt: prompt, count: max(0, Int.random(in: -count..<count, using: &random)))
                let id = try scheduler.submit(SequenceRequest(prompt: prompt, generated: known, maximumTokens: count))
                (prompts[id], wanted[id], outputs[id]) = (prompt, count, known)
            }
            guard scheduler.next() else {
                Issue.record("requests are left but nothing can run (seed \(seed))")
                return
            }
            steps += 1
            #expect(steps < 20_000)
            #expect(scheduler.step.tokenCount <= limits.stepTokens)
            #expect(scheduler.step.entries.reduce(0) { $0 + $1.logits.count } <= limits.stepLogits)
            #expect(Set(scheduler.step.entries.map(\.sequence)).count == scheduler.step.entries.count)
            #expect(scheduler.step.entries.allSatisfy { $0.sequence < limits.sequences && $0.tokens.count <= limits.sliceTokens })
            let rows = executor.run(scheduler.step)
            scheduler.complete()
            var row = 0
            for entry in scheduler.step.entries.indices {
                let id = scheduler.request(ofEntry: entry)
                for _ in scheduler.step.entries[entry].logits {
                    outputs[id, default: []].append(rows[row])
                    if outputs[id]!.count == wanted[id]! {
                        scheduler.finish(id)
                        let isNew = finished.insert(id).inserted
                        #expect(isNew)
                    } else {
                        scheduler.append(rows[row], to: id)
                    }
                    row += 1
                }
            }
            #expect(row == rows.count)
            if Int.random(in: 0..<25, using: &random) == 0, let victim = prompts.keys.sorted().first(where: { !finished.contains($0) }) {
                scheduler.finish(victim)
                finished.insert(victim)
                cancelled.insert(victim)
            }
        }
        #expect(finished.count == 40)
        for (id, prompt) in prompts where !cancelled.contains(id) {
            #expect(outputs[id] == RecordingExecutor.expected(prompt: prompt, count: wanted[id]!), "request \(id), seed \(seed)")
        }
        #expect(scheduler.pool.heldCount == 0)
        #expect(scheduler.pool.availableCount == limits.blockCount)
        #expect(scheduler.statistics.finished == 40)
        #expect(scheduler.pending.isEmpty && scheduler.freeSlots.count == limits.sequences)
    }

    /// The same with several steps in flight, completed in the order they were started, as a pipeline does; prompts cut by tables.
    @Test(arguments: 0..<60) func pipelinesGiveEverybodyTheSameTokens(seed: Int) throws {
        var random = SeededGenerator(state: UInt64(seed) &* 104729 &+ 7)
        let blockTokens = [1, 2, 4, 8].randomElement(using: &random)!
        let inFlight = Int.random(in: 2...6, using: &random)
        let limits = SchedulerLimits(
            blockTokens: blockTokens, blockCount: Int.random(in: 64 / blockTokens...200 / blockTokens, using: &random),
            stepTokens: Int.random(in: 4...40, using: &random), sequences: Int.random(in: 1...10, using: &random),
            sharesPrefixes: Bool.random(using: &random), stepsInFlight: inFlight, decodeGroups: Int.random(in: 1...inFlight, using: &random),
            admitsInBlocks: seed % 4 == 3,
            sliceTables: Bool.random(using: &random)
                ? [] : [SliceTable(promptTokens: 12, slices: [7, 5]), SliceTable(promptTokens: 30, slices: [10, 8, 7, 5])])
        var scheduler = Scheduler(limits: limits)
        var executor = RecordingExecutor(limits: limits)
        var prompts: [RequestID: [Int32]] = [:], wanted: [RequestID: Int] = [:], outputs: [RequestID: [Int32]] = [:]
        var finished: Set<RequestID> = [], cancelled: Set<RequestID> = []
        /// Steps in flight as they were when they were started.
        var started: [(entries: [Step.Entry], requests: [RequestID])] = []
        var left = 40
        var deepest = 0
        while left > 0 || !scheduler.isIdle {
            while left > 0, scheduler.isIdle || Int.random(in: 0..<3, using: &random) == 0 {
                left -= 1
                let prompt = (0..<Int.random(in: 1...40, using: &random)).map { $0 < 12 ? Int32($0) : Int32.random(in: 0..<2, using: &random) }
                let count = Int.random(in: 1...20, using: &random)
                let known = RecordingExecutor.expected(prompt: prompt, count: max(0, Int.random(in: -count..<count, using: &random)))
                let id = try scheduler.submit(SequenceRequest(prompt: prompt, generated: known, maximumTokens: count))
                (prompts[id], wanted[id], outputs[id]) = (prompt, count, known)
            }
            if Int.random(in: 0..<3, using: &random) > 0, scheduler.next() {
                let requests = scheduler.step.entries.indices.map { scheduler.request(ofEntry: $0) }
                #expect(Set(requests).count == requests.count)
                #expect(scheduler.step.tokenCount <= limits.stepTokens)
                for (entry, id) in zip(scheduler.step.entries, requests) {
                    // A sequence is in several steps only with the slices of its prompt, one behind another.
                    for earlier in started {
                        for (other, otherID) in zip(earlier.entries, earlier.requests) where otherID == id {
                            #expect(other.start + other.tokens.count <= entry.start)
                            #expect(entry.start < prompts[id]!.count + (outputs[id]?.count ?? 0))
                        }
                    }
                }
                started.append((scheduler.step.entries, requests))
                deepest = max(deepest, started.count)
                #expect(scheduler.inFlightCount == started.count && started.count <= inFlight)
            } else if !started.isEmpty {
                let oldest = started.removeFirst()
                scheduler.complete()
                let requests = scheduler.completed.entries.indices.map { scheduler.request(ofCompletedEntry: $0) }
                #expect(requests == oldest.requests)
                for (entry, share) in zip(scheduler.completed.entries, scheduler.completedShares) {
                    #expect(share.start == entry.start && share.tokens == entry.tokens.count && share.logits == entry.logits.count)
                }
                #expect(scheduler.completed.entries.map(\.start) == oldest.entries.map(\.start))
                let rows = executor.run(scheduler.completed)
                var row = 0
                for entry in scheduler.completed.entries.indices {
                    let id = scheduler.request(ofCompletedEntry: entry)
                    for _ in scheduler.completed.entries[entry].logits {
                        defer { row += 1 }
                        if finished.contains(id) { continue }
                        outputs[id, default: []].append(rows[row])
                        if outputs[id]!.count == wanted[id]! {
                            scheduler.finish(id)
                            finished.insert(id)
                        } else {
                            scheduler.append(rows[row], to: id)
                        }
                    }
                }
            } else if !scheduler.isIdle {
                let canStart = scheduler.next()
                #expect(canStart, "requests are left but nothing can run (seed \(seed))")
                guard canStart else { return }
                started.append((scheduler.step.entries, scheduler.step.entries.indices.map { scheduler.request(ofEntry: $0) }))
            }
            if Int.random(in: 0..<40, using: &random) == 0, let victim = prompts.keys.sorted().first(where: { !finished.contains($0) }) {
                scheduler.finish(victim)
                finished.insert(victim)
                cancelled.insert(victim)
            }
        }
        while scheduler.inFlightCount > 0 { scheduler.complete() }
        #expect(finished.count == 40 && (deepest > 1 || limits.sequences == 1))
        for (id, prompt) in prompts where !cancelled.contains(id) {
            #expect(outputs[id] == RecordingExecutor.expected(prompt: prompt, count: wanted[id]!), "request \(id), seed \(seed)")
        }
        #expect(scheduler.pool.heldCount == 0 && scheduler.pending.isEmpty && scheduler.freeSlots.count == limits.sequences)
    }

    @Test func tokensInAreTokensComputedSharedOrGivenUp() throws {
        var random = SeededGenerator(state: 5)
        let limits = SchedulerLimits(blockTokens: 4, blockCount: 30, stepTokens: 16, sequences: 6)
        var scheduler = Scheduler(limits: limits)
        var total = 0
        for _ in 0..<50 {
            let prompt = (0..<Int.random(in: 1...30, using: &random)).map { _ in Int32.random(in: 0..<3, using: &random) }
            let count = Int.random(in: 1...30, using: &random)
            total += prompt.count + count - 1
            _ = try scheduler.submit(SequenceRequest(prompt: prompt, maximumTokens: count))
        }
        while scheduler.next() {
            scheduler.complete()
            for entry in scheduler.step.entries.indices where !scheduler.step.entries[entry].logits.isEmpty {
                let id = scheduler.request(ofEntry: entry)
                let maximum = scheduler.sequences[scheduler.shares[entry].sequence].maximumTokens
                if scheduler.generatedCount(of: id) == maximum - 1 { scheduler.finish(id) } else { scheduler.append(1, to: id) }
            }
        }
        let statistics = scheduler.statistics
        #expect(statistics.computedTokens + statistics.sharedTokens == total + statistics.preemptedTokens)
        #expect(statistics.finished == 50)
    }
}
