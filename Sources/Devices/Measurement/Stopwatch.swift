#if canImport(Glibc)
    import Glibc
#endif

/// Monotonic time.
public enum Stopwatch {
    public static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// The median time of one run: at least three samples and `budget` seconds, after one run to warm up. `body` gets the number of the
    /// run.
    public static func median(budget: Double, _ body: (Int) -> Void) -> Double {
        var turn = 0
        func sample(_ runs: Int) -> Double {
            let start = now()
            for _ in 0..<runs {
                body(turn)
                turn += 1
            }
            return now() - start
        }
        let first = sample(1)
        // A sample far longer than reading the clock takes.
        let runs = max(1, min(1000, Int(2e-5 / max(first, 1e-8))))
        var samples: [Double] = []
        var spent = first
        while samples.count < 3 || spent < budget {
            let time = sample(runs)
            samples.append(time / Double(runs))
            spent += time
            // A single slow run says enough.
            if spent > 8 * budget, time > budget { break }
        }
        return samples.sorted()[samples.count / 2]
    }
}
