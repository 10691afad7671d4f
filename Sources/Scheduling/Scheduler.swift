public import Plans

/// Decides what goes into the next step. Pure: no clock, no thread, no executor; engine and simulator drive the same code.
///
/// Each step is a budget of tokens, filled with one token of every decoding sequence first, then with slices of prompts in order of
/// arrival, then with newly admitted requests. A sequence is admitted when there is room for everything it already has; when blocks run out
/// during decoding, the latest arrival gives its blocks back and is computed again later, so the earliest one always ends.
///
///     let id = try scheduler.submit(SequenceRequest(prompt: tokens, maximumTokens: 100))
///     while scheduler.next() {
///         try executor.run(scheduler.step)
///         scheduler.complete()
///         for entry in scheduler.completed.entries.indices { /* sample; then append(_:to:) or finish(_:) */ }
///     }
///
/// KV blocks are divided into pools (`ReplicaSchedule.pools`). All blocks of one sequence are of one pool: the first that had room when it
/// was admitted and could hold it to its end. Prefixes are shared and sequences preempted within a pool.
///
/// A pipeline has up to `schedule.stepsInFlight` steps started and not completed. They are completed in the order they were started. A
/// sequence whose last token is on its way is in no other step; a prompt's next slice may follow before the one ahead of it is completed.
/// What is in flight is never preempted.
///
/// Between `complete` and the following `next`, every sequence whose last token's logits were given gets a token or ends. A step costs time
/// in proportion to the sequences and blocks it touches, and allocates only when a request arrives.
public struct Scheduler: Sendable {
    /// What one sequence brings to a step: the sizes of a `Step.Entry`, and whose it is.
    public struct Share: Sendable, Equatable {
        /// The request, which may have ended since.
        public internal(set) var request: RequestID
        /// Position of its first token, tokens, and tokens whose logits are wanted.
        public internal(set) var start: Int
        public internal(set) var tokens: Int
        public internal(set) var logits: Int
        /// Index into `sequences`.
        var sequence: Int
    }

    /// A step that was decided.
    struct Flight: Sendable {
        /// Empty where `describesSteps` is false.
        var step = Step(entries: [])
        var shares: [Share] = []
        /// Whether decoding sequences are among them.
        var decodes = false
    }

    public let schedule: ReplicaSchedule
    /// Whether steps are written out for an executor; false: only their sizes, for a simulator.
    let describesSteps: Bool
    /// In the order of `schedule.pools`.
    public internal(set) var pools: [BlockPool]
    public internal(set) var statistics = SchedulerStatistics()
    /// Steps started and not completed.
    public internal(set) var inFlightCount = 0

    /// Those of them that bring decoding sequences a token further.
    var decodingFlights = 0

    /// A ring of `schedule.stepsInFlight` steps: those in flight end at `newest`.
    var flights: [Flight]
    var newest = 0
    var lastCompleted = 0
    var sequences: [ScheduledSequence] = []
    var freeIndices: [Int] = []
    var indexOfRequest: [RequestID: Int] = [:]
    /// Indices of running sequences, in order of arrival.
    var running: [Int] = []
    /// How many of them have their blocks in each pool.
    var runningInPool: [Int]
    var freeSlots: [Int]
    /// Requests not yet looked at, in order of arrival from `arrivalsHead` on.
    var arrivals: [Int] = []
    var arrivalsHead = 0
    /// Waiting requests that were preempted or deferred, latest arrival first; all before those in `arrivals`.
    var returned: [Int] = []
    /// Full blocks that running sequences are computing, by pool, and how many do.
    var pending: [[BlockPool.Key: Int]]
    /// Entries kept for their arrays' capacity.
    var spareEntries: [Step.Entry] = []
    /// Whether a block of requests is still being let in (`schedule.admitsInBlocks`).
    var isFilling = true
    private var nextID = 0

    private static let reservedEntries = 1 << 16

    public init(schedule: ReplicaSchedule, describesSteps: Bool = true) {
        self.schedule = schedule
        self.describesSteps = describesSteps
        pools = []
        var first = 0
        for count in schedule.pools {
            pools.append(
                BlockPool(
                    blockCount: count, firstBlock: Int32(first), blockTokens: schedule.blockTokens, remembers: schedule.sharesPrefixes))
            first += count
        }
        runningInPool = Array(repeating: 0, count: pools.count)
        pending = Array(repeating: [:], count: pools.count)
        for pool in pools.indices { pending[pool].reserveCapacity(schedule.sequences * 2) }
        freeSlots = (0..<schedule.sequences).reversed()
        running.reserveCapacity(schedule.sequences)
        returned.reserveCapacity(schedule.sequences * 2)
        flights = Array(repeating: Flight(), count: schedule.stepsInFlight)
        // What an engine runs is there from the beginning; a simulation of very many sequences takes what it needs.
        let entries = min(schedule.sequences, max(16, Self.reservedEntries / schedule.stepsInFlight))
        for index in flights.indices {
            flights[index].step.entries.reserveCapacity(entries)
            flights[index].shares.reserveCapacity(entries)
        }
        spareEntries.reserveCapacity(entries * schedule.stepsInFlight)
    }

    /// What `next` decided last; valid until the following `next`.
    public var step: Step { _read { yield flights[newest].step } }

    /// What `complete` completed last; valid until the following `next`. With one step in flight it is `step`.
    public var completed: Step { _read { yield flights[lastCompleted].step } }

    /// The request behind `step.entries[entry]`.
    public func request(ofEntry entry: Int) -> RequestID { flights[newest].shares[entry].request }

    /// The request behind `completed.entries[entry]`; it may have ended while the step was in flight.
    public func request(ofCompletedEntry entry: Int) -> RequestID { flights[lastCompleted].shares[entry].request }

    /// The sizes of `step`'s and of `completed`'s entries, in the same order.
    public var shares: [Share] { _read { yield flights[newest].shares } }
    public var completedShares: [Share] { _read { yield flights[lastCompleted].shares } }

    public var runningCount: Int { running.count }
    public var waitingCount: Int { returned.count + arrivals.count - arrivalsHead }
    public var isIdle: Bool { indexOfRequest.isEmpty }
    /// Blocks that sequences hold, over all pools.
    public var heldBlocks: Int {
        var held = 0
        for pool in pools.indices { held += pools[pool].heldCount }
        return held
    }

    /// Queues a request.
    public mutating func submit(_ request: SequenceRequest) throws(SchedulingError) -> RequestID {
        guard !request.prompt.isEmpty else { throw .emptyPrompt }
        let (total, overflow) = request.prompt.count.addingReportingOverflow(max(request.generated.count, request.maximumTokens))
        guard !overflow, total <= schedule.capacityTokens else {
            throw .tooLong(tokens: overflow ? .max : total, capacity: schedule.capacityTokens)
        }
        let id = RequestID(nextID)
        nextID += 1
        var sequence = ScheduledSequence(id: id, request: request)
        sequence.tokens.reserveCapacity(total)
        sequence.blocks.reserveCapacity(schedule.blocks(for: total))
        sequence.hashes.reserveCapacity(schedule.blocks(for: total))
        let index: Int
        if let free = freeIndices.popLast() {
            index = free
            sequences[index] = sequence
        } else {
            index = sequences.count
            sequences.append(sequence)
            freeIndices.reserveCapacity(sequences.count)
        }
        indexOfRequest[id] = index
        arrivals.append(index)
        statistics.submitted += 1
        return id
    }

    /// Adds a generated token; the next step computes it.
    public mutating func append(_ token: Int32, to id: RequestID) {
        guard let index = indexOfRequest[id] else { preconditionFailure("no such request") }
        sequences[index].append(token)
    }

    /// The same for the request of an entry of `completed`, which has not ended.
    public mutating func append(_ token: Int32, toCompletedEntry entry: Int) {
        let share = flights[lastCompleted].shares[entry]
        precondition(sequences[share.sequence].id == share.request && !sequences[share.sequence].hasEnded, "no such request")
        sequences[share.sequence].append(token)
    }

    /// Ends a request, running or waiting; its full blocks stay known until their room is needed. Blocks that a step in flight still writes
    /// are given back when it is completed.
    public mutating func finish(_ id: RequestID) {
        guard let index = indexOfRequest.removeValue(forKey: id) else { return }
        statistics.finished += 1
        if sequences[index].slot >= 0 {
            isFilling = false
            remove(fromRunning: index)
            if sequences[index].scheduled > 0 {
                sequences[index].hasEnded = true
                return
            }
            stop(index)
        } else if let place = returned.firstIndex(of: index) {
            returned.remove(at: place)
        } else if let place = arrivals[arrivalsHead...].firstIndex(of: index) {
            arrivals.remove(at: place)
        }
        forget(index)
    }

    private mutating func remove(fromRunning index: Int) {
        // Ordered by arrival, so the place is found by bisection.
        let id = sequences[index].id
        var low = 0, high = running.count
        while low < high {
            let middle = (low + high) / 2
            if sequences[running[middle]].id < id { low = middle + 1 } else { high = middle }
        }
        running.remove(at: low)
        runningInPool[sequences[index].pool] -= 1
    }

    /// Makes a sequence's place free for another.
    mutating func forget(_ index: Int) {
        sequences[index] = ScheduledSequence(id: sequences[index].id, request: SequenceRequest(prompt: [], maximumTokens: 0))
        freeIndices.append(index)
    }

    /// Prompt and generated tokens, or nil if the request has ended.
    public func tokens(of id: RequestID) -> [Int32]? { indexOfRequest[id].map { sequences[$0].tokens } }

    /// Tokens generated so far, those that the request brought among them, or nil if the request has ended.
    public func generatedCount(of id: RequestID) -> Int? { indexOfRequest[id].map { generatedCount(at: $0) } }

    /// Tokens of the request that were found in the cache, or nil if the request has ended.
    public func sharedCount(of id: RequestID) -> Int? { indexOfRequest[id].map { sequences[$0].sharedTokens } }

    /// Whether the request's next logits are those of its last token: what is sampled from them continues it.
    public func wantsToken(_ id: RequestID) -> Bool { indexOfRequest[id].map { sequences[$0].isComputed } ?? false }

    func generatedCount(at index: Int) -> Int { sequences[index].tokens.count - sequences[index].promptCount }

    /// Takes slot and blocks from a running sequence (already off `running`).
    mutating func stop(_ index: Int) {
        withdrawPending(index)
        // The tail first: what many prefixes share is then the last to go.
        let pool = sequences[index].pool
        for block in sequences[index].blocks.reversed() { pools[pool].release(block) }
        sequences[index].blocks.removeAll(keepingCapacity: true)
        freeSlots.append(sequences[index].slot)
        sequences[index].slot = -1
        sequences[index].computed = 0
        sequences[index].namedBlocks = 0
        sequences[index].content = BlockPool.rootContent
    }

    mutating func withdrawPending(_ index: Int) {
        guard let key = sequences[index].pending else { return }
        sequences[index].pending = nil
        let pool = sequences[index].pool
        if let count = pending[pool][key] { pending[pool][key] = count > 1 ? count - 1 : nil }
    }

    /// Enters the full block the sequence computes next, if its tokens are known.
    mutating func announcePending(_ index: Int) {
        guard schedule.sharesPrefixes else { return }
        let named = sequences[index].namedBlocks
        guard (named + 1) * schedule.blockTokens < sequences[index].tokens.count else { return }
        let parent = sequences[index].content
        let key = sequences[index].key(ofBlock: named, after: parent, blockTokens: schedule.blockTokens)
        sequences[index].pending = key
        pending[sequences[index].pool][key, default: 0] += 1
    }
}
