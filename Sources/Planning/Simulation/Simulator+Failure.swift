import Plans

extension Simulator {
    /// What a new plan's score may lose for leaving running replicas alone: weights that need not be loaded and requests that need not
    /// begin again are worth that much.
    static let undisturbedAllowance = 0.05

    /// Devices are gone: replicas with them end, a plan for what is left takes over, and requests begin again from their tokens.
    mutating func fail(_ labels: [String], at now: Double) {
        failed += labels.filter { !failed.contains($0) }
        let gone = Set(
            problem.hardware.devices.indices.filter { index in
                let entry = problem.hardware.devices[index]
                return labels.contains { $0 == entry.label || $0 == problem.hardware.profile.machines[entry.machine].name }
            })
        for label in labels { trace.marks.append(SimulationTrace.Mark(name: "\(label) fails", seconds: now)) }
        let hit = replicas.indices.filter { index in
            replicas[index].isAlive && replicas[index].model.stages.contains { $0.devices.contains(where: gone.contains) }
        }
        var report = FailureReport(seconds: now, devices: labels, ended: 0, kept: 0, started: 0, replayed: 0, recoveredAt: nil, note: "")
        defer { reports.append(report) }
        guard !hit.isEmpty else {
            report.kept = replicas.count { $0.isAlive }
            report.note = "no replica used it"
            return
        }
        let old = plan.plan
        let survivors = replicas.indices.filter { replicas[$0].isAlive && !hit.contains($0) }
        var ended = hit
        var started: [Replica] = []
        if let (next, problem) = replanned(survivors: survivors.map { replicas[$0].plan }) {
            // Equal replicas of the new plan are the old ones.
            started = next.plan.replicas
            for index in survivors {
                if let same = started.firstIndex(of: replicas[index].plan) { started.remove(at: same) } else { ended.append(index) }
            }
            self.problem = problem
            plan = next
            report.note = next.note.isEmpty ? next.strategy : next.note
        } else {
            report.note = survivors.isEmpty ? "nothing fits on what is left" : "nothing more fits on what is left"
        }
        ended.sort()
        for index in ended {
            waiting -= replicas[index].waitingCount
            replicas[index].end()
        }
        queue.set(Double(waiting), at: now)
        let recovery = Recovery(hardware: problem.hardware, shape: problem.shape, before: old)
        for replica in started {
            // The same plan passed the planner's evaluation.
            guard let model = try? ReplicaModel(replica, hardware: problem.hardware, shape: problem.shape) else { continue }
            let ready = now + options.planningSeconds + recovery.seconds(replica)
            add(replica, model, readyAt: ready)
            events.schedule(.ready, of: replicas.count - 1, at: ready)
            report.recoveredAt = max(report.recoveredAt ?? ready, ready)
            report.started += 1
        }
        report.ended = ended.count
        report.kept = replicas.count { $0.isAlive } - report.started
        let lost = Set(ended.map { Int32($0) })
        for request in table.requests.indices where lost.contains(table.owner[request]) && !table.lastToken[request].isFinite {
            guard table.requests[request].arrival <= now else { break }
            report.replayed += 1
            route(request, at: now)
        }
    }

    /// The best plan without the failed devices, or the running replicas beside what else fits where that is nearly as good.
    private func replanned(survivors: [Replica]) -> (Evaluation, Problem)? {
        guard let (problem, found) = search(without: []) else { return nil }
        let kept = survivors.count { found.plan.replicas.contains($0) }
        guard kept < survivors.count else { return (found, problem) }
        var used: Set<Int> = []
        for replica in survivors { for stage in replica.stages { used.formUnion(stage.devices.map(\.rawValue)) } }
        let rest = search(without: used.sorted().map { problem.hardware.devices[$0].label })?.1.plan.replicas ?? []
        var combined = found.plan
        combined.replicas = survivors + rest
        guard let together = try? problem.evaluate(combined, strategy: found.strategy, note: "running replicas kept"), together.fits else {
            return (found, problem)
        }
        // Attainment is a share already; other scores are compared in proportion.
        let allowance = Self.undisturbedAllowance * (problem.objective.countsRequests ? 1 : found.score)
        return together.score <= found.score + allowance ? (together, problem) : (found, problem)
    }

    private func search(without more: [String]) -> (Problem, Evaluation)? {
        var scenario = scenario
        scenario.constraints.excluded += failed + more
        let hardware = problem.hardware
        func isExcluded(_ label: String) -> Bool {
            guard let device = hardware.devices.first(where: { $0.label == label }) else { return false }
            return scenario.constraints.excluded.contains { $0 == label || $0 == hardware.profile.machines[device.machine].name }
        }
        // A pin to what is gone cannot be kept.
        scenario.constraints.pins.removeAll { isExcluded($0.device) }
        guard let problem = try? Problem(scenario, seed: self.problem.seed),
            let result = try? Planner(problem).plan(options.strategy, timeLimit: options.timeLimit, warm: plan)
        else { return nil }
        return (problem, result.best)
    }
}
