import Plans

/// Reads what the machine is made of from /proc and /sys, and what of it a container leaves this process.
///
/// Nothing there is relied on: what is missing or makes no sense is replaced by the least that must be true (one socket, every thread a
/// core of its own).
struct TopologyReader {
    var tree = SystemTree()
    /// Used where the system says nothing of processors.
    var fallbackThreads = 1

    private static let processors = "/sys/devices/system/cpu"

    func read() -> MachineTopology {
        let online = tree.line(Self.processors + "/online").flatMap(SystemTree.list) ?? Array(0..<max(1, fallbackThreads))
        let limits = ContainerLimits(tree: tree)
        var usable = Set(online)
        for allowed in [tree.text("/proc/self/status").flatMap(Self.allowed), limits.processors] {
            guard let allowed else { continue }
            let both = usable.intersection(allowed)
            if !both.isEmpty { usable = both }
        }
        let memoryTotal = max(1 << 20, tree.figure("MemTotal", in: "/proc/meminfo") ?? 0)
        var available = tree.figure("MemAvailable", in: "/proc/meminfo") ?? tree.figure("MemFree", in: "/proc/meminfo") ?? memoryTotal
        var limit: Int?
        if let found = limits.memory, found < memoryTotal {
            limit = max(1 << 20, found)
            available = min(available, max(0, found - (limits.memoryUsed ?? 0)))
        }
        return MachineTopology(
            processor: processorName, sockets: count("physical_package_id", online), cores: cores(online), threads: online.count,
            usableCores: cores(usable.sorted()), usableThreads: usable.count, processorLimit: limits.processorTime, caches: caches(online),
            nodes: nodes(), memoryTotal: memoryTotal, memoryAvailable: min(available, memoryTotal), memoryLimit: limit)
    }

    /// The affinity mask.
    private static func allowed(_ status: String) -> [Int]? {
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed_list:") }) else { return nil }
        return SystemTree.list(String(line.dropFirst("Cpus_allowed_list:".count)))
    }

    private var processorName: String {
        guard let text = tree.text("/proc/cpuinfo", limit: 1 << 24) else { return "unknown processor" }
        for key in ["model name", "Model", "cpu model", "uarch"] {
            for line in text.split(separator: "\n") where line.hasPrefix(key) {
                guard let colon = line.firstIndex(of: ":") else { continue }
                let name = line[line.index(after: colon)...].split(whereSeparator: \.isWhitespace).joined(separator: " ")
                // Names go to terminals.
                let plain = String(
                    name.unicodeScalars.filter { $0.isASCII && $0.value >= 32 && $0.value < 127 }.prefix(80).map { Character($0) })
                if !plain.isEmpty { return plain }
            }
        }
        return "unknown processor"
    }

    /// Different values of a figure of each processor; 1 where there is none.
    private func count(_ name: String, _ processors: [Int]) -> Int {
        max(1, Set(processors.compactMap { tree.line("\(Self.processors)/cpu\($0)/topology/\(name)") }).count)
    }

    /// Sets of threads that share a core; a processor that says nothing is a core.
    private func cores(_ processors: [Int]) -> Int {
        max(
            1,
            Set(
                processors.map { processor in
                    let place = "\(Self.processors)/cpu\(processor)/topology/"
                    return tree.line(place + "core_cpus_list") ?? tree.line(place + "thread_siblings_list") ?? String(processor)
                }
            ).count)
    }

    private func caches(_ processors: [Int]) -> [MachineTopology.Cache] {
        struct Key: Hashable {
            var level: Int
            var kind: MachineTopology.Cache.Kind
            var bytes: Int
        }
        var instances: [Key: Set<String>] = [:]
        for processor in processors {
            let place = "\(Self.processors)/cpu\(processor)/cache"
            for name in tree.names(place) where name.hasPrefix("index") {
                guard let level = tree.number("\(place)/\(name)/level"), (1...8).contains(level),
                    let kind = tree.line("\(place)/\(name)/type").flatMap({ MachineTopology.Cache.Kind(rawValue: $0.lowercased()) }),
                    let bytes = tree.line("\(place)/\(name)/size").flatMap(Self.size)
                else { continue }
                instances[Key(level: level, kind: kind, bytes: bytes), default: []].insert(
                    tree.line("\(place)/\(name)/shared_cpu_list") ?? String(processor))
            }
        }
        return instances.sorted { ($0.key.level, $0.key.kind.rawValue, $0.key.bytes) < ($1.key.level, $1.key.kind.rawValue, $1.key.bytes) }
            .map {
                MachineTopology.Cache(level: $0.key.level, kind: $0.key.kind, bytes: $0.key.bytes, instances: $0.value.count)
            }
    }

    /// `32K`, `1024K`, `36M`; nil where it is nothing of the kind, or nothing.
    static func size(_ text: String) -> Int? {
        let units: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
        let unit = text.last.flatMap { units[$0] }
        guard let number = Int(unit == nil ? text[...] : text.dropLast()), number > 0 else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
        return overflow || bytes > 1 << 50 ? nil : bytes
    }

    private func nodes() -> [MachineTopology.Node] {
        let place = "/sys/devices/system/node"
        return tree.names(place).filter { $0.hasPrefix("node") && $0.dropFirst(4).allSatisfy(\.isNumber) && $0.count > 4 }.prefix(4096).map
        { name in
            let processors = tree.line("\(place)/\(name)/cpulist").flatMap(SystemTree.list) ?? []
            return MachineTopology.Node(threads: processors.count, memory: tree.figure("MemTotal", in: "\(place)/\(name)/meminfo") ?? 0)
        }
    }
}
