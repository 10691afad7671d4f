import Foundation

/// A directory of files in place of /proc and /sys.
final class SystemTreeFixture {
    let root: String

    init(_ files: [String: String]) throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("motley-tree-\(UUID().uuidString)")
        root = url.path
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        for (path, text) in files {
            let file = URL(fileURLWithPath: root + path)
            try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    /// Two sockets of two cores of two threads, 64 GiB in two nodes.
    static func server(_ changes: [String: String?] = [:]) throws -> SystemTreeFixture {
        var files: [String: String] = [
            "/proc/cpuinfo": "processor\t: 0\nmodel name\t: Example  CPU @ 2.0GHz\n", "/sys/devices/system/cpu/online": "0-7\n",
            "/proc/meminfo": "MemTotal:       67108864 kB\nMemFree: 1024 kB\nMemAvailable:   50331648 kB\n",
            "/proc/self/status": "Name:\tx\nCpus_allowed_list:\t0-7\n", "/proc/self/cgroup": "0::/\n",
        ]
        for thread in 0..<8 {
            let core = thread % 4, place = "/sys/devices/system/cpu/cpu\(thread)"
            files[place + "/topology/physical_package_id"] = "\(core / 2)\n"
            files[place + "/topology/thread_siblings_list"] = "\(core),\(core + 4)\n"
            for (index, level, kind, size, shared) in [
                (0, 1, "Data", "32K", "\(core),\(core + 4)"), (1, 1, "Instruction", "32K", "\(core),\(core + 4)"),
                (2, 3, "Unified", "16384K", core < 2 ? "0-1,4-5" : "2-3,6-7"),
            ] {
                files["\(place)/cache/index\(index)/level"] = "\(level)\n"
                files["\(place)/cache/index\(index)/type"] = kind + "\n"
                files["\(place)/cache/index\(index)/size"] = size + "\n"
                files["\(place)/cache/index\(index)/shared_cpu_list"] = shared + "\n"
            }
        }
        for node in 0..<2 {
            files["/sys/devices/system/node/node\(node)/cpulist"] = node == 0 ? "0-1,4-5\n" : "2-3,6-7\n"
            files["/sys/devices/system/node/node\(node)/meminfo"] = "Node \(node) MemTotal:       33554432 kB\nNode \(node) MemFree: 1 kB\n"
        }
        for (path, text) in changes { files[path] = text }
        return try SystemTreeFixture(files)
    }
}
