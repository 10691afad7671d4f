import Glibc

/// Memory of this process and machine, in bytes.
public enum ProcessMemory {
    /// The most this process ever had in memory (VmHWM).
    public static var peak: Int { SystemFile.figure("VmHWM", in: "/proc/self/status") ?? 0 }

    /// Counts the peak anew from what is in memory now; where the system does not allow it the old one stays.
    public static func resetPeak() {
        let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = write(descriptor, "5", 1)
        close(descriptor)
    }

    /// What it has in memory now (VmRSS).
    public static var resident: Int { SystemFile.figure("VmRSS", in: "/proc/self/status") ?? 0 }

    /// What can still be allocated without anybody being killed: the machine's, or less where a control group limits it. nil: unknown.
    public static var available: Int? {
        let machine = SystemFile.figure("MemAvailable", in: "/proc/meminfo")
        guard let group = controlGroupRoom else { return machine }
        return machine.map { min($0, group) } ?? group
    }

    private static var controlGroupRoom: Int? {
        // Version 2 of control groups: one line "0::/path".
        guard let line = SystemFile.text("/proc/self/cgroup")?.split(separator: "\n").first(where: { $0.hasPrefix("0::") }) else {
            return nil
        }
        var path = String(line.dropFirst(3))
        var room: Int?
        while true {
            let directory = "/sys/fs/cgroup" + (path == "/" ? "" : path)
            if let limit = number(directory + "/memory.max"), let used = number(directory + "/memory.current") {
                // Pages of mapped files are given back when memory is short.
                let reclaimable = SystemFile.figure("inactive_file", in: directory + "/memory.stat") ?? 0
                let left = max(0, limit - max(0, used - reclaimable))
                room = room.map { min($0, left) } ?? left
            }
            guard let slash = path.lastIndex(of: "/"), path != "/" else { return room }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }

    private static func number(_ path: String) -> Int? {
        SystemFile.text(path).flatMap { Int($0.prefix { !$0.isWhitespace }) }
    }
}
