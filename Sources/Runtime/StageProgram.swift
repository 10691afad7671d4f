import CKernels
import Devices
import Models

/// A stage compiled once into flat programs that run per step with different sizes.
struct StageProgram {
    var embedding: [Operation] = []
    var layers: [Operation] = []
    var output: [Operation] = []

    init(model: ModelSpec, weights: Weights, cache: KeyValueCache, buffers: StepBuffers, cpu: CPU, jobs: JobStorage) throws {
        let compiler = Compiler(weights: weights, buffers: buffers, cpu: cpu, jobs: jobs)
        if let projection = model.embedding.projection {
            embedding.append(try compiler.pack(buffers.embedded, buffers.embeddedStride, columns: model.embedding.size, for: [projection]))
            embedding.append(try compiler.product([projection], to: [(buffers.hidden, buffers.hiddenStride)]))
        }
        for (index, layer) in model.layers.enumerated() {
            layers += try compiler.layer(layer, positions: model.positions, hiddenSize: model.hiddenSize, cache: cache, index: index)
        }
        let first = model.outputProjection ?? model.output
        output.append(
            try compiler.pack(buffers.chosen, buffers.hiddenStride, columns: model.hiddenSize, for: [first], norm: model.finalNorm))
        if let projection = model.outputProjection {
            output.append(try compiler.product([projection], to: [(buffers.embedded, buffers.embeddedStride)]))
            output.append(try compiler.pack(buffers.embedded, buffers.embeddedStride, columns: model.embedding.size, for: [model.output]))
        }
        output.append(try compiler.product([model.output], to: [(buffers.logits, buffers.logitsStride)]))
    }
}

/// Turns modules into operations over the step's buffers.
private struct Compiler {
    let weights: Weights
    let buffers: StepBuffers
    let cpu: CPU
    let jobs: JobStorage

    typealias Rows = (base: UnsafeMutablePointer<Float>, stride: Int)

    func layer(_ layer: LayerSpec, positions: PositionSpec, hiddenSize: Int, cache: KeyValueCache, index: Int) throws -> [Operation] {
        let attention = layer.attention, feedForward = layer.feedForward
        let hidden: Rows = (buffers.hidden, buffers.hiddenStride)
        var result: [Operation] = []
        let projections = [attention.query, attention.key, attention.value]
        result.append(
            try pack(
                hidden.base, hidden.stride, columns: hiddenSize, for: projections, norm: layer.postNorm ? nil : layer.attentionNorm))
        result.append(
            try product(
                projections,
                to: [(buffers.query, buffers.queryStride), (buffers.key, buffers.keyValueStride), (buffers.value, buffers.keyValueStride)]))
        result.append(try store(attention, positions: positions, cache: cache, layer: index))
        result.append(attend(attention, cache: cache, layer: index))
        result.append(
            try pack(buffers.attended, buffers.queryStride, columns: attention.headCount * attention.headSize, for: [attention.output]))
        result.append(try product([attention.output], to: [hidden], add: true))
        if layer.postNorm {
            result.append(try pack(hidden.base, hidden.stride, columns: hiddenSize, for: [], norm: layer.attentionNorm, inPlace: true))
        }
        let inner = feedForward.gate.map { [$0, feedForward.up] } ?? [feedForward.up]
        result.append(
            try pack(hidden.base, hidden.stride, columns: hiddenSize, for: inner, norm: layer.postNorm ? nil : layer.feedForwardNorm))
        result.append(
            try product(
                inner, to: [(buffers.gate, buffers.feedForwardStride), (buffers.up, buffers.feedForwardStride)], activation: feedForward.activation))
        result.append(try pack(buffers.gate, buffers.feedForwardStride, columns: feedForward.size, for: [feedForward.down]))
        result.append(try product([feedForward.down], to: [hidden], add: true))
        if layer.postNorm {
            result.append(try pack(hidden.base, hidden.stride, columns: hiddenSize, for: [], norm: layer.feedForwardNorm, inPlace: true))
        }
        return result
    }

    /// Packs rows for the products of `linears`, normed first where there is a norm; `inPlace` keeps the normed rows too.
    func pack(
        _ base: UnsafeMutablePointer<Float>, _ stride: Int, columns: Int, for linears: [LinearSpec], norm: NormSpec? = nil, inPlace: Bool = false
    ) throws -> Operation {
        var job = mk_pack_job()
        job.isa = cpu.instructionSet
        job.x = base
        job.stride = Int64(stride)
        job.columns = Int64(columns)
        let kinds = Set(linears.map { mk_input_kind($0.weight.format.kernelFormat).rawValue })
        job.packed.0 = kinds.contains(0) ? buffers.packed[0] : nil
        job.packed.1 = kinds.contains(1) ? buffers.packed[1] : nil
        job.packed.2 = kinds.contains(2) ? buffers.packed[2] : nil
        job.packed.3 = kinds.contains(3) ? buffers.packed[3] : nil
        job.scratch = buffers.scratch
        job.scratch_stride = Int64(buffers.scratchStride)
        job.norm = MK_NORM_NONE
        if let norm {
            job.norm = norm.kind == .rms ? MK_NORM_RMS : MK_NORM_LAYER
            job.weight = try weights.vector(norm.weight, count: columns)
            job.bias = try norm.bias.map { try weights.vector($0, count: columns) }
            job.epsilon = Float(norm.epsilon)
            job.in_place = inPlace
        }
        return .pack(jobs.make(job))
    }

    /// The products of `linears` with their packed input. With an activation: of the only output, or gate x up into the first.
    func product(_ linears: [LinearSpec], to outputs: [Rows], add: Bool = false, activation: Activation? = nil) throws -> Operation {
        var job = mk_product_job()
        job.isa = cpu.instructionSet
        job.count = Int32(linears.count)
        job.add = add
        job.scratch = buffers.scratch
        job.scratch_stride = Int64(buffers.scratchStride)
        if let activation {
            job.gated = linears.count == 2 ? 1 : 2
            job.activation = activation.kernelActivation
        }
        for (index, linear) in linears.enumerated() {
            let matrix = try weights.matrix(linear)
            let input = buffers.packed[Int(mk_input_kind(matrix.format).rawValue)].map { UnsafeRawPointer($0) }
            withUnsafeMutablePointer(to: &job.matrices) { $0.withMemoryRebound(to: mk_matrix.self, capacity: 4) { $0[index] = matrix } }
            withUnsafeMutablePointer(to: &job.outputs) {
                $0.withMemoryRebound(to: UnsafeMutablePointer<Float>?.self, capacity: 4) { $0[index] = outputs[index].base }
            }
            withUnsafeMutablePointer(to: &job.strides) {
                $0.withMemoryRebound(to: Int64.self, capacity: 4) { $0[index] = Int64(outputs[index].stride) }
            }
            withUnsafeMutablePointer(to: &job.inputs) { $0.withMemoryRebound(to: UnsafeRawPointer?.self, capacity: 4) { $0[index] = input } }
        }
        return .product(jobs.make(job))
    }

    private func store(_ attention: AttentionSpec, positions: PositionSpec, cache: KeyValueCache, layer: Int) throws -> Operation {
        let place = cache.layers[layer]
        var job = mk_store_job()
        job.isa = cpu.instructionSet
        (job.q, job.k, job.v) = (buffers.query, buffers.key, buffers.value)
        job.q_stride = Int64(buffers.queryStride)
        job.k_stride = Int64(buffers.keyValueStride)
        job.v_stride = Int64(buffers.keyValueStride)
        job.heads = Int64(attention.headCount)
        job.kv_heads = Int64(attention.keyValueHeadCount)
        job.head_size = Int64(attention.headSize)
        if let norm = attention.queryNorm {
            job.q_norm = try weights.vector(norm.weight, count: attention.headSize)
            job.q_epsilon = Float(norm.epsilon)
        }
        if let norm = attention.keyNorm {
            job.k_norm = try weights.vector(norm.weight, count: attention.headSize)
            job.k_epsilon = Float(norm.epsilon)
        }
        if case .rotary(let rotary) = positions {
            job.rotary = Int64(rotary.dimensions)
            job.interleaved = rotary.pairing == .interleaved
            job.cosine = UnsafePointer(buffers.cosine)
            job.sine = UnsafePointer(buffers.sine)
        }
        job.format = cache.format
        job.cache = place.base
        job.block_stride = Int64(place.blockStride)
        job.head_stride = Int64(place.headStride)
        job.blocks = UnsafePointer(buffers.blockOfToken)
        job.slots = UnsafePointer(buffers.slotOfToken)
        return .store(jobs.make(job))
    }

    private func attend(_ attention: AttentionSpec, cache: KeyValueCache, layer: Int) -> Operation {
        let place = cache.layers[layer]
        var job = mk_attention_job()
        job.isa = cpu.instructionSet
        job.format = cache.format
        job.q = UnsafePointer(buffers.query)
        job.out = buffers.attended
        job.q_stride = Int64(buffers.queryStride)
        job.out_stride = Int64(buffers.queryStride)
        job.heads = Int64(attention.headCount)
        job.kv_heads = Int64(attention.keyValueHeadCount)
        job.head_size = Int64(attention.headSize)
        job.window = Int64(attention.slidingWindow ?? 0)
        job.scale = Float(attention.scale)
        job.cache = UnsafePointer(place.base)
        job.block_stride = Int64(place.blockStride)
        job.head_stride = Int64(place.headStride)
        job.tiles = UnsafePointer(buffers.tiles)
        job.scratch = buffers.scratch
        job.scratch_stride = Int64(buffers.scratchStride)
        return .attention(jobs.make(job))
    }
}

extension Activation {
    var kernelActivation: mk_activation {
        switch self {
        case .relu: MK_RELU
        case .silu: MK_SILU
        case .gelu: MK_GELU
        case .geluTanh: MK_GELU_TANH
        }
    }
}
