import CKernels
import Checkpoints

/// Something to time: buffers filled, jobs made.
struct KernelWork {
    var shape: String
    var operations: Double
    var bytes: Double
    var arithmetic = MK_INPUT_F32
    var isCold = false
    /// Runs once; successive numbers use successive copies of the data.
    var run: (Int) -> Void
}

extension KernelTimer {
    func work(_ operation: KernelOperation, _ variant: String, _ tokens: Int) -> KernelWork? {
        switch operation {
        case .product: TensorFormat.allCases.first { $0.name == variant }.flatMap { product($0, tokens) }
        case .chunkedProduct: TensorFormat.allCases.first { $0.name == variant }.flatMap { product($0, tokens, chunk: 512) }
        case .packInput: packInput(variant, tokens)
        case .packWeights: TensorFormat.allCases.first { $0.name == variant }.flatMap { packWeights($0) }
        case .attention: attention(variant, tokens)
        case .keyValueStore: keyValueStore(variant, tokens)
        case .dequantisation: TensorFormat.allCases.first { $0.name == variant }.flatMap { dequantisation($0, tokens) }
        default: vector(operation, variant, tokens)
        }
    }

    /// Uninitialised numbers would be denormals or worse: everything timed starts from these.
    func numbers(_ count: Int) -> HostBuffer? {
        guard let buffer = HostBuffer(byteCount: count * 4, hugePages: count > 1 << 19) else { return nil }
        var random = SeededRandom(seed: 1)
        let some = (0..<4096).map { _ in random.normal() }
        let pointer = buffer.pointer(as: Float.self)
        for index in 0..<count { pointer[index] = some[index & 4095] }
        return buffer
    }

    /// - Parameter chunk: columns whose sum is rounded and added exactly; 0: all are one chain of floats.
    private func product(_ format: TensorFormat, _ tokens: Int, chunk: Int = 0) -> KernelWork? {
        var random = SeededRandom(seed: 2)
        let kind = mk_input_kind(format.kernelFormat), isa = cpu.instructionSet
        // One group of 16 rows, packed, and copied: its values make no difference in time.
        let memory = GuardedMemory()
        let group = RandomMatrix(format: format, rows: 16, columns: columns, random: &random).packed(in: memory)
        let groupBytes = Int(mk_packed_group_bytes(format.kernelFormat, Int64(columns)))
        let groups = rows / 16, matrixBytes = groups * groupBytes
        let copies = max(1, (coldBytes + matrixBytes - 1) / matrixBytes)
        let scratchStride = (Int(mk_product_scratch(Int64(columns))) + 4095) / 4096 * 4096
        guard let weights = HostBuffer(byteCount: copies * matrixBytes, hugePages: true), let x = numbers(tokens * columns),
            let packed = HostBuffer(byteCount: Int(mk_input_bytes(isa, kind, Int64(tokens), Int64(columns))), hugePages: true),
            let outputs = HostBuffer(byteCount: tokens * rows * 4, hugePages: true),
            let scratch = HostBuffer(byteCount: scratchStride * cpu.workers)
        else { return nil }
        cpu.forEach(copies * groups) { (weights.base + $0 * groupBytes).copyMemory(from: group, byteCount: groupBytes) }
        mk_pack_input(isa, kind, x.pointer(), Int64(columns), Int64(tokens), 0, Int64(tokens), Int64(columns), packed.base)
        var job = mk_product_job()
        job.isa = isa
        job.count = 1
        job.matrices.0.format = format.kernelFormat
        job.matrices.0.columns = Int64(columns)
        job.matrices.0.groups = Int64(groups)
        job.matrices.0.chunk = Int64(chunk)
        job.matrices.0.chunks = Int64(chunk == 0 ? 0 : (columns + chunk - 1) / chunk)
        job.outputs.0 = outputs.pointer()
        job.strides.0 = Int64(rows)
        job.inputs.0 = UnsafeRawPointer(packed.base)
        job.tokens = Int64(tokens)
        job.scratch = scratch.pointer()
        job.scratch_stride = Int64(scratchStride)
        let cpu = cpu
        return KernelWork(
            shape: "\(rows)x\(columns)" + (chunk == 0 ? "" : " by \(chunk)"), operations: 2 * Double(rows * columns) * Double(tokens),
            bytes: Double(matrixBytes + Int(mk_input_bytes(isa, kind, Int64(tokens), Int64(columns))) + tokens * rows * 4),
            arithmetic: kind,
            isCold: true
        ) { turn in
            job.next = 0
            job.matrices.0.data = UnsafePointer(weights.pointer(as: UInt8.self)) + turn % copies * matrixBytes
            withExtendedLifetime((x, packed, outputs, scratch)) { cpu.run(mk_run_product, &job) }
        }
    }

    private func packInput(_ variant: String, _ tokens: Int) -> KernelWork? {
        guard let kind = [MK_INPUT_F32, MK_INPUT_BF16, MK_INPUT_Q32, MK_INPUT_Q256].first(where: { $0.name == variant }) else { return nil }
        let isa = cpu.instructionSet, bytes = Int(mk_input_bytes(isa, kind, Int64(tokens), Int64(columns)))
        guard let x = numbers(tokens * columns), let packed = HostBuffer(byteCount: bytes, hugePages: true) else { return nil }
        var job = mk_pack_job()
        job.isa = isa
        job.x = x.pointer()
        job.stride = Int64(columns)
        job.columns = Int64(columns)
        job.tokens = Int64(tokens)
        switch kind {
        case MK_INPUT_F32: job.packed.0 = packed.base
        case MK_INPUT_BF16: job.packed.1 = packed.base
        case MK_INPUT_Q32: job.packed.2 = packed.base
        default: job.packed.3 = packed.base
        }
        let cpu = cpu
        return KernelWork(shape: "\(columns)", operations: 0, bytes: Double(tokens * columns * 4 + bytes)) { _ in
            job.next = 0
            withExtendedLifetime((x, packed)) { cpu.run(mk_run_pack, &job) }
        }
    }

    /// Tokens have no part in it.
    private func packWeights(_ format: TensorFormat) -> KernelWork? {
        var random = SeededRandom(seed: 4)
        let row = RandomMatrix(format: format, rows: 1, columns: columns, random: &random)
        guard let bytes = packedByteCount(format: format, rows: rows, columns: columns),
            let stored = HostBuffer(byteCount: rows * row.rowBytes), let packed = HostBuffer(byteCount: bytes)
        else { return nil }
        for index in 0..<rows { (stored.base + index * row.rowBytes).copyMemory(from: row.bytes, byteCount: row.rowBytes) }
        let source = StoredRows(format: format, base: stored.base, rowBytes: row.rowBytes)
        let (cpu, rows, columns) = (cpu, rows, columns)
        return KernelWork(shape: "\(rows)x\(columns)", operations: 0, bytes: Double(2 * bytes)) { _ in
            withExtendedLifetime((stored, packed)) { cpu.pack(source, firstRow: 0, rows: rows, columns: columns, into: packed.base) }
        }
    }

    private func dequantisation(_ format: TensorFormat, _ tokens: Int) -> KernelWork? {
        var random = SeededRandom(seed: 3)
        let matrix = RandomMatrix(format: format, rows: 1, columns: columns, random: &random)
        guard let stored = HostBuffer(byteCount: matrix.rowBytes * tokens), let y = HostBuffer(byteCount: tokens * columns * 4) else {
            return nil
        }
        for row in 0..<tokens { (stored.base + row * matrix.rowBytes).copyMemory(from: matrix.bytes, byteCount: matrix.rowBytes) }
        let cpu = cpu, columns = columns
        return KernelWork(shape: "\(columns)", operations: 0, bytes: Double(tokens * (matrix.rowBytes + columns * 4))) { _ in
            cpu.forEach(tokens) { row in
                mk_dequantise_row(
                    format.kernelFormat, stored.base + row * matrix.rowBytes, Int64(columns), y.pointer(as: Float.self) + row * columns)
            }
        }
    }
}
