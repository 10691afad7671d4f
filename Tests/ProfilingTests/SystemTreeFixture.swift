import Foundation

/// A directory of files in place of /proc and /sys: a hundred of them, a hundred times over. So they are in memory where there is a file
/// system for that, and written without Foundation, which would wait for the disk at every one.
final class SystemTreeFixture {
    let root: String

    init(_ files: [String: String]) throws {
        let place = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : FileManager.default.temporaryDirectory.path
        root = "\(place)/motley-tree-\(UUID().uuidString)"
        var made: Set<Substring> = []
        func make(_ directory: Substring) throws {
            guard made.insert(directory).inserted else { return }
            if let slash = directory.lastIndex(of: "/") { try make(directory[..<slash]) }
            guard mkdir(root + directory, 0o755) == 0 || errno == EEXIST else { throw CocoaError(.fileWriteUnknown) }
        }
        try make("")
        for (path, text) in files {
            try make(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
            guard let stream = fopen(root + path, "w") else { throw CocoaError(.fileWriteUnknown) }
            fwrite(Array(text.utf8), 1, text.utf8.count, stream)
            fclose(stream)
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
