import Glibc

/// How much of the processors other programs took: figures measured beside them are too low.
struct BusyClock {
    private let tree: SystemTree
    private let start = monotonicSeconds()
    private let busy: Double?
    private let own = BusyClock.ownSeconds()

    init(tree: SystemTree) {
        self.tree = tree
        busy = Self.busySeconds(tree)
    }

    /// Processors that others kept busy since the beginning, on average; nil where the system does not say.
    var others: Double? {
        guard let busy, let now = Self.busySeconds(tree) else { return nil }
        return max(0, (now - busy - (Self.ownSeconds() - own)) / max(1e-3, monotonicSeconds() - start))
    }

    /// Seconds of all processors in programs and in the system, and those that a hypervisor gave to others.
    private static func busySeconds(_ tree: SystemTree) -> Double? {
        guard let line = tree.text("/proc/stat", limit: 1 << 24)?.split(separator: "\n").first, line.hasPrefix("cpu ") else { return nil }
        let ticks = line.dropFirst(4).split(separator: " ").prefix(8).map { Double($0) ?? 0 }
        guard ticks.count >= 4 else { return nil }
        // user, nice, system, idle, iowait, irq, softirq, steal
        let counted = ticks.indices.filter { $0 != 3 && $0 != 4 }.reduce(0) { $0 + ticks[$1] }
        return counted / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    }

    /// RUSAGE_SELF is 0.
    private static func ownSeconds() -> Double {
        var usage = rusage()
        guard getrusage(0, &usage) == 0 else { return 0 }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}
