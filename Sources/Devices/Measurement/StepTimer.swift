import CKernels

#if canImport(Glibc)
    import Glibc
#endif

/// Times what a step costs beside products and attention: vector operations, starting a kernel, and waking sleeping workers.
public struct StepTimer {
    private let cpu: CPU

    public init(cpu: CPU) { self.cpu = cpu }

    /// Seconds to start a kernel on every worker and to know that all are done.
    public func launch(budget: Double) -> Double {
        var nothing = 0
        return Stopwatch.median(budget: budget) { _ in cpu.run({ _, _, _ in }, &nothing) }
    }

    /// Seconds of the same where the workers have gone to sleep: the median of some tries.
    public func wake(tries: Int = 15) -> Double {
        var samples: [Double] = []
        var nothing = 0
        for _ in 0..<max(1, tries) {
            usleep(1500)
            let start = Stopwatch.now()
            cpu.run({ _, _, _ in }, &nothing)
            samples.append(Stopwatch.now() - start)
        }
        return samples.sorted()[samples.count / 2]
    }

    /// Elements per second that go through norms, rounding of inputs for products, and gated activations, in the proportions of a layer
    /// whose feed-forward is 2.75 times as wide as its hidden states; nil where there is no memory.
    public func elementsPerSecond(tokens: Int, hidden: Int = 2048, budget: Double) -> Double? {
        let wide = hidden * 11 / 4
        guard tokens > 0, let x = HostBuffer(byteCount: tokens * wide * 4, hugePages: true),
            let y = HostBuffer(byteCount: tokens * wide * 4, hugePages: true),
            let packed = HostBuffer(
                byteCount: Int(mk_input_bytes(cpu.instructionSet, MK_INPUT_Q32, Int64(tokens), Int64(wide))), hugePages: true),
            let weight = HostBuffer(byteCount: wide * 4), let scratch = HostBuffer(byteCount: (wide * 4 + 4096) * cpu.workers)
        else { return nil }
        var random = SeededRandom(seed: 5)
        let row = (0..<wide).map { _ in random.normal() }
        let from = x.pointer(as: Float.self), to = y.pointer(as: Float.self), weights = weight.pointer(as: Float.self)
        row.withUnsafeBufferPointer { source in
            guard let first = source.baseAddress else { return }
            weights.update(from: first, count: wide)
            cpu.forEach(tokens) { token in
                (from + token * wide).update(from: first, count: wide)
                (to + token * wide).update(from: first, count: wide)
            }
        }
        var job = mk_pack_job()
        job.isa = cpu.instructionSet
        job.x = from
        job.stride = Int64(wide)
        job.tokens = Int64(tokens)
        job.packed.2 = packed.base
        job.weight = UnsafePointer(weights)
        job.epsilon = 1e-5
        job.scratch = scratch.pointer()
        job.scratch_stride = Int64(wide * 4 + 4096)
        // As the executor does it: few tokens stay on the calling thread.
        let inline = tokens <= 4
        func pack(_ columns: Int, norm: Bool) {
            job.columns = Int64(columns)
            job.norm = norm ? MK_NORM_RMS : MK_NORM_NONE
            job.next = 0
            inline ? mk_run_pack(&job, 0, 1) : cpu.run(mk_run_pack, &job)
        }
        let isa = cpu.instructionSet
        let seconds = withExtendedLifetime((x, y, packed, weight, scratch)) {
            Stopwatch.median(budget: budget) { _ in
                pack(hidden, norm: true)
                pack(hidden, norm: false)
                pack(hidden, norm: true)
                pack(wide, norm: false)
                // Part of the product's job, so on all workers at any token count.
                cpu.onEveryWorker { worker, workers in
                    let (first, last) = (wide * worker / workers, wide * (worker + 1) / workers)
                    for token in 0..<tokens {
                        let at = token * wide + first
                        mk_activate(isa, MK_SILU, from + at, from + at, Int64(last - first), to + at)
                    }
                }
            }
        }
        return Double(tokens * (5 * hidden + 2 * wide)) / seconds
    }
}
