import Glibc
import Plans

/// Requests over time on several replicas, fast enough to score plans inside a search: each replica batches continuously, a decode round
/// takes what the cost model says for the number of active sequences, a prompt stops its replica's decoding for as long as its busiest
/// stage needs. Requests go where they are expected to finish first.
///
/// A model of requests, not of steps: the step-exact answer is the simulator's.
struct QueueModel {
    struct Outcome {
        /// By request: seconds to the first token, and from arrival to the last.
        var firstToken: [Double]
        var finished: [Double]
        var requests: [Workload.Request]
        /// From the first arrival to the last completion.
        var duration: Double

        func attainment(_ level: Limits) -> Double {
            guard !requests.isEmpty else { return 0 }
            var good = 0
            for index in requests.indices
            where level.meets(first: firstToken[index], total: finished[index], output: requests[index].outputTokens) {
                good += 1
            }
            return Double(good) / Double(requests.count)
        }

        /// Means over requests that ended.
        var meanTimePerOutputToken: Double {
            var sum = 0.0, count = 0
            for index in requests.indices where finished[index].isFinite {
                sum += (finished[index] - firstToken[index]) / Double(max(1, requests[index].outputTokens - 1))
                count += 1
            }
            return sum / Double(max(1, count))
        }

        var meanFirstToken: Double {
            var sum = 0.0, count = 0
            for value in firstToken where value.isFinite {
                sum += value
                count += 1
            }
            return sum / Double(max(1, count))
        }

        /// Infinite where one did not end.
        var meanTotal: Double { finished.reduce(0, +) / Double(max(1, finished.count)) }
        /// What throughput and cost make small where requests arrive over time: seconds per output token, counted in steps of 1 % from the
        /// shortest time there is (the last arrival), so that plans that keep up alike are equal; of equal ones the mean time of a request
        /// decides, which adds less than a step.
        var secondsPerToken: Double {
            let exact = duration / max(1, tokens), mean = meanTotal
            let least = (requests.last?.arrival ?? 0) - (requests.first?.arrival ?? 0)
            guard exact.isFinite, mean.isFinite, least > 1e-6, duration >= least, duration < least * 1e9 else { return exact }
            let step = log(1.01)
            let counted = least * exp((log(duration / least) / step + 1e-9).rounded(.down) * step)
            return counted / max(1, tokens) * (1 + 0.009 * mean / (mean + 10))
        }

        /// Output tokens of requests that ended.
        var tokens: Double { requests.indices.reduce(0) { finished[$1].isFinite ? $0 + Double(requests[$1].outputTokens) : $0 } }
    }

    /// Limits in seconds.
    struct Limits {
        var total = Double.infinity
        var first = Double.infinity
        var each = Double.infinity

        func scaled(_ factor: Double) -> Limits { Limits(total: total * factor, first: first * factor, each: each * factor) }

        func meets(first firstToken: Double, total finished: Double, output: Int) -> Bool {
            finished <= total && firstToken <= first && (finished - firstToken) / Double(max(1, output - 1)) <= each
        }
    }

    static func requests(_ workload: Workload, count: Int, seed: UInt64) -> [Workload.Request] {
        switch workload.demand {
        case .trace(let requests): return requests
        case .batch(let size):
            var random = SplitMix(seed: seed)
            return (0..<min(size, 100_000)).map { _ in
                Workload.Request(arrival: 0, promptTokens: workload.prompt.sample(&random), outputTokens: workload.output.sample(&random))
            }
        case .rate(let rate):
            var random = SplitMix(seed: seed)
            var now = 0.0
            return (0..<count).map { _ in
                now -= log(random.unit()) / rate
                return Workload.Request(
                    arrival: now, promptTokens: workload.prompt.sample(&random), outputTokens: workload.output.sample(&random))
            }
        }
    }

    private struct State {
        var now = 0.0
        /// Tokens every active sequence has got since the replica's start.
        var progress = 0.0
        /// Value of `progress` at which a sequence ends, and its request; ascending.
        var active: [(end: Double, request: Int)] = []
        var waiting: [Int] = []
        var head = 0
        var waitingTokens = 0.0
        /// When the last prompt ended, and how many sequences decoded when its train began.
        var promptEnd = -1.0
        var joining = 0
    }

    /// - Parameter patience: ends early, with what is not finished infinitely late, once more than `misses` requests are beyond `limits`.
    static func run(_ servers: [Server], _ requests: [Workload.Request], patience: (limits: Limits, misses: Int)? = nil) -> Outcome {
        var states = Array(repeating: State(), count: servers.count)
        var outcome = Outcome(
            firstToken: Array(repeating: .infinity, count: requests.count), finished: Array(repeating: .infinity, count: requests.count),
            requests: requests,
            duration: 0)
        guard !servers.isEmpty else { return outcome }
        var missed = 0

        /// Admits waiting requests and decodes until `limit`.
        func advance(_ index: Int, to limit: Double) {
            let server = servers[index]
            while true {
                while states[index].head < states[index].waiting.count && states[index].active.count < server.mostSequences
                    && states[index].now <= limit
                {
                    let request = states[index].waiting[states[index].head]
                    states[index].head += 1
                    let prompt = Double(requests[request].promptTokens)
                    let started = states[index].now
                    states[index].waitingTokens -= Double(requests[request].outputTokens)
                    let active = states[index].active.count
                    // A prompt right behind another costs only what the busiest stage works on it.
                    let follows = states[index].promptEnd == started
                    if !follows { states[index].joining = active }
                    let joining = states[index].joining
                    states[index].now += (follows ? server.occupancy(joining) : server.stall(joining)) * prompt
                    states[index].promptEnd = states[index].now
                    // Of its way through the stages the rest is not the decoding sequences' concern.
                    let first = states[index].now + max(0, server.firstTokenPerToken - server.stall(joining)) * prompt
                    // It waits for the step under way, and takes part in decoding from the step after its own.
                    let wait = joining == 0 ? 0 : 0.5 / Double(server.stageCount)
                    outcome.firstToken[request] = first + wait * server.round(max(1, joining)) - requests[request].arrival
                    let late = joining == 0 ? 0 : wait + (server.stageCount == 1 ? 1 : 0.5)
                    let end = states[index].progress + Double(max(0, requests[request].outputTokens - 1)) + late
                    let position = states[index].active.firstIndex { $0.end > end } ?? states[index].active.count
                    states[index].active.insert((end, request), at: position)
                }
                guard let next = states[index].active.first else {
                    states[index].now = max(states[index].now, limit)
                    return
                }
                guard states[index].now < limit else { return }
                let round = server.round(states[index].active.count)
                let until = states[index].now + (next.end - states[index].progress) * round
                if until > limit {
                    states[index].progress += (limit - states[index].now) / round
                    states[index].now = limit
                    return
                }
                states[index].now = until
                states[index].progress = next.end
                states[index].active.removeFirst()
                // The first token may leave a pipeline later than its busiest stage is free.
                outcome.finished[next.request] = max(
                    until - requests[next.request].arrival,
                    outcome.firstToken[next.request] + Double(max(0, requests[next.request].outputTokens - 1)) * server.rounds[0])
                outcome.duration = max(outcome.duration, until)
                if let patience,
                    !patience.limits.meets(
                        first: outcome.firstToken[next.request], total: outcome.finished[next.request],
                        output: requests[next.request].outputTokens)
                {
                    missed += 1
                }
            }
        }

        for (number, request) in requests.enumerated() {
            if let patience, missed > patience.misses { return outcome }
            var best = 0, least = Double.infinity
            for index in servers.indices {
                advance(index, to: request.arrival)
                let state = states[index], server = servers[index]
                let queued = Double(state.waiting.count - state.head)
                let load = min(server.mostSequences, state.active.count + 1 + Int(queued))
                let round = server.round(max(1, load))
                let behind =
                    max(0, state.now - request.arrival) + server.firstTokenPerToken * Double(request.promptTokens)
                    + queued * server.occupancy(max(1, load)) * Double(request.promptTokens)
                let wait = state.waitingTokens * round / Double(server.mostSequences)
                let finish = behind + wait + Double(request.outputTokens) * round
                if finish < least { (best, least) = (index, finish) }
            }
            states[best].waiting.append(number)
            states[best].waitingTokens += Double(request.outputTokens)
            if states[best].now < request.arrival { states[best].now = request.arrival }
        }
        for index in servers.indices { advance(index, to: .infinity) }
        return outcome
    }
}
