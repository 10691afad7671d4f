import Plans
import Scheduling

/// Plays requests against a plan under a simulated clock: the engine's scheduler on every replica, step times from the cost model, devices
/// that fail. docs/simulation.md.
///
/// Deterministic: events at the same moment happen in the order they were scheduled, and nothing asks a real clock.
public struct Simulator {
    let scenario: Scenario
    let options: SimulationOptions
    var problem: Problem
    var plan: Evaluation
    let limits: ServiceLimits

    var table: RequestTable
    var replicas: [SimulatedReplica] = []
    var events = EventQueue()
    var trace: SimulationTrace
    var queue = TimeSeries()
    var waiting = 0
    var eventCount = 0
    var lastToken = 0.0
    var reports: [FailureReport] = []
    /// Replicas that may be able to start a step: looked at when everything of this moment has happened, so that requests that come at once
    /// are one step.
    private var stirred: [Int] = []
    private var isStirred: [Bool] = []
    /// Labels of what failed so far.
    var failed: [String] = []

    /// - Parameters:
    ///   - scenario: what `problem` was made of; after a failure it is planned anew with less hardware.
    ///   - requests: in order of arrival; nil: the workload's.
    public init(
        _ scenario: Scenario, problem: Problem, plan: Evaluation, options: SimulationOptions = SimulationOptions(),
        requests: [Workload.Request]? = nil
    ) throws {
        self.scenario = scenario
        self.problem = problem
        self.plan = plan
        self.options = options
        for failure in options.failures { try failure.check(problem.hardware) }
        var models: [ReplicaModel] = []
        for replica in plan.plan.replicas { models.append(try ReplicaModel(replica, hardware: problem.hardware, shape: problem.shape)) }
        var limits = ServiceLimits(problem, plan: models)
        if let scale = options.scale { limits.scale = scale }
        self.limits = limits
        var workload = problem.workload
        if workload.batch != nil, let batch = options.batch { workload.demand = .batch(batch) }
        table = RequestTable(requests ?? QueueModel.requests(workload, count: options.requests, seed: options.seed))
        trace = SimulationTrace(isRecording: options.recordsTrace)
        for (replica, model) in zip(plan.plan.replicas, models) { add(replica, model, readyAt: 0) }
    }

    mutating func add(_ replica: Replica, _ model: ReplicaModel, readyAt: Double) {
        let number = replicas.count
        isStirred.append(false)
        replicas.append(SimulatedReplica(number: number, plan: replica, model: model, workload: problem.workload, readyAt: readyAt))
        if trace.isRecording {
            trace.processes.append(
                SimulationTrace.Process(
                    name: "replica \(number)",
                    stages: model.stages.indices.map { "stage \($0): \(deviceLabels(model, stage: $0).joined(separator: " + "))" }))
        }
    }

    func deviceLabels(_ model: ReplicaModel, stage: Int) -> [String] {
        model.stages[stage].devices.map { problem.hardware.devices[$0].label }
    }

    public mutating func run() -> SimulationReport {
        let failures = options.failures.enumerated().sorted { ($0.element.seconds, $0.offset) < ($1.element.seconds, $1.offset) }.map(
            \.element)
        var nextArrival = 0, nextFailure = 0
        var now = 0.0
        while table.completedCount + table.failedCount < table.requests.count {
            let arrival = nextArrival < table.requests.count ? table.requests[nextArrival].arrival : .infinity
            let failure = nextFailure < failures.count ? failures[nextFailure].seconds : .infinity
            let event = events.next
            let next = min(arrival, failure, event)
            if next > now, !stirred.isEmpty {
                startStirred(at: now)
                continue
            }
            now = max(now, next)
            guard now.isFinite else { break }
            if failure <= arrival, failure <= event {
                var gone: [String] = []
                while nextFailure < failures.count, failures[nextFailure].seconds == failure {
                    gone.append(failures[nextFailure].device)
                    nextFailure += 1
                }
                fail(gone, at: now)
            } else if event <= arrival, let next = events.pop() {
                handle(next, at: now)
            } else {
                eventCount += 1
                route(nextArrival, at: now)
                nextArrival += 1
            }
        }
        return report(end: now)
    }

    private mutating func handle(_ event: EventQueue.Event, at now: Double) {
        guard replicas.withUnsafeBufferPointer({ $0[event.replica].isAlive }) else { return }
        if event.kind == .stepEnd {
            let before = waitingCount(event.replica)
            replicas[event.replica].complete(at: now, &table)
            noteQueue(event.replica, before: before, at: now)
            lastToken = now
        }
        stir(event.replica)
    }

    mutating func stir(_ index: Int) {
        guard !isStirred[index] else { return }
        isStirred[index] = true
        stirred.append(index)
    }

    private mutating func startStirred(at now: Double) {
        for index in stirred {
            isStirred[index] = false
            start(index, at: now)
        }
        stirred.removeAll(keepingCapacity: true)
    }

    private mutating func start(_ index: Int, at now: Double) {
        let before = waitingCount(index)
        guard let started = replicas[index].start(at: now, table, &trace) else { return }
        eventCount += started.stages + 1
        if started.stages > 1 { events.schedule(.firstStageFree, of: index, at: started.firstStageFree) }
        events.schedule(.stepEnd, of: index, at: started.end)
        noteQueue(index, before: before, at: now)
        if trace.isRecording {
            let replica = replicas[index]
            trace.sample(
                replica: index, at: now, waiting: replica.waitingCount, running: replica.runningCount, blocks: replica.heldBlocks)
        }
    }

    /// To the replica that is expected to end it first.
    mutating func route(_ request: Int, at now: Double) {
        let tokens = table.contextTokens(request)
        let needed = tokens + table.missingTokens(request)
        let best = replicas.withUnsafeBufferPointer { replicas in
            var best = -1, least = Double.infinity
            for index in replicas.indices where replicas[index].isAlive && replicas[index].hasRoom(for: needed) {
                let finish = replicas[index].expectedSeconds(promptTokens: tokens, at: now)
                if finish < least { (best, least) = (index, finish) }
            }
            return best
        }
        guard best >= 0 else {
            table.fail(request)
            return
        }
        table.owner[request] = Int32(best)
        replicas[best].enqueue(request, promptTokens: tokens, at: now)
        waiting += 1
        queue.set(Double(waiting), at: now)
        stir(best)
    }

    /// Looked at in place: a replica is a large value.
    @inline(__always) private func waitingCount(_ index: Int) -> Int { replicas.withUnsafeBufferPointer { $0[index].waitingCount } }

    mutating func noteQueue(_ index: Int, before: Int, at now: Double) {
        let change = waitingCount(index) - before
        guard change != 0 else { return }
        waiting += change
        queue.set(Double(waiting), at: now)
    }

    private mutating func report(end: Double) -> SimulationReport {
        let first = table.requests.first?.arrival ?? 0
        let last = table.producedTokens > 0 ? lastToken : end
        let duration = max(0, last - first)
        queue.advance(to: last)
        var busy = Array(repeating: 0.0, count: problem.hardware.devices.count)
        var uses: [SimulationReport.ReplicaUse] = []
        for replica in replicas {
            for (model, state) in zip(replica.model.stages, replica.stages) {
                for (device, seconds) in zip(model.devices, state.busy) { busy[device] += seconds }
            }
            uses.append(
                SimulationReport.ReplicaUse(
                    stages: replica.model.stages.indices.map { deviceLabels(replica.model, stage: $0) },
                    occupied: replica.stages.map { duration > 0 ? min(1, $0.occupied / duration) : 0 }, steps: replica.steps,
                    tokens: replica.scheduler.statistics.computedTokens, preemptions: replica.scheduler.statistics.preemptions,
                    blockCount: replica.scheduler.schedule.blockCount, peakBlocks: replica.peakBlocks))
        }
        let utilisation = problem.hardware.devices.indices.filter { !scenarioExcludes($0) }.map { index in
            (device: problem.hardware.devices[index].label, share: duration > 0 ? min(1, busy[index] / duration) : 0)
        }
        return SimulationReport(
            requests: table.requests,
            firstToken: table.requests.indices.map { table.firstToken[$0] - table.requests[$0].arrival },
            total: table.requests.indices.map { table.lastToken[$0] - table.requests[$0].arrival },
            limits: limits, duration: duration, producedTokens: table.producedTokens, completed: table.completedCount,
            failed: table.failedCount,
            events: eventCount, utilisation: utilisation, replicas: uses, meanQueue: duration > 0 ? queue.integral / duration : 0,
            peakQueue: queue.peak,
            queueSpan: queue.span, queueMeans: queue.means, queuePeaks: queue.peaks, failures: reports, trace: trace)
    }

    /// Excluded by the user from the start; what failed later is reported with the rest.
    private func scenarioExcludes(_ device: Int) -> Bool {
        let entry = problem.hardware.devices[device]
        return scenario.constraints.excluded.contains { $0 == entry.label || $0 == problem.hardware.profile.machines[entry.machine].name }
    }
}
