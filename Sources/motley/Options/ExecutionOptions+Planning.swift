import Devices
import Engine
import JSON
import Planning
import Plans

/// Options with the plan that they led to, and what it can say of a run.
struct PlannedOptions {
    var load: LoadOptions
    /// nil where everything is resident on the processor and nothing was measured.
    var machinePlan: MachinePlan?
}

extension ExecutionOptions {
    /// How a model is loaded for this machine: as a plan file says, as is planned within the limits given, or with everything resident on
    /// the processor, where that is asked for by nothing else and fits.
    ///
    /// - Parameters:
    ///   - context: tokens of each sequence.
    ///   - prompt, output: tokens that a plan is made for.
    ///   - measures: whether a prediction is wanted where the plan needs none.
    func planned(
        _ model: Model, objective: Objective, context: Int, prompt: @autoclosure () throws -> Int, output: Int, sequences: Int = 1,
        stepLogits: Int = 64,
        logitsRows: Int = 1, measures: Bool = false
    ) throws -> PlannedOptions {
        var options = try loadOptions(context: context, sequences: sequences, stepLogits: stepLogits)
        // The prompt's tokens are counted only where they matter: otherwise they are found while weights are packed.
        var request = try limits.request(kv, objective: objective, prompt: 1, output: output, sequences: sequences)
        request.logitsRows = logitsRows
        if options.plan != nil || !request.isPlain { request.promptTokens = try prompt() }
        let bar = ProgressBar("measuring this machine")
        defer { bar.finish() }
        if options.plan != nil {
            let given = try model.plan(options)
            return PlannedOptions(load: options, machinePlan: model.machinePlan(given, request, options: options) { bar.update($0) })
        }
        if request.isPlain, (try? model.check(options)) != nil {
            guard measures else { return PlannedOptions(load: options) }
            let resident = try model.plan(options)
            return PlannedOptions(load: options, machinePlan: model.machinePlan(resident, request, options: options) { bar.update($0) })
        }
        request.promptTokens = try prompt()
        let found = try model.planned(request, options: options) { bar.update($0) }
        options.plan = found.plan
        return PlannedOptions(load: options, machinePlan: found)
    }
}

/// What the cost model says of a run as it was.
struct RunPrediction {
    var promptTokensPerSecond: Double?
    var tokensPerSecond: Double?

    /// nil where nothing was measured, or the plan is beyond the cost model.
    init?(_ plan: MachinePlan?, sequences: Int = 1, promptTokens: Int, depth: Int = 0, generatedTokens: Int) {
        guard let plan,
            let seconds = try? plan.problem.seconds(
                of: plan.plan, sequences: sequences, promptTokens: promptTokens, depth: depth, generatedTokens: generatedTokens)
        else { return nil }
        if promptTokens > 0, seconds.prompt > 0 { promptTokensPerSecond = Double(sequences * promptTokens) / seconds.prompt }
        if seconds.round > 0 { tokensPerSecond = Double(sequences) / seconds.round }
    }

    var json: JSON {
        .object(
            JSONObject([
                (key: "prefill_tokens_per_second", value: promptTokensPerSecond.map { .number($0) } ?? .null),
                (key: "decode_tokens_per_second", value: tokensPerSecond.map { .number($0) } ?? .null),
            ]))
    }
}
