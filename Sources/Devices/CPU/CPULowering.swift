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
        let made = jobs.make(job)
        return .pack(made, places: jobs.places([(made.address(of: \.x), pack.input)]))
    }

    private func lower(_ normalise: Operation.Normalise) -> CPUInstruction {
        var job = packJob(normalise.rows, columns: normalise.columns, norm: normalise.norm)
        job.in_place = true
        let made = jobs.make(job)
        return .pack(made, places: jobs.places([(made.address(of: \.x), normalise.rows)]))
    }

    private func packJob(_ input: Rows, columns: Int, norm: Operation.Norm?) -> mk_pack_job {
        var job = mk_pack_job()
        job.isa = isa
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
            case .add(let rows), .store(let rows): set(&job.strides, index, Int64(rows.stride))
            case .parts(let parts, _): set(&job.strides, index, Int64(parts.stride))
            }
            switch factor.target {
            case .add, .parts(_, adding: true): job.add = true
            case .store, .parts(_, adding: false): break
            }
        }
        let made = jobs.make(job)
        var rows: [(pointer: UnsafeMutableRawPointer, rows: Rows)] = []
        var parts: [(pointer: UnsafeMutableRawPointer, parts: Parts)] = []
        for (index, factor) in product.factors.enumerated() {
            switch factor.target {
            case .add(let target), .store(let target): rows.append((made.address(of: \.outputs, index: index), target))
            case .parts(let target, _): parts.append((made.address(of: \.parts, index: index), target))
            }
        }
        return .product(made, places: jobs.places(rows, parts: parts))
    }

    private func lower(_ sum: Operation.Sum) -> CPUInstruction {
        var job = mk_sum_job()
        job.isa = isa
        let pointers = jobs.make(sum.parts.map { Optional(UnsafePointer($0.range.address.assumingMemoryBound(to: Double.self))) })
        job.parts = UnsafePointer(pointers)
        job.count = Int64(sum.parts.count)
        job.part_stride = Int64(sum.parts.first?.stride ?? 0)
        job.bias = sum.bias.map { UnsafePointer(floats($0.range)) }
        job.stride = Int64(sum.rows.stride)
        job.rows = Int64(padded(sum.columns))
        job.add = true
        let made = jobs.make(job)
        let parts = sum.parts.enumerated().map { (pointer: UnsafeMutableRawPointer(pointers + $0.offset), parts: $0.element) }
        return .sum(made, places: jobs.places([(made.address(of: \.y), sum.rows)], parts: parts))
    }

    private func lower(_ store: Operation.Store) -> CPUInstruction {
        var job = mk_store_job()
        job.isa = isa
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
        let made = jobs.make(job)
        let places = jobs.places([
            (made.address(of: \.q), store.query), (made.address(of: \.k), store.key), (made.address(of: \.v), store.value),
        ])
        return .store(made, rotary: store.rotary ?? -1, pool: store.pool, isStaged: store.isStaged, places: places)
    }

    private func lower(_ attend: Operation.Attend) -> CPUInstruction {
        var job = mk_attention_job()
        job.isa = isa
        job.format = attend.cache.format
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
        let made = jobs.make(job)
        let places = jobs.places([(made.address(of: \.q), attend.query), (made.address(of: \.out), attend.output)])
        return .attend(made, tiling: attend.tiling, pool: attend.pool, isStaged: attend.isStaged, places: places)
    }

    private func floats(_ range: BufferRange) -> UnsafeMutablePointer<Float> { range.address.assumingMemoryBound(to: Float.self) }

    /// Sets an element of a C array, which Swift sees as a tuple.
    private func set<Tuple, Element>(_ tuple: inout Tuple, _ index: Int, _ value: Element) {
        withUnsafeMutableBytes(of: &tuple) {
            $0.storeBytes(of: value, toByteOffset: index * MemoryLayout<Element>.stride, as: Element.self)
        }
    }
}
