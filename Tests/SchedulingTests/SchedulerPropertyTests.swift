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

    init(schedule: ReplicaSchedule) {
        blockTokens = schedule.blockTokens
        memory = Array(repeating: Array(repeating: nil, count: schedule.blockTokens), count: schedule.blockCount)
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
    /// One to three pools, of which the largest holds any request of these tests.
    static func pools(_ blockTokens: Int, _ random: inout SeededGenerator) -> [Int] {
        var pools = [Int.random(in: 64 / blockTokens...200 / blockTokens, using: &random)]
        for _ in 0..<Int.random(in: 0...2, using: &random) { pools.append(Int.random(in: 0...80 / blockTokens, using: &random)) }
        return pools.shuffled(using: &random)
    }

    /// The pool of a block, by the schedule's numbering.
    static func pool(of block: Int32, _ schedule: ReplicaSchedule) -> Int {
        var first = 0
        for (pool, count) in schedule.pools.enumerated() {
            if Int(block) < first + count { return pool }
            first += count
        }
        return -1
    }

    /// Random requests arrive over time, some are cancelled; whatever the geometry, everybody gets what they would get alone.
    @Test(arguments: 0..<60) func everyRequestEndsOnceWithTheTokensItWouldGetAlone(seed: Int) throws {
        var random = SeededGenerator(state: UInt64(seed) &* 7919 &+ 1)
        let blockTokens = [1, 2, 4, 8].randomElement(using: &random)!
        let schedule = ReplicaSchedule(
            blockTokens: blockTokens, pools: Self.pools(blockTokens, &random), sequences: Int.random(in: 1...10, using: &random),
            stepTokens: Int.random(in: 1...40, using: &random), stepLogits: Int.random(in: 1...12, using: &random),
            sliceTokens: Int.random(in: 1...40, using: &random), admitsInBlocks: seed % 4 == 3, sharesPrefixes: Bool.random(using: &random))
        var scheduler = Scheduler(schedule: schedule)
        var executor = RecordingExecutor(schedule: schedule)
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
                let prompt = (0..<Int.random(in: 1...40, using: &random)).map {
                    $0 < 12 ? Int32($0) : Int32.random(in: 0..<2, using: &random)
                }
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
            #expect(scheduler.step.tokenCount <= schedule.stepTokens)
            #expect(scheduler.step.entries.reduce(0) { $0 + $1.logits.count } <= schedule.stepLogits)
            #expect(Set(scheduler.step.entries.map(\.sequence)).count == scheduler.step.entries.count)
            #expect(scheduler.step.entries.allSatisfy { $0.sequence < schedule.sequences && $0.tokens.count <= schedule.sliceTokens })
            for entry in scheduler.step.entries {
                #expect(Set(entry.blocks.map { Self.pool(of: $0, schedule) }).count == 1, "blocks of two pools")
            }
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
        #expect(scheduler.heldBlocks == 0)
        #expect(scheduler.pools.map(\.availableCount) == schedule.pools)
        #expect(scheduler.statistics.finished == 40 && scheduler.runningInPool.allSatisfy { $0 == 0 })
        #expect(scheduler.pending.allSatisfy(\.isEmpty) && scheduler.freeSlots.count == schedule.sequences)
    }

    /// The same with several steps in flight, completed in the order they were started, as a pipeline does; prompts cut by tables.
    @Test(arguments: 0..<60) func pipelinesGiveEverybodyTheSameTokens(seed: Int) throws {
        var random = SeededGenerator(state: UInt64(seed) &* 104729 &+ 7)
        let blockTokens = [1, 2, 4, 8].randomElement(using: &random)!
        let inFlight = Int.random(in: 2...6, using: &random)
        // Tables cut at whole tiles: prompts of several of them.
        let isCut = seed % 2 == 0, longest = isCut ? 200 : 40
        let schedule = ReplicaSchedule(
            blockTokens: blockTokens * (isCut ? 8 : 1), pools: Self.pools(blockTokens, &random),
            sequences: Int.random(in: 1...10, using: &random),
            stepTokens: Int.random(in: 4...longest, using: &random),
            sliceTables: isCut
                ? [SliceTable(promptTokens: 64, slices: [32, 32]), SliceTable(promptTokens: 190, slices: [96, 32, 32, 30])] : [],
            stepsInFlight: inFlight, decodeGroups: Int.random(in: 1...inFlight, using: &random), admitsInBlocks: seed % 4 == 3,
            sharesPrefixes: Bool.random(using: &random))
        var scheduler = Scheduler(schedule: schedule)
        var executor = RecordingExecutor(schedule: schedule)
        var prompts: [RequestID: [Int32]] = [:], wanted: [RequestID: Int] = [:], outputs: [RequestID: [Int32]] = [:]
        var finished: Set<RequestID> = [], cancelled: Set<RequestID> = []
        /// Steps in flight as they were when they were started.
        var started: [(entries: [Step.Entry], requests: [RequestID])] = []
        var left = 40
        var deepest = 0
        while left > 0 || !scheduler.isIdle {
            while left > 0, scheduler.isIdle || Int.random(in: 0..<3, using: &random) == 0 {
                left -= 1
                let prompt = (0..<Int.random(in: 1...longest, using: &random)).map {
                    $0 < longest / 3 ? Int32($0) : Int32.random(in: 0..<2, using: &random)
                }
                let count = Int.random(in: 1...20, using: &random)
                let known = RecordingExecutor.expected(prompt: prompt, count: max(0, Int.random(in: -count..<count, using: &random)))
                let id = try scheduler.submit(SequenceRequest(prompt: prompt, generated: known, maximumTokens: count))
                (prompts[id], wanted[id], outputs[id]) = (prompt, count, known)
            }
            if Int.random(in: 0..<3, using: &random) > 0, scheduler.next() {
                let requests = scheduler.step.entries.indices.map { scheduler.request(ofEntry: $0) }
                #expect(Set(requests).count == requests.count)
                #expect(scheduler.step.tokenCount <= schedule.stepTokens)
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
        #expect(finished.count == 40 && (deepest > 1 || schedule.sequences == 1))
        for (id, prompt) in prompts where !cancelled.contains(id) {
            #expect(outputs[id] == RecordingExecutor.expected(prompt: prompt, count: wanted[id]!), "request \(id), seed \(seed)")
        }
        #expect(scheduler.heldBlocks == 0 && scheduler.pending.allSatisfy(\.isEmpty) && scheduler.freeSlots.count == schedule.sequences)
    }

    @Test func tokensInAreTokensComputedSharedOrGivenUp() throws {
        var random = SeededGenerator(state: 5)
        let schedule = ReplicaSchedule(blockTokens: 4, pools: [30], sequences: 6, stepTokens: 16)
        var scheduler = Scheduler(schedule: schedule)
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
