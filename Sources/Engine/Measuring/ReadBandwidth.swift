import Glibc

/// The rate at which this machine's threads read memory one after another: what bounds decoding.
public enum ReadBandwidth {
    /// Bytes per second of the best of `passes` passes over a buffer far larger than the caches.
    public static func measure(threads: Int, bytes: Int = 256 << 20, passes: Int = 4) -> Double {
        let count = max(1, threads)
        let part = bytes / count / 4096 * 4096
        guard part > 0, let memory = mmap(nil, part * count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), memory != MAP_FAILED else {
            return 0
        }
        defer { munmap(memory, part * count) }
        madvise(memory, part * count, 14)  // MADV_HUGEPAGE
        let base = UInt(bitPattern: memory)
        inParallel(count) { index in
            if let start = UnsafeMutableRawPointer(bitPattern: base + UInt(index * part)) { memset(start, Int32(index % 100 + 1), part) }
        }
        var best = 0.0
        for _ in 0..<passes {
            let sum = Monitor(0 as UInt64)
            let start = MonotonicClock.seconds()
            inParallel(count) { index in
                guard let start = UnsafeRawPointer(bitPattern: base + UInt(index * part)) else { return }
                let value = read(UnsafeRawBufferPointer(start: start, count: part))
                sum.update { $0 &+= value }
            }
            best = max(best, Double(part * count) / (MonotonicClock.seconds() - start))
            // Keeps the reads from being dropped.
            if sum.update({ $0 }) == 42 { best = best.nextUp }
        }
        return best
    }

    private static func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let threads = (1..<max(2, count)).prefix(count - 1).map { index in SystemThread { body(index) } }
        body(0)
        for thread in threads { thread.join() }
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard let base = bytes.baseAddress else { return 0 }
        var a = SIMD8<UInt64>()
        var b = SIMD8<UInt64>()
        var c = SIMD8<UInt64>()
        var d = SIMD8<UInt64>()
        var offset = 0
        while offset < bytes.count {
            a &+= base.load(fromByteOffset: offset, as: SIMD8<UInt64>.self)
            b &+= base.load(fromByteOffset: offset + 64, as: SIMD8<UInt64>.self)
            c &+= base.load(fromByteOffset: offset + 128, as: SIMD8<UInt64>.self)
            d &+= base.load(fromByteOffset: offset + 192, as: SIMD8<UInt64>.self)
            offset += 256
        }
        return (a &+ b &+ c &+ d).wrappedSum()
    }
}
