import CKernels

/// Turns operations into the kernels' jobs.
struct CPULowering {
    let device: CPUDevice
    let workspace: CPUWorkspace
    let jobs: JobStorage

    private var isa: mk_isa { device.cpu.instructionSet }

    func lower(_ operation: Operation) throws(DeviceError) -> CPUInstruction {
        switch operation {
        case .embed(let embed):
            .embed(
                table: UnsafeRawPointer(embed.table.range.address), format: embed.table.format, rowBytes: embed.table.rowBytes,
                columns: embed.table.columns, output: .init(embed.output))
        case .addPositions(let add):
            .addPositions(
                table: UnsafeRawPointer(add.table.range.address), format: add.table.format, rowBytes: add.table.rowBytes,
                columns: add.table.columns, offset: add.offset, rows: .init(add.rows))
        case .logitsRows: .logitsRows
        case .gather(let gather): .gather(input: .init(gather.input), output: .init(gather.output))
        case .pack(let pack): lower(pack)
        case .normalise(let normalise): lower(normalise)
        case .product(let product): try lower(product)
        case .store(let store): lower(store)
        case .attend(let attend): lower(attend)
        case .sum(let sum): lower(sum)
        }
    }

    private func lower(_ pack: Operation.Pack) -> CPUInstruction {
        var job = packJob(pack.input, columns: pack.columns, norm: pack.norm)
        let kinds = Set(pack.formats.map { mk_input_kind($0).rawValue })
        job.packed.0 = kinds.contains(0) ? workspace.packed[0] : nil
        job.packed.1 = kinds.contains(1) ? workspace.packed[1] : nil
        job.packed.2 = kinds.contains(2) ? workspace.packed[2] : nil
        job.packed.3 = kinds.contains(3) ? workspace.packed[3] : nil
        return .pack(jobs.make(job), input: .init(pack.input))
    }

    private func lower(_ normalise: Operation.Normalise) -> CPUInstruction {
        var job = packJob(normalise.rows, columns: normalise.columns, norm: normalise.norm)
        job.in_place = true
        return .pack(jobs.make(job), input: .init(normalise.rows))
    }

    private func packJob(_ input: Rows, columns: Int, norm: Operation.Norm?) -> mk_pack_job {
        var job = mk_pack_job()
        job.isa = isa
        job.x = floats(input.range)
        job.stride = Int64(input.stride)
        job.columns = Int64(columns)
        job.scratch = workspace.scratch
        job.scratch_stride = Int64(workspace.scratchStride)
        job.norm = MK_NORM_NONE
        if let norm {
            job.norm = norm.kind == .rms ? MK_NORM_RMS : MK_NORM_LAYER
            job.weight = UnsafePointer(floats(norm.weight.range))
            job.bias = norm.bias.map { UnsafePointer(floats($0.range)) }
            job.epsilon = norm.epsilon
        }
        return job
    }

    private func lower(_ product: Operation.Product) throws(DeviceError) -> CPUInstruction {
        guard (1...4).contains(product.factors.count) else {
            throw DeviceError(device: device.name, message: "a product of \(product.factors.count) matrices; from 1 to 4 are possible")
        }
        var job = mk_product_job()
        job.isa = isa
        job.count = Int32(product.factors.count)
        job.scratch = workspace.scratch
        job.scratch_stride = Int64(workspace.scratchStride)
        switch product.gate {
        case .none: break
        case .gated(let activation): (job.gated, job.activation) = (1, activation)
        case .activated(let activation): (job.gated, job.activation) = (2, activation)
        }
        var output: CPUInstruction.StepRows?
        for (index, factor) in product.factors.enumerated() {
            var matrix = mk_matrix()
            matrix.data = UnsafePointer(factor.matrix.range.address.assumingMemoryBound(to: UInt8.self))
            matrix.format = factor.matrix.format
            matrix.columns = Int64(factor.matrix.columns)
            matrix.groups = Int64((factor.matrix.rows + 15) / 16)
            matrix.bias = factor.bias.map { UnsafePointer(floats($0.range)) }
            matrix.chunk = Int64(factor.matrix.chunk)
            matrix.chunks = Int64(factor.matrix.chunkCount)
            set(&job.matrices, index, matrix)
            set(&job.inputs, index, workspace.packed[Int(mk_input_kind(matrix.format).rawValue)].map { UnsafeRawPointer($0) })
            switch factor.target {
            case .add(let rows), .store(let rows):
                if case .add = factor.target { job.add = true }
                if index == 0 { output = .init(rows) }
                set(&job.outputs, index, floats(rows.range))
                set(&job.strides, index, Int64(rows.stride))
            case .parts(let range, let stride):
                set(&job.parts, index, range.address.assumingMemoryBound(to: Double.self))
                set(&job.strides, index, Int64(stride))
            }
        }
        return .product(jobs.make(job), output: output)
    }

    private func lower(_ sum: Operation.Sum) -> CPUInstruction {
        var job = mk_sum_job()
        job.isa = isa
        let parts = sum.parts.map { Optional(UnsafePointer($0.address.assumingMemoryBound(to: Double.self))) }
        job.parts = UnsafePointer(jobs.make(parts))
        job.count = Int64(parts.count)
        job.part_stride = Int64(sum.stride)
        job.bias = sum.bias.map { UnsafePointer(floats($0.range)) }
        job.y = floats(sum.rows.range)
        job.stride = Int64(sum.rows.stride)
        job.rows = Int64(padded(sum.columns))
        job.add = true
        return .sum(jobs.make(job), rows: .init(sum.rows))
    }

    private func lower(_ store: Operation.Store) -> CPUInstruction {
        var job = mk_store_job()
        job.isa = isa
        (job.q, job.k, job.v) = (floats(store.query.range), floats(store.key.range), floats(store.value.range))
        job.q_stride = Int64(store.query.stride)
        job.k_stride = Int64(store.key.stride)
        job.v_stride = Int64(store.value.stride)
        job.heads = Int64(store.heads.count)
        job.kv_heads = Int64(store.heads.keyValueCount)
        job.head_size = Int64(store.heads.size)
        if let norm = store.queryNorm {
            job.q_norm = UnsafePointer(floats(norm.weight.range))
            job.q_epsilon = norm.epsilon
        }
        if let norm = store.keyNorm {
            job.k_norm = UnsafePointer(floats(norm.weight.range))
            job.k_epsilon = norm.epsilon
        }
        if store.rotary != nil {
            job.rotary = Int64(store.rotatedDimensions)
            job.interleaved = store.isInterleaved
        }
        job.format = store.cache.format
        job.cache = store.cache.range.address.assumingMemoryBound(to: UInt8.self)
        job.block_stride = Int64(store.cache.blockStride)
        job.head_stride = Int64(store.cache.headStride)
        return .store(jobs.make(job), rotary: store.rotary ?? -1)
    }

    private func lower(_ attend: Operation.Attend) -> CPUInstruction {
        var job = mk_attention_job()
        job.isa = isa
        job.format = attend.cache.format
        job.q = UnsafePointer(floats(attend.query.range))
        job.out = floats(attend.output.range)
        job.q_stride = Int64(attend.query.stride)
        job.out_stride = Int64(attend.output.stride)
        job.heads = Int64(attend.heads.count)
        job.kv_heads = Int64(attend.heads.keyValueCount)
        job.head_size = Int64(attend.heads.size)
        job.window = Int64(attend.window)
        job.scale = attend.scale
        job.cache = UnsafePointer(attend.cache.range.address.assumingMemoryBound(to: UInt8.self))
        job.block_stride = Int64(attend.cache.blockStride)
        job.head_stride = Int64(attend.cache.headStride)
        job.scratch = workspace.scratch
        job.scratch_stride = Int64(workspace.scratchStride)
        return .attend(jobs.make(job), tiling: attend.tiling)
    }

    private func floats(_ range: BufferRange) -> UnsafeMutablePointer<Float> { range.address.assumingMemoryBound(to: Float.self) }

    /// Sets an element of a C array, which Swift sees as a tuple.
    private func set<Tuple, Element>(_ tuple: inout Tuple, _ index: Int, _ value: Element) {
        withUnsafeMutableBytes(of: &tuple) {
            $0.storeBytes(of: value, toByteOffset: index * MemoryLayout<Element>.stride, as: Element.self)
        }
    }
}
