import Glibc
import Models
import Plans
import Scheduling

/// A replica under the simulated clock: the engine's scheduler, and stages that serve its steps first in, first out.
///
/// Nothing overtakes: a step that enters the first stage finds every stage and link free as soon as the step before it has left. So all its
/// times are known when it starts, start(i, j) = max(end(i, j - 1) + transfer, end(i - 1, j)), and only its end and the first stage's are
/// events.
struct SimulatedReplica {
    struct StageState {
        /// Seconds at which the stage, and the link to the next one, are free.
        var free = 0.0
        var linkFree = 0.0
        /// Seconds it was occupied, and that each of its devices computed.
        var occupied = 0.0
        var busy: [Double]
    }

    /// The step that was started last.
    struct Started {
        /// How many stages it passes.
        var stages: Int
        var firstStageFree: Double
        var end: Double
    }

    let number: Int
    let plan: Replica
    let model: ReplicaModel
    let speed: ReplicaSpeed
    private(set) var scheduler: Scheduler
    private(set) var stages: [StageState]
    private var decodeTimes: [DecodeTimes]
    /// Whether a step may be several micro-batches of the plan's block.
    private let sharesPasses: Bool
    /// From when on it can run.
    var readyAt: Double
    var isAlive = true
    /// Steps started, with their tokens and sequences.
    private(set) var steps = 0
    private(set) var peakBlocks = 0
    /// Tokens of prompts that wait or are being computed.
    private(set) var promptBacklog = 0
    /// Prompt tokens per second, those of long ago counting less, as of a moment.
    private var promptRate = 0.0
    private var promptRateAt = 0.0
    /// Request numbers by the scheduler's ids.
    private var requestOf: [Int] = []
    /// Requests not yet given to the scheduler, from `head` on: their tokens need memory.
    private var queue: [Int] = []
    private var head = 0
    /// Tokens of requests that the scheduler has and never started, and the first id among them: it starts them in order.
    private var unstartedTokens = 0
    private var firstUnstarted = 0

    init(number: Int, plan: Replica, model: ReplicaModel, workload: Workload, readyAt: Double) {
        self.number = number
        self.plan = plan
        self.model = model
        self.readyAt = readyAt
        let schedule = Self.bounded(plan.schedule)
        scheduler = Scheduler(schedule: schedule, describesSteps: false)
        sharesPasses =
            model.block.microBatchCount > 1 && (model.stages.count == 1 || model.sharedBatches(groups: schedule.decodeGroups) > 1)
        speed = ReplicaSpeed(model, workload: workload, mostSequences: schedule.sequences)
        decodeTimes = model.stages.map { DecodeTimes($0) }
        stages = model.stages.map { StageState(busy: Array(repeating: 0, count: $0.devices.count)) }
    }

    /// Bounds the simulator's own memory: 268 million positions.
    static let maximumBlocks = 1 << 22

    /// The plan's schedule, but that prompts have lengths and no tokens here, so that nothing is shared; of absurdly many blocks so many as
    /// can be kept track of.
    private static func bounded(_ schedule: ReplicaSchedule) -> ReplicaSchedule {
        let schedule = schedule.limited(sharesPrefixes: false)
        guard schedule.blockCount > maximumBlocks else { return schedule }
        return schedule.with(pools: schedule.pools.map { min($0, maximumBlocks / schedule.pools.count) })
    }

    @inline(__always) var waitingCount: Int { queue.count - head + scheduler.waitingCount }
    var runningCount: Int { scheduler.runningCount }
    /// Whether a request of so many tokens can ever run here.
    @inline(__always) func hasRoom(for tokens: Int) -> Bool { tokens <= scheduler.schedule.capacityTokens }

    /// Seconds until a request that comes now is expected to end.
    func expectedSeconds(promptTokens: Int, at now: Double) -> Double {
        max(0, readyAt - now)
            + speed.expectedSeconds(
                promptTokens: promptTokens, running: runningCount, waiting: waitingCount, promptBacklog: promptBacklog,
                promptShare: recentPrompts(at: now) * speed.occupancyPerToken)
    }

    /// Prompt tokens per second that lately came.
    private func recentPrompts(at now: Double) -> Double { promptRate * exp((promptRateAt - now) / speed.memorySeconds) }

    mutating func enqueue(_ request: Int, promptTokens: Int, at now: Double) {
        promptRate = recentPrompts(at: now) + Double(promptTokens) / speed.memorySeconds
        promptRateAt = now
        if head > 1024, head * 2 > queue.count {
            queue.removeFirst(head)
            head = 0
        }
        queue.append(request)
        promptBacklog += promptTokens
    }

    /// Starts the next step if the first stage is free and there is one.
    mutating func start(at now: Double, _ table: RequestTable, _ trace: inout SimulationTrace) -> Started? {
        guard isAlive, now >= readyAt, now >= stages[0].free else { return nil }
        feed(table)
        guard scheduler.next() else { return nil }
        peakBlocks = max(peakBlocks, scheduler.heldBlocks)
        steps += 1
        var load = StepLoad(tokens: 0, sequences: 0, cached: 0, pairs: 0, logits: 0)
        let count = scheduler.shares.count
        for share in scheduler.shares {
            if share.request.rawValue >= firstUnstarted {
                firstUnstarted = share.request.rawValue + 1
                unstartedTokens -= table.contextTokens(requestOf[share.request.rawValue])
            }
            let tokens = Double(share.tokens), before = Double(share.start)
            load.tokens += tokens
            load.cached += before + tokens
            load.pairs += tokens * (before + (tokens + 1) / 2)
            load.logits += Double(share.logits)
        }
        load.sequences = Double(count)
        if sharesPasses {
            let size = max(1, model.block.microBatchSize)
            load.microBatches = (count + size - 1) / size
        }
        let isDecode = load.tokens == load.sequences && load.logits == load.sequences && load.pairs == load.cached
        var arrival = now
        for index in stages.indices {
            let seconds: Double
            if isDecode, let line = decodeLine(index, load) {
                let more = load.cached - line.from
                seconds = line.seconds + more * line.secondsPerPosition
                for device in line.busy.indices {
                    stages[index].busy[device] += min(line.busy[device] + more * line.busyPerPosition[device], seconds)
                }
            } else {
                let time = model.stages[index].time(load)
                seconds = time.seconds
                for device in time.busy.indices { stages[index].busy[device] += min(time.busy[device], seconds) }
            }
            let begin = max(stages[index].free, arrival)
            let end = begin + seconds
            stages[index].free = end
            stages[index].occupied += seconds
            if trace.isRecording { trace.add(replica: number, stage: index, step: steps, begin: begin, seconds: seconds, load) }
            guard index < model.boundaries.count else { break }
            // One message after another on the wire; during its latency the wire is free for the next.
            let sent =
                max(stages[index].linkFree, end) + load.tokens * model.hiddenBytes(index) / model.boundaries[index].link.link.bytesPerSecond
            stages[index].linkFree = sent
            arrival = sent + model.boundaries[index].link.link.latency
        }
        return Started(stages: stages.count, firstStageFree: stages[0].free, end: stages[stages.count - 1].free)
    }

    /// What a decode step's time on a stage lies on, from memory where it was asked before: a stage's model is a large value, passed on
    /// only where it is needed.
    private mutating func decodeLine(_ index: Int, _ load: StepLoad) -> DecodeTimes.Line? {
        guard let key = decodeTimes[index].key(load) else { return nil }
        if let known = decodeTimes[index].lines[key] { return known }
        return decodeTimes[index].learn(key, load, model.stages[index])
    }

    /// The oldest step in flight left the last stage: its sequences get their tokens.
    mutating func complete(at now: Double, _ table: inout RequestTable) {
        scheduler.complete()
        for (entry, share) in scheduler.completedShares.enumerated() {
            let request = requestOf[share.request.rawValue]
            if share.tokens > 1 || table.generated[request] == 0 { promptBacklog = max(0, promptBacklog - share.tokens) }
            guard share.logits > 0 else { continue }
            if table.produce(request, at: now) { scheduler.finish(share.request) } else { scheduler.append(0, toCompletedEntry: entry) }
        }
    }

    var heldBlocks: Int { scheduler.heldBlocks }

    /// Its devices are gone, or work for another replica.
    mutating func end() {
        isAlive = false
        queue.removeAll()
        head = 0
    }

    /// Gives the scheduler as many waiting requests as one step can start.
    private mutating func feed(_ table: RequestTable) {
        while head < queue.count, unstartedTokens < scheduler.schedule.stepTokens, scheduler.waitingCount < scheduler.schedule.sequences {
            let request = queue[head]
            head += 1
            unstartedTokens += table.contextTokens(request)
            // As in an engine: what a failure interrupted goes on behind its tokens, its prompt cut as before.
            let id = try? scheduler.submit(
                SequenceRequest(
                    prompt: Array(repeating: 0, count: table.requests[request].promptTokens),
                    generated: Array(repeating: 0, count: Int(table.generated[request])),
                    maximumTokens: table.requests[request].outputTokens))
            // The router gave it only what has room.
            guard let id else { preconditionFailure("a request without room") }
            precondition(id.rawValue == requestOf.count)
            requestOf.append(request)
        }
        if head == queue.count, head > 0 {
            queue.removeAll(keepingCapacity: true)
            head = 0
        }
    }
}

extension ReplicaModel {
    /// Bytes of hidden states that one token takes across a boundary.
    func hiddenBytes(_ boundary: Int) -> Double { Double(shape.hiddenSize) * Double(boundaries[boundary].link.format.bytes) }
}
