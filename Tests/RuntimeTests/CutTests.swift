import Checkpoints
import Devices
import Models
import Plans
import Runtime
import Testing

/// Layers that are cut into shards give the bits of whole ones, wherever the cuts and however many.
@Suite struct CutTests {
    /// The grain of a module's units where it has several.
    private func grain(_ module: Module, _ model: ModelSpec, _ formats: [TensorFormat]) -> Int? {
        switch module {
        case .embedding, .output: return nil
        case .attention(let layer):
            let attention = model.layers[layer].attention
            let group = attention.headCount / attention.keyValueHeadCount * attention.headSize
            return CutGrain.attention(keyValueHeads: attention.keyValueHeadCount, groupColumns: group, formats: formats)
        case .feedForward(let layer): return CutGrain.feedForward(size: model.layers[layer].feedForward.size, formats: formats)
        }
    }

    /// A plan with a model's modules cut wherever `isCut` says so, possible cuts being numbered; nil where there is none.
    private func plan(_ model: ModelSpec, _ isCut: (Int) -> Bool) -> Plan? {
        var formats: [TensorFormat] = [model.output.weight.format]
        for layer in model.layers {
            let attention = layer.attention, feedForward = layer.feedForward
            let matrices = [attention.query, attention.key, attention.value, attention.output, feedForward.up, feedForward.down]
            formats += (matrices + [feedForward.gate].compactMap { $0 }).map(\.weight.format)
        }
        formats += [model.embedding.projection, model.outputProjection].compactMap { $0?.weight.format }
        var plan = Plan.resident(model: model, threads: 2, keyValueTokens: 16 * Executor.blockTokens)
        var possible = 0
        for index in plan.replicas[0].stages[0].placements.indices {
            let placement = plan.replicas[0].stages[0].placements[index]
            guard let grain = grain(placement.module, model, formats) else { continue }
            let whole = placement.shards[0]
            var shards: [Shard] = []
            var first = 0
            for end in stride(from: grain, to: whole.range.upperBound, by: grain) {
                possible += 1
                guard isCut(possible - 1) else { continue }
                var shard = whole
                shard.range = first..<end
                shards.append(shard)
                first = end
            }
            var rest = whole
            rest.range = first..<whole.range.upperBound
            plan.replicas[0].stages[0].placements[index].shards = shards + [rest]
        }
        return possible > 0 ? plan : nil
    }

    private func executor(_ plan: Plan, _ golden: Golden, _ set: InstructionSet) throws -> Executor {
        let checkpoint = try Checkpoint.open(path: golden.path)
        return try Executor(
            plan: plan, model: ModelSpec(checkpoint: checkpoint), checkpoint: checkpoint,
            options: .init(maximumStepTokens: 16, maximumLogits: 16, instructionSet: set))
    }

    @Test(arguments: Golden.all.map(\.name)) func cutLayersGiveTheSameBits(_ name: String) throws {
        let golden = try #require(Golden.named(name))
        let model = try ModelSpec(checkpoint: Checkpoint.open(path: golden.path))
        // Every possible cut, the even ones, and the first.
        let plans = [plan(model) { _ in true }, plan(model) { $0 % 2 == 0 }, plan(model) { $0 == 0 }].compactMap { $0 }
        for set in name.hasPrefix("llama-gguf-q") ? [InstructionSet.best] : InstructionSet.available where !plans.isEmpty {
            let whole = try golden.executor(stepTokens: 16, instructionSet: set).logits(of: golden.prompt, slices: [5, 1, 9], blocks: [2])
            for plan in plans {
                let found = try executor(plan, golden, set).logits(of: golden.prompt, slices: [5, 1, 9], blocks: [2])
                #expect(found == whole)
            }
        }
    }

    /// The test above would be none if nothing could be cut.
    @Test func enoughModelsCanBeCut() throws {
        let cut = try Golden.all.filter { golden in
            try plan(ModelSpec(checkpoint: Checkpoint.open(path: golden.path))) { _ in true } != nil
        }
        #expect(cut.count >= 20, "\(cut.map(\.name))")
    }
}
