import CKernels

/// What the kernels of one program need beside its buffers: packed inputs, and scratch memory of each worker.
struct CPUWorkspace {
    /// By `mk_input`; nil where no product wants the kind.
    let packed: [UnsafeMutableRawPointer?]
    let scratch: UnsafeMutablePointer<UInt8>
    /// Bytes of each worker.
    let scratchStride: Int
    let buffers: [Buffer]

    /// - Throws: `MemoryError`.
    init(_ segments: [[Operation]], device: CPUDevice, limits: StepLimits) throws(MemoryError) {
        var columnsOfKind = [0, 0, 0, 0]
        var perWorker = 4096
        for operation in segments.joined() {
            switch operation {
            case .pack(let pack):
                perWorker = max(perWorker, padded(pack.columns) * 4)
                for format in pack.formats {
                    let kind = Int(mk_input_kind(format).rawValue)
                    columnsOfKind[kind] = max(columnsOfKind[kind], pack.columns)
                }
            case .product(let product):
                for factor in product.factors { perWorker = max(perWorker, Int(mk_product_scratch(Int64(factor.matrix.columns)))) }
            case .attend(let attend): perWorker = max(perWorker, Int(mk_attention_scratch(Int64(attend.heads.size))))
            case .normalise(let normalise): perWorker = max(perWorker, padded(normalise.columns) * 4)
            case .addPositions(let positions): perWorker = max(perWorker, padded(positions.table.columns) * 4)
            case .embed, .logitsRows, .gather, .store, .sum: break
            }
        }
        var buffers: [Buffer] = []
        var packed: [UnsafeMutableRawPointer?] = [nil, nil, nil, nil]
        for (kind, columns) in columnsOfKind.enumerated() where columns > 0 {
            // Kernels read whole blocks, the last one of a row beyond its end.
            let bytes = mk_input_bytes(
                device.cpu.instructionSet, mk_input(rawValue: UInt32(kind)), Int64(limits.rows), Int64(columns + 256))
            let buffer = try device.memory.allocate(Int(bytes), for: .scratch)
            buffers.append(buffer)
            packed[kind] = BufferRange(buffer).address
        }
        scratchStride = (perWorker + 4095) / 4096 * 4096
        let scratch = try device.memory.allocate(scratchStride * device.cpu.workers, for: .scratch)
        buffers.append(scratch)
        self.scratch = BufferRange(scratch).address.assumingMemoryBound(to: UInt8.self)
        self.packed = packed
        self.buffers = buffers
    }
}

/// A number of floats, padded to whole vectors.
func padded(_ count: Int) -> Int { (count + 15) / 16 * 16 }
