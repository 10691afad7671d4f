import CKernels
public import Checkpoints

/// Times one format's matrix products at many token counts, on all workers, weights taken from memory and not from a cache.
///
/// The buffers are made once for all formats and token counts: a profile measures more than a hundred points in seconds.
public final class ProductSeries {
    /// One measured point.
    public struct Timing: Sendable {
        public var tokens: Int
        /// Of one product.
        public var seconds: Double
        /// Multiplications and additions of one product.
        public var operations: Double

        public var operationsPerSecond: Double { operations / seconds }
    }

    private let cpu: CPU
    private let columns: Int
    private let mostTokens: Int
    private let weights: HostBuffer
    private let inputs: HostBuffer
    private let packed: HostBuffer
    private let outputs: HostBuffer
    private let scratch: HostBuffer
    private let scratchStride: Int
    private var format = TensorFormat.f32
    private var groupBytes = 0
    private var turn = 0

    /// Rows of a matrix with few tokens, and with many, where what matters is arithmetic.
    private static let rows = 4096
    private static let rowsOfMany = 1024
    private static let many = 128

    /// - Parameters:
    ///   - coldBytes: products take turns over this much data; more than the caches hold.
    ///   - mostTokens: largest token count that will be timed.
    /// Returns nil where there is no memory for it.
    public init?(cpu: CPU, columns: Int = 4096, coldBytes: Int = 192 << 20, mostTokens: Int = 2048) {
        self.cpu = cpu
        self.columns = max(256, columns / 256 * 256)
        self.mostTokens = max(1, mostTokens)
        let tokens = Int64(self.mostTokens), width = Int64(self.columns)
        let largest =
            [MK_INPUT_F32, MK_INPUT_BF16, MK_INPUT_Q32, MK_INPUT_Q256].map { mk_input_bytes(cpu.instructionSet, $0, tokens, width) }.max()
            ?? 0
        scratchStride = (Int(mk_product_scratch(width)) + 4095) / 4096 * 4096
        let matrix = Self.rows / 16 * Int(mk_packed_group_bytes(MK_F32, width))
        let outputs = 4 * max(Self.rows * min(Self.many, self.mostTokens), Self.rowsOfMany * self.mostTokens)
        guard let weights = HostBuffer(byteCount: max(coldBytes, matrix), hugePages: true),
            let inputs = HostBuffer(byteCount: self.mostTokens * self.columns * 4, hugePages: true),
            let packed = HostBuffer(byteCount: Int(largest), hugePages: true),
            let outputs = HostBuffer(byteCount: outputs, hugePages: true),
            let scratch = HostBuffer(byteCount: scratchStride * cpu.workers)
        else { return nil }
        self.weights = weights
        self.inputs = inputs
        self.packed = packed
        self.outputs = outputs
        self.scratch = scratch
        var random = SeededRandom(seed: 1)
        let row = (0..<self.columns).map { _ in random.normal() }
        let base = inputs.base, rowBytes = self.columns * 4
        row.withUnsafeBytes { first in
            guard let address = first.baseAddress else { return }
            cpu.forEach(self.mostTokens) { (base + $0 * rowBytes).copyMemory(from: address, byteCount: rowBytes) }
        }
        select(.f32)
    }

    /// Fills the weights with a format's; what is timed from now on.
    public func select(_ format: TensorFormat) {
        self.format = format
        var random = SeededRandom(seed: 2)
        // One group of 16 rows, packed, and copied: its values make no difference in time.
        let memory = GuardedMemory()
        let group = RandomMatrix(format: format, rows: 16, columns: columns, random: &random).packed(in: memory)
        groupBytes = Int(mk_packed_group_bytes(format.kernelFormat, Int64(columns)))
        let base = weights.base, bytes = groupBytes
        withExtendedLifetime(memory) {
            cpu.forEach(weights.byteCount / bytes) { (base + $0 * bytes).copyMemory(from: group, byteCount: bytes) }
        }
    }

    /// Multiplications and additions of one product that is timed.
    public func operations(tokens: Int) -> Double { 2 * Double(rows(tokens) * columns) * Double(tokens) }

    private func rows(_ tokens: Int) -> Int { tokens > Self.many ? Self.rowsOfMany : Self.rows }

    /// The median of at least three runs and about `budget` seconds; nil for token counts beyond those asked for at first.
    public func time(tokens: Int, budget: Double) -> Timing? {
        guard tokens > 0, tokens <= mostTokens else { return nil }
        return Timing(
            tokens: tokens, seconds: seconds(tokens: tokens, rows: rows(tokens), budget: budget), operations: operations(tokens: tokens))
    }

    /// What a product costs whatever its size: starting it, and workers that end unevenly. From products of two sizes with one token; at
    /// least `least`.
    public func launch(least: Double, budget: Double) -> Double {
        let samples = (0..<5).map { _ in
            2 * seconds(tokens: 1, rows: 256, budget: budget / 10) - seconds(tokens: 1, rows: 512, budget: budget / 10)
        }
        // Programs beside us only add.
        return max(least, samples.sorted()[1])
    }

    private func seconds(tokens: Int, rows: Int, budget: Double) -> Double {
        let isa = cpu.instructionSet, kind = mk_input_kind(format.kernelFormat)
        var packing = mk_pack_job()
        packing.isa = isa
        packing.x = inputs.pointer()
        packing.stride = Int64(columns)
        packing.columns = Int64(columns)
        packing.tokens = Int64(tokens)
        withUnsafeMutablePointer(to: &packing.packed) {
            $0.withMemoryRebound(to: UnsafeMutableRawPointer?.self, capacity: 4) { $0[Int(kind.rawValue)] = packed.base }
        }
        cpu.run(mk_run_pack, &packing)
        let matrixBytes = rows / 16 * groupBytes
        let copies = max(1, weights.byteCount / matrixBytes)
        var job = mk_product_job()
        job.isa = isa
        job.count = 1
        job.matrices.0.format = format.kernelFormat
        job.matrices.0.columns = Int64(columns)
        job.matrices.0.groups = Int64(rows / 16)
        job.outputs.0 = outputs.pointer()
        job.strides.0 = Int64(rows)
        job.inputs.0 = UnsafeRawPointer(packed.base)
        job.tokens = Int64(tokens)
        job.scratch = scratch.pointer()
        job.scratch_stride = Int64(scratchStride)
        let base = UnsafePointer(weights.pointer(as: UInt8.self))
        return Stopwatch.median(budget: budget) { _ in
            job.next = 0
            job.matrices.0.data = base + turn % copies * matrixBytes
            turn += 1
            cpu.run(mk_run_product, &job)
        }
    }
}
