public import Plans

/// What the cost model says of a run as it was: of its own tokens and sequences, not of those that were planned for.
public struct RunSeconds: Sendable, Equatable {
    /// Of all prompts together.
    public var prompt: Double
    /// Of each round in which every sequence gets a token.
    public var round: Double
}

extension Problem {
    /// - Parameters:
    ///   - plan: in this problem's numbers.
    ///   - sequences: that ran side by side.
    ///   - promptTokens: of each that were computed; 0: none.
    ///   - depth: tokens of each that were there before.
    ///   - generatedTokens: of each.
    public func seconds(of plan: Plan, sequences: Int, promptTokens: Int, depth: Int = 0, generatedTokens: Int) throws(PlanProblem)
        -> RunSeconds
    {
        guard let replica = plan.replicas.first else { throw PlanProblem("a plan without replicas") }
        let model = try ReplicaModel(replica, hardware: hardware, shape: shape)
        let context = Double(depth + promptTokens) + Double(generatedTokens) / 2
        return RunSeconds(
            prompt: promptTokens > 0 ? model.prefillSeconds(sequences: Double(sequences), promptTokens: Double(promptTokens)) : 0,
            round: model.decodeRound(sequences: Double(sequences), context: context))
    }
}
