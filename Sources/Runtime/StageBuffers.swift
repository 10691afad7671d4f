import Devices
import Models
import Plans

/// Everything a stage's program writes besides the KV cache. Rows are padded to 16 floats; pages are touched only as far as steps are
/// large.
struct StageBuffers {
    /// Hidden states of all tokens of the steps in flight, step slot after step slot.
    let hidden: Rows
    /// Embeddings before a projection to the hidden size, and outputs after one back.
    let embedded: Rows
    let query: Rows
    let key: Rows
    let value: Rows
    let attended: Rows
    let gate: Rows
    let up: Rows
    /// Sums of the parts of a product that is cut: doubles.
    let parts: [BufferRange]
    let partStride: Int
    /// Hidden states whose logits are wanted, and the logits, of the steps in flight.
    let chosen: Rows
    let logits: Rows

    /// - Throws: `MemoryError`.
    init(slice: StageSlice, memory: any Memory, limits: StepLimits, slots: Int) throws(MemoryError) {
        func make(_ rows: Int, _ columns: Int, _ size: Int = MemoryLayout<Float>.stride, for purpose: MemoryPurpose = .activations)
            throws(MemoryError) -> Buffer
        {
            let (count, overflow) = rows.multipliedReportingOverflow(by: Self.padded(columns))
            let (bytes, more) = count.multipliedReportingOverflow(by: size)
            guard !overflow, !more, bytes < Int.max - 4096 else {
                throw MemoryError(memory: memory.name, purpose: purpose, needed: .max, available: memory.ledger.available)
            }
            // Kernels may read a vector beyond the last row.
            return try memory.allocate(bytes + 4096, for: purpose)
        }
        func rows(_ count: Int, _ columns: Int, isStepWide: Bool = false, for purpose: MemoryPurpose = .activations) throws(MemoryError)
            -> Rows
        {
            Rows(BufferRange(try make(count, columns, for: purpose)), stride: Self.padded(columns), isStepWide: isStepWide)
        }
        let model = slice.model
        var queryWidth = 0, keyWidth = 0, innerWidth = 0, mostShards = 1
        for placement in slice.modules {
            switch placement.module {
            case .attention(let layer):
                let attention = model.layers[layer].attention
                for shard in placement.shards {
                    queryWidth = max(queryWidth, attention.queryElements(of: shard.range).count)
                    keyWidth = max(keyWidth, attention.keyElements(of: shard.range).count)
                }
            case .feedForward: for shard in placement.shards { innerWidth = max(innerWidth, shard.range.count) }
            case .embedding, .shared, .output: continue
            }
            mostShards = max(mostShards, placement.shards.count)
        }
        let tokens = limits.tokens
        hidden = try rows(tokens * slots, model.hiddenSize, isStepWide: true)
        let projects =
            slice.stage.hasEmbedding && model.embedding.projection != nil || slice.stage.hasOutput && model.outputProjection != nil
        embedded = try rows(projects ? limits.rows : 0, model.embedding.size)
        query = try rows(tokens, queryWidth)
        key = try rows(tokens, keyWidth)
        value = try rows(tokens, keyWidth)
        attended = try rows(tokens, queryWidth)
        gate = try rows(tokens, innerWidth)
        up = try rows(tokens, innerWidth)
        partStride = Self.padded(model.hiddenSize)
        var parts: [BufferRange] = []
        if mostShards > 1 {
            for _ in 0..<mostShards { parts.append(BufferRange(try make(tokens, model.hiddenSize, MemoryLayout<Double>.stride))) }
        }
        self.parts = parts
        let output = slice.stage.hasOutput ? limits.logits * slots : 0
        chosen = try rows(output, model.hiddenSize, isStepWide: true)
        logits = try rows(output, model.vocabularySize, isStepWide: true, for: .logits)
    }

    static func padded(_ count: Int) -> Int { (count + 15) / 16 * 16 }
}
