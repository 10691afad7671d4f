import CKernels

/// Measures how fast memory is read one byte after another.
public final class MemoryReader {
    private let buffer: HostBuffer

    /// - Parameter byteCount: more than the caches hold. Returns nil where there is no memory for it.
    public init?(byteCount: Int = 256 << 20) {
        guard byteCount >= 1 << 20, let buffer = HostBuffer(byteCount: byteCount, hugePages: true) else { return nil }
        self.buffer = buffer
    }

    /// Bytes per second that all workers of a CPU read together: the median of at least three passes and about `budget` seconds.
    public func bytesPerSecond(_ cpu: CPU, budget: Double) -> Double {
        let part = buffer.byteCount / cpu.workers / 4096 * 4096
        let sums = UnsafeMutablePointer<UInt64>.allocate(capacity: cpu.workers)
        sums.initialize(repeating: 0, count: cpu.workers)
        defer { sums.deallocate() }
        let base = buffer.base, set = cpu.instructionSet
        // Pages nobody wrote to are all the same page of zeros.
        cpu.onEveryWorker { worker, _ in
            (base + worker * part).initializeMemory(as: UInt8.self, repeating: UInt8(truncatingIfNeeded: worker + 1), count: part)
        }
        let seconds = Stopwatch.median(budget: budget) { _ in
            cpu.onEveryWorker { worker, _ in sums[worker] = mk_read(set, base + worker * part, part) }
        }
        return Double(part * cpu.workers) / max(seconds, 1e-9)
    }
}
