import Plans
import Testing

@testable import Scheduling

@Suite struct SchedulerTests {
    private func start(_ scheduler: inout Scheduler) throws {
        let started = scheduler.next()
        try #require(started)
    }

    @Test func onePromptIsCutByTheBudgetAndThenDecodes() throws {
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [8], stepTokens: 5))
        let id = try scheduler.submit(SequenceRequest(prompt: Array(0..<12), maximumTokens: 3))
        var shapes: [[Int]] = []
        while scheduler.next() {
            let entry = scheduler.step.entries[0]
            shapes.append([entry.start, entry.tokens.count, entry.logits.count])
            #expect(entry.blocks.count * 4 >= entry.start + entry.tokens.count)
            scheduler.complete()
            guard scheduler.wantsToken(id) else { continue }
            if scheduler.generatedCount(of: id) == 2 { scheduler.finish(id) } else { scheduler.append(99, to: id) }
        }
        #expect(shapes == [[0, 5, 0], [5, 5, 0], [10, 2, 1], [12, 1, 1], [13, 1, 1]])
        #expect(scheduler.isIdle)
        #expect(scheduler.heldBlocks == 0)
    }

    @Test func decodesComeFirstAndPromptsFillTheRest() throws {
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [64], stepTokens: 8))
        let first = try scheduler.submit(SequenceRequest(prompt: [1, 2, 3], maximumTokens: 10))
        try start(&scheduler)
        scheduler.complete()
        scheduler.append(4, to: first)
        let second = try scheduler.submit(SequenceRequest(prompt: Array(10..<30), maximumTokens: 1))
        try start(&scheduler)
        #expect(scheduler.step.entries.map(\.tokens.count) == [1, 7])
        #expect(scheduler.request(ofEntry: 0) == first)
        #expect(scheduler.request(ofEntry: 1) == second)
        #expect(scheduler.step.entries[0].sequence != scheduler.step.entries[1].sequence)
    }

    @Test func arrivalsAreServedInOrder() throws {
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [64], sequences: 2, stepTokens: 4))
        let ids = try (0..<4).map { try scheduler.submit(SequenceRequest(prompt: [Int32($0), 1, 2], maximumTokens: 1)) }
        var finished: [RequestID] = []
        while scheduler.next() {
            scheduler.complete()
            for entry in scheduler.step.entries.indices {
                let id = scheduler.request(ofEntry: entry)
                if scheduler.wantsToken(id) {
                    scheduler.finish(id)
                    finished.append(id)
                }
            }
        }
        #expect(finished == ids)
    }

    @Test func aCommonPrefixIsComputedOnce() throws {
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [64], stepTokens: 100))
        let common = (0..<20).map { Int32($0) }
        let first = try scheduler.submit(SequenceRequest(prompt: common + [100], maximumTokens: 2))
        let second = try scheduler.submit(SequenceRequest(prompt: common + [200], maximumTokens: 2))
        // The second waits for what the first is computing, then shares it.
        try start(&scheduler)
        #expect(scheduler.step.entries.map(\.tokens.count) == [21])
        let blocks = scheduler.step.entries[0].blocks
        scheduler.complete()
        scheduler.append(7, to: first)
        try start(&scheduler)
        #expect(scheduler.step.entries.map(\.tokens.count) == [1, 1])
        #expect(scheduler.step.entries[1].start == 20)
        #expect(scheduler.step.entries[1].blocks.prefix(5) == blocks.prefix(5))
        #expect(scheduler.step.entries[1].blocks[5] != blocks[5])
        #expect(scheduler.pools[0].holders(of: blocks[0]) == 2)
        #expect(scheduler.sharedCount(of: second) == 20)
        scheduler.complete()
        scheduler.finish(first)
        scheduler.finish(second)
        #expect(scheduler.heldBlocks == 0)
        // Released blocks are still known: the next turn of a conversation starts where the last one ended.
        let third = try scheduler.submit(SequenceRequest(prompt: common + [100, 7, 8], maximumTokens: 1))
        try start(&scheduler)
        #expect(scheduler.step.entries[0].start == 20)
        scheduler.complete()
        scheduler.finish(third)
    }

    @Test func anEqualPromptStillComputesItsLastToken() throws {
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [64]))
        for expectedStart in [0, 4] {
            let id = try scheduler.submit(SequenceRequest(prompt: [1, 2, 3, 4, 5, 6, 7, 8], maximumTokens: 1))
            try start(&scheduler)
            #expect(scheduler.step.entries[0].start == expectedStart)
            #expect(scheduler.step.entries[0].logits == [7 - expectedStart])
            scheduler.complete()
            scheduler.finish(id)
        }
    }

    @Test func scoringAsksForEveryPositionOnceWithinTheLimit() throws {
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [64], stepTokens: 50, stepLogits: 6))
        let id = try scheduler.submit(SequenceRequest(prompt: Array(0..<21), maximumTokens: 0, logitsFrom: 2))
        var positions: [Int] = []
        while scheduler.next() {
            let entry = scheduler.step.entries[0]
            #expect(entry.logits.count <= 6)
            positions += entry.logits.map { $0 + entry.start }
            scheduler.complete()
            if scheduler.wantsToken(id) { scheduler.finish(id) }
        }
        #expect(positions == Array(2..<21))
    }

    @Test func theLatestArrivalGivesWayAndKeepsItsTokens() throws {
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 2, pools: [7], stepTokens: 16, sharesPrefixes: false))
        let first = try scheduler.submit(SequenceRequest(prompt: [1, 2, 3], maximumTokens: 10))
        let second = try scheduler.submit(SequenceRequest(prompt: [4, 5, 6], maximumTokens: 10))
        var outputs: [RequestID: [Int32]] = [:]
        while scheduler.next() {
            scheduler.complete()
            for entry in scheduler.step.entries.indices {
                let id = scheduler.request(ofEntry: entry)
                guard scheduler.wantsToken(id), let count = scheduler.generatedCount(of: id) else { continue }
                let token = Int32(100 * (id.rawValue + 1) + count)
                outputs[id, default: []].append(token)
                if count + 1 == 10 { scheduler.finish(id) } else { scheduler.append(token, to: id) }
            }
        }
        #expect(scheduler.statistics.preemptions > 0)
        #expect(outputs[first] == (0..<10).map { 100 + $0 })
        #expect(outputs[second] == (0..<10).map { 200 + $0 })
        #expect(scheduler.heldBlocks == 0)
    }

    @Test func impossibleRequestsAreRefused() {
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [2]))
        #expect(throws: SchedulingError.emptyPrompt) { try scheduler.submit(SequenceRequest(prompt: [], maximumTokens: 1)) }
        #expect(throws: SchedulingError.tooLong(tokens: 9, capacity: 8)) {
            try scheduler.submit(SequenceRequest(prompt: [1, 2, 3, 4], maximumTokens: 5))
        }
        #expect(throws: SchedulingError.tooLong(tokens: .max, capacity: 8)) {
            try scheduler.submit(SequenceRequest(prompt: [1], maximumTokens: .max))
        }
        let started = scheduler.next()
        #expect(!started)
    }

    @Test func aWaitingRequestCanBeCancelled() throws {
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [64], sequences: 1))
        let first = try scheduler.submit(SequenceRequest(prompt: [1], maximumTokens: 2))
        let second = try scheduler.submit(SequenceRequest(prompt: [2], maximumTokens: 2))
        let third = try scheduler.submit(SequenceRequest(prompt: [3], maximumTokens: 2))
        try start(&scheduler)
        scheduler.complete()
        scheduler.finish(second)
        scheduler.finish(first)
        try start(&scheduler)
        #expect(scheduler.request(ofEntry: 0) == third)
    }

    @Test func slicesOfOnePromptFollowOneAnother() throws {
        let schedule = ReplicaSchedule(
            blockTokens: 32, pools: [64], stepTokens: 640, sliceTables: [SliceTable(promptTokens: 640, slices: [256, 192, 128, 64])],
            stepsInFlight: 3)
        var scheduler = Scheduler(schedule: schedule)
        let id = try scheduler.submit(SequenceRequest(prompt: Array(0..<640), maximumTokens: 2))
        var shapes: [[Int]] = []
        while scheduler.next() { shapes.append([scheduler.step.entries[0].start, scheduler.step.entries[0].tokens.count]) }
        #expect(shapes == [[0, 256], [256, 192], [448, 128]])
        scheduler.complete()
        try start(&scheduler)
        #expect(scheduler.step.entries[0].start == 576 && scheduler.step.entries[0].logits == [63])
        for _ in 0..<3 { scheduler.complete() }
        #expect(scheduler.wantsToken(id))
        scheduler.append(7, to: id)
        try start(&scheduler)
        // Its last token is on its way: nothing else can start.
        let second = scheduler.next()
        #expect(!second)
        scheduler.complete()
        scheduler.finish(id)
        #expect(scheduler.heldBlocks == 0)
        // A shorter prompt is cut in proportion at whole tiles, a longer one is not.
        #expect(schedule.slices(ofPrompt: 320) == [128, 96, 64, 32] && schedule.slices(ofPrompt: 330) == [128, 96, 64, 42])
        #expect(schedule.cut(after: 130, ofPrompt: 320) == 224 && schedule.cut(after: 300, ofPrompt: 320) == 320)
        #expect(schedule.slices(ofPrompt: 641) == [640, 1])
    }

    /// A request that was begun elsewhere is cut where it was cut there, and asks for the logits of its last token alone.
    @Test func generatedTokensDoNotMoveThePromptsCuts() throws {
        let table = SliceTable(promptTokens: 96, slices: [64, 32])
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [64], stepTokens: 128, sliceTables: [table]))
        let id = try scheduler.submit(SequenceRequest(prompt: Array(0..<96), generated: [7, 8, 9], maximumTokens: 4))
        var shapes: [[Int]] = []
        while scheduler.next() {
            let entry = scheduler.step.entries[0]
            shapes.append([entry.start, entry.tokens.count] + entry.logits)
            scheduler.complete()
        }
        #expect(shapes == [[0, 64], [64, 35, 34]])
        #expect(scheduler.wantsToken(id) && scheduler.generatedCount(of: id) == 3)
        scheduler.append(6, to: id)
        #expect(scheduler.tokens(of: id) == Array(0..<96) + [7, 8, 9, 6])
        scheduler.finish(id)
        // What was generated counts for the room, though nothing is to follow.
        #expect(throws: SchedulingError.tooLong(tokens: 257, capacity: 256)) {
            try scheduler.submit(SequenceRequest(prompt: [1], generated: Array(repeating: 1, count: 256), maximumTokens: 0))
        }
    }

    @Test func aBlockEndsBeforeTheNextBegins() throws {
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [64], sequences: 3, admitsInBlocks: true))
        let ids = try (0..<5).map { try scheduler.submit(SequenceRequest(prompt: [Int32($0)], maximumTokens: 2)) }
        try start(&scheduler)
        #expect(scheduler.step.entries.count == 3)
        scheduler.complete()
        scheduler.finish(ids[0])
        for id in ids[1...2] { scheduler.append(0, to: id) }
        // A slot is free, but the block is not done.
        try start(&scheduler)
        #expect(scheduler.step.entries.count == 2)
        scheduler.complete()
        for id in ids[1...2] { scheduler.finish(id) }
        try start(&scheduler)
        #expect(scheduler.step.entries.count == 2 && scheduler.request(ofEntry: 0) == ids[3])
    }

    @Test func decodingSequencesAreDividedOverThePipeline() throws {
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [64], stepsInFlight: 3))
        let ids = try (0..<7).map { try scheduler.submit(SequenceRequest(prompt: [Int32($0)], maximumTokens: 9)) }
        try start(&scheduler)
        scheduler.complete()
        for id in ids { scheduler.append(0, to: id) }
        var counts: [Int] = []
        while scheduler.next() { counts.append(scheduler.step.entries.count) }
        #expect(counts == [3, 3, 1])
    }

    @Test func aRequestThatEndsInFlightKeepsItsBlocksUntilItsStepIsDone() throws {
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [64], stepTokens: 4, stepsInFlight: 2))
        let id = try scheduler.submit(SequenceRequest(prompt: Array(0..<12), maximumTokens: 1))
        try start(&scheduler)
        try start(&scheduler)
        scheduler.finish(id)
        #expect(scheduler.isIdle && scheduler.heldBlocks == 3)
        let third = scheduler.next()
        #expect(!third)
        scheduler.complete()
        #expect(scheduler.request(ofCompletedEntry: 0) == id && scheduler.heldBlocks == 3)
        scheduler.complete()
        #expect(scheduler.heldBlocks == 0)
    }

    /// One table, one answer: the list of slices is what the scheduler's cuts add up to.
    @Test func promptsAreCutAtWholeTiles() {
        let table = SliceTable(promptTokens: 2048, slices: [512, 512, 512, 512])
        let schedule = ReplicaSchedule(pools: [64], sliceTables: [table])
        #expect(schedule.slices(ofPrompt: 1000) == [256, 256, 224, 264] && [table].slices(ofPrompt: 1000) == [256, 256, 224, 264])
        for count in [1, 31, 32, 33, 63, 64, 700, 2047, 2048, 5000] {
            let slices = schedule.slices(ofPrompt: count)
            #expect(slices.reduce(0, +) == count && slices.dropLast().allSatisfy { $0 % 32 == 0 } && slices.allSatisfy { $0 > 0 })
        }
        #expect(schedule.slices(ofPrompt: 0).isEmpty && schedule.slices(ofPrompt: 5000) == [2048, 2048, 904])
        // Tables that no plan would have, lengths beyond reason: no trap.
        let odd = ReplicaSchedule(
            pools: [1], sliceTables: [SliceTable(promptTokens: .max, slices: [.max, .max, 1]), SliceTable(promptTokens: 3, slices: [])])
        #expect(odd.cut(after: .max - 1, ofPrompt: .max) == .max && odd.cut(after: 0, ofPrompt: 3) == 3)
    }

    @Test func aSequenceIsInTheFirstPoolThatHoldsItToItsEnd() throws {
        // Pools of 2, 4 and 8 blocks of 4 tokens.
        var scheduler = Scheduler(schedule: ReplicaSchedule(blockTokens: 4, pools: [2, 4, 8], sequences: 8, stepTokens: 64))
        #expect(throws: SchedulingError.tooLong(tokens: 33, capacity: 32)) {
            try scheduler.submit(SequenceRequest(prompt: Array(0..<30), maximumTokens: 3))
        }
        let prompts: [[Int32]] = [[1, 2], [3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 5, 6, 7, 8, 9]]
        let ids = try zip(prompts, [2, 3, 7, 7]).map { try scheduler.submit(SequenceRequest(prompt: $0, maximumTokens: $1)) }
        try start(&scheduler)
        // The first takes the small pool, where no block is left for the second's growth; the last would compute what the third computes,
        // and waits to share it.
        #expect(scheduler.step.entries.map(\.blocks) == [[0], [2, 3], [6, 7, 8]])
        scheduler.complete()
        scheduler.append(9, to: ids[0])
        scheduler.append(9, to: ids[1])
        scheduler.append(9, to: ids[2])
        try start(&scheduler)
        #expect(scheduler.step.entries.map(\.blocks) == [[0], [2, 3], [6, 7, 8], [6, 7, 9]] && scheduler.sharedCount(of: ids[3]) == 8)
        scheduler.complete()
        for id in ids { scheduler.finish(id) }
        #expect(scheduler.heldBlocks == 0 && scheduler.runningInPool == [0, 0, 0])
    }
}
