import Checkpoints
import Models
public import Plans

extension Model {
    /// The plan that these options run: the one that was given, in this machine's numbers, or one with everything resident on the
    /// processor.
    ///
    /// - Throws: `LoadError.plan` for a plan that was made for another checkpoint or other hardware, or that does not fit.
    public func plan(_ options: LoadOptions) throws -> Plan {
        if let given = options.plan { return try bound(given, threads: options.threads) }
        let blocks = (options.contextLength + ReplicaSchedule.keyValueBlockTokens - 1) / ReplicaSchedule.keyValueBlockTokens
        return Plan.resident(
            model: spec, threads: options.threads, keyValueFormat: options.keyValueFormat,
            keyValueTokens: blocks * ReplicaSchedule.keyValueBlockTokens * options.sequences, stepTokens: options.stepTokens,
            stepLogits: options.stepLogits)
    }

    private func bound(_ given: Plan, threads: Int) throws(LoadError) -> Plan {
        // Only a plan that names a checkpoint costs a look at its tensors.
        if !given.model.isEmpty, let refusal = given.refusal(ofModel: checkpoint.fingerprintText()) { throw .plan(refusal) }
        let inventory = Inventory.local(threads: threads)
        do {
            var plan = try given.bound(to: inventory)
            for index in plan.devices.indices where plan.devices[index].threads == nil { plan.devices[index].threads = threads }
            let problems = PlanCheck.problems(plan, shape: ModelShape(spec), inventory: inventory)
            if let first = problems.first { throw LoadError.plan(problems.count == 1 ? first : "\(first); and \(problems.count - 1) more") }
            return plan
        } catch let error as LoadError {
            throw error
        } catch {
            throw .plan(String(describing: error))
        }
    }
}
