import Checkpoints
import Models
public import Plans

extension Model {
    /// The plan that these options run: the one that was given, in this machine's numbers, or one with everything resident on the
    /// processor.
    ///
    /// - Throws: `LoadError.plan` for a plan that was made for another checkpoint or other hardware, or that does not fit.
    public func plan(_ options: LoadOptions) throws -> Plan {
        if let given = options.plan { return try bound(given, options) }
        let blocks = (options.contextLength + ReplicaSchedule.keyValueBlockTokens - 1) / ReplicaSchedule.keyValueBlockTokens
        return Plan.resident(
            model: spec, threads: options.threads, keyValueFormat: options.keyValueFormat,
            keyValueTokens: blocks * ReplicaSchedule.keyValueBlockTokens * options.sequences, stepTokens: options.stepTokens,
            stepLogits: options.stepLogits)
    }

    private func bound(_ given: Plan, _ options: LoadOptions) throws(LoadError) -> Plan {
        let threads = options.threads
        // Only a plan that names a checkpoint costs a look at its tensors.
        if !given.model.isEmpty, let refusal = given.refusal(ofModel: checkpoint.fingerprintText()) { throw .plan(refusal) }
        let inventory = Inventory.local(threads: threads, emulated: options.emulated)
        do {
            var plan = try given.bound(to: inventory)
            for index in plan.devices.indices {
                // Its key may have been another's, or its number in an order.
                if let real = inventory.devices.first(where: { $0.id == plan.devices[index].id }) { plan.devices[index].key = real.key }
                if plan.devices[index].kind == .cpu, plan.devices[index].threads == nil { plan.devices[index].threads = threads }
            }
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
