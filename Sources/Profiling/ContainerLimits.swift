/// What control groups (versions 1 and 2) allow this process: the tightest of its group and all above it that can be seen.
struct ContainerLimits {
    /// Bytes; nil: no limit.
    var memory: Int?
    /// Bytes of the limited group that are in use and cannot be dropped.
    var memoryUsed: Int?
    /// Processors' worth of time; nil: all.
    var processorTime: Double?
    /// Processors by number; nil: all.
    var processors: [Int]?

    private static let place = "/sys/fs/cgroup"

    init(tree: SystemTree) {
        let lines = (tree.text("/proc/self/cgroup") ?? "").split(separator: "\n").prefix(64)
        for line in lines {
            // hierarchy:controllers:path
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let controllers = parts[1].split(separator: ",")
            // Inside a container the path may be the host's, and what is mounted the group itself: both are looked at.
            for group in Self.withParents(String(parts[2])) {
                if parts[1].isEmpty { readVersion2(tree, Self.place + group) }
                if controllers.contains("memory") { readMemory1(tree, Self.place + "/memory" + group) }
                if controllers.contains("cpu") {
                    readTime1(tree, Self.place + "/cpu" + group)
                    readTime1(tree, Self.place + "/cpu,cpuacct" + group)
                }
                if controllers.contains("cpuset") { note(processors: tree.line(Self.place + "/cpuset" + group + "/cpuset.effective_cpus")) }
            }
        }
        if lines.isEmpty { readVersion2(tree, Self.place) }
    }

    /// `/a/b`, `/a` and the empty path; nothing that leads out.
    static func withParents(_ path: String) -> [String] {
        var parts = path.split(separator: "/").prefix(64)
        guard !parts.contains("..") else { return [""] }
        var result: [String] = []
        while !parts.isEmpty {
            result.append("/" + parts.joined(separator: "/"))
            parts = parts.dropLast()
        }
        return result + [""]
    }

    private mutating func readVersion2(_ tree: SystemTree, _ place: String) {
        // "max" is no number.
        for name in ["memory.max", "memory.high"] {
            note(
                memory: tree.number("\(place)/\(name)"), used: tree.number(place + "/memory.current"),
                droppable: tree.figure("inactive_file", in: place + "/memory.stat"))
        }
        if let words = tree.line(place + "/cpu.max")?.split(separator: " "), words.count == 2 {
            note(quota: Int(words[0]), period: Int(words[1]))
        }
        note(processors: tree.line(place + "/cpuset.cpus.effective"))
    }

    private mutating func readMemory1(_ tree: SystemTree, _ place: String) {
        note(
            memory: tree.number(place + "/memory.limit_in_bytes"), used: tree.number(place + "/memory.usage_in_bytes"),
            droppable: tree.figure("total_inactive_file", in: place + "/memory.stat"))
    }

    private mutating func readTime1(_ tree: SystemTree, _ place: String) {
        note(quota: tree.number(place + "/cpu.cfs_quota_us"), period: tree.number(place + "/cpu.cfs_period_us"))
    }

    private mutating func note(memory found: Int?, used: Int?, droppable: Int?) {
        // Version 1 writes a number near the largest there is for "no limit".
        guard let found, found > 0, found < 1 << 60, memory.map({ found < $0 }) ?? true else { return }
        memory = found
        memoryUsed = used.map { max(0, $0 - min($0, droppable ?? 0)) }
    }

    private mutating func note(quota: Int?, period: Int?) {
        guard let quota, let period, quota > 0, period > 0 else { return }
        let share = Double(quota) / Double(period)
        processorTime = min(processorTime ?? share, share)
    }

    private mutating func note(processors text: String?) {
        guard let list = text.flatMap(SystemTree.list) else { return }
        let both = processors.map { Set($0).intersection(list).sorted() } ?? list
        if !both.isEmpty { processors = both }
    }
}
