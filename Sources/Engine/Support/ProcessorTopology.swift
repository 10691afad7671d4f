import Glibc

/// How many threads are worth starting.
public enum ProcessorTopology {
    /// Logical processors this process may run on.
    public static var logicalCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// Physical cores this process may use: two hardware threads of one core share what matrix products need.
    public static var coreCount: Int {
        let allowed = allowedProcessors
        var cores: Set<String> = []
        for processor in allowed {
            let siblings = SystemFile.text("/sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list")
            cores.insert(siblings ?? String(processor))
        }
        return max(1, cores.count)
    }

    private static var allowedProcessors: [Int] {
        guard let status = SystemFile.text("/proc/self/status"),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed_list:") })
        else { return Array(0..<logicalCount) }
        var processors: [Int] = []
        for range in line.dropFirst("Cpus_allowed_list:".count).split(separator: ",") {
            let ends = range.split(separator: "-").compactMap { Int($0.filter(\.isNumber)) }
            guard let first = ends.first, let last = ends.last, first <= last, last < 4096 else { continue }
            processors.append(contentsOf: first...last)
        }
        return processors.isEmpty ? Array(0..<logicalCount) : processors
    }
}
