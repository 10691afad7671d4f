public import CKernels

/// What this machine's processor can do at most with an instruction set and a number of workers, measured.
public struct MachineLimits: Sendable {
    /// Multiplications and additions of 32-bit floats per second, in registers alone.
    public var float32: Double
    public var bfloat16: Double
    public var int8: Double
    /// Bytes per second of reading memory one after another.
    public var readBytes: Double

    /// The rate that products with this kind of input are bound by.
    public func operationsPerSecond(_ kind: mk_input) -> Double {
        switch kind {
        case MK_INPUT_F32: float32
        case MK_INPUT_BF16: bfloat16
        default: int8
        }
    }

    /// Takes about a quarter of a second.
    public static func measure(_ cpu: CPU) -> MachineLimits {
        MachineLimits(
            float32: peak(cpu, MK_INPUT_F32), bfloat16: peak(cpu, MK_INPUT_BF16), int8: peak(cpu, MK_INPUT_Q32), readBytes: bandwidth(cpu))
    }

    /// The best of a few short runs.
    private static func peak(_ cpu: CPU, _ kind: mk_input) -> Double {
        let operations = UnsafeMutablePointer<Double>.allocate(capacity: cpu.workers)
        operations.initialize(repeating: 0, count: cpu.workers)
        defer { operations.deallocate() }
        let set = cpu.instructionSet
        func rate(_ iterations: Int64) -> (perSecond: Double, seconds: Double) {
            let start = Stopwatch.now()
            cpu.onEveryWorker { worker, _ in operations[worker] = mk_peak_loop(set, kind, iterations) }
            let seconds = max(Stopwatch.now() - start, 1e-9)
            return ((0..<cpu.workers).reduce(0) { $0 + operations[$1] } / seconds, seconds)
        }
        var iterations: Int64 = 1000
        while iterations < 1 << 32, rate(iterations).seconds < 0.004 { iterations *= 2 }
        return (0..<5).reduce(0) { best, _ in max(best, rate(iterations).perSecond) }
    }

    /// The best of a few passes over far more than the caches hold; 0 where there is no memory for it.
    private static func bandwidth(_ cpu: CPU) -> Double {
        let part = (256 << 20) / cpu.workers / 4096 * 4096
        guard part > 0, let buffer = HostBuffer(byteCount: part * cpu.workers, hugePages: true) else { return 0 }
        let sums = UnsafeMutablePointer<UInt64>.allocate(capacity: cpu.workers)
        sums.initialize(repeating: 0, count: cpu.workers)
        defer { sums.deallocate() }
        let base = buffer.base, set = cpu.instructionSet
        // Pages nobody wrote to are all the same page of zeros.
        cpu.onEveryWorker { worker, _ in
            (base + worker * part).initializeMemory(as: UInt8.self, repeating: UInt8(truncatingIfNeeded: worker + 1), count: part)
        }
        var best = 0.0
        for _ in 0..<5 {
            let start = Stopwatch.now()
            cpu.onEveryWorker { worker, _ in sums[worker] = mk_read(set, base + worker * part, part) }
            best = max(best, Double(part * cpu.workers) / max(Stopwatch.now() - start, 1e-9))
        }
        return best
    }
}
