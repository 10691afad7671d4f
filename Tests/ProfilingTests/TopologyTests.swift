import Plans
import Testing

@testable import Profiling

@Suite struct TopologyTests {
    private func read(_ changes: [String: String?] = [:]) throws -> MachineTopology {
        let fixture = try SystemTreeFixture.server(changes)
        return withExtendedLifetime(fixture) { TopologyReader(tree: SystemTree(root: fixture.root)).read() }
    }

    @Test func aServer() throws {
        let topology = try read()
        #expect(topology.processor == "Example CPU @ 2.0GHz")
        #expect((topology.sockets, topology.cores, topology.threads) == (2, 4, 8))
        #expect((topology.usableCores, topology.usableThreads, topology.workers) == (4, 8, 4))
        #expect(
            topology.caches == [
                .init(level: 1, kind: .data, bytes: 32 << 10, instances: 4),
                .init(level: 1, kind: .instruction, bytes: 32 << 10, instances: 4),
                .init(level: 3, kind: .unified, bytes: 16 << 20, instances: 2),
            ])
        #expect(topology.nodes == [.init(threads: 4, memory: 32 << 30), .init(threads: 4, memory: 32 << 30)])
        #expect((topology.memoryTotal, topology.memoryAvailable) == (64 << 30, 48 << 30))
        #expect(topology.memoryLimit == nil && topology.processorLimit == nil && topology.memoryCapacity == 64 << 30)
    }

    @Test func anAffinityMask() throws {
        let topology = try read(["/proc/self/status": "Cpus_allowed_list:\t1,5-6\n"])
        #expect((topology.usableCores, topology.usableThreads) == (2, 3))
        #expect(topology.cores == 4)
    }

    /// The tightest limit of the group and those above it counts, and the cache that can be dropped is free.
    @Test func controlGroupsVersion2() throws {
        let topology = try read([
            "/proc/self/cgroup": "0::/pod/box\n", "/sys/fs/cgroup/pod/box/memory.max": "max\n",
            "/sys/fs/cgroup/pod/memory.max": "8589934592\n",
            "/sys/fs/cgroup/pod/memory.current": "3221225472\n", "/sys/fs/cgroup/pod/memory.stat": "anon 5\ninactive_file 1073741824\n",
            "/sys/fs/cgroup/pod/box/cpu.max": "150000 100000\n", "/sys/fs/cgroup/pod/cpu.max": "max 100000\n",
            "/sys/fs/cgroup/pod/box/cpuset.cpus.effective": "0-2\n",
        ])
        #expect(topology.memoryLimit == 8 << 30 && topology.memoryCapacity == 8 << 30)
        #expect(topology.memoryAvailable == 6 << 30)
        #expect(topology.processorLimit == 1.5 && topology.workers == 2)
        #expect(topology.usableThreads == 3)
    }

    @Test func controlGroupsVersion1() throws {
        let topology = try read([
            "/proc/self/cgroup": "5:memory:/box\n3:cpu,cpuacct:/box\n2:cpuset:/\n",
            "/sys/fs/cgroup/memory/box/memory.limit_in_bytes": "4294967296\n",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "/sys/fs/cgroup/memory/box/memory.usage_in_bytes": "1073741824\n", "/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "50000\n",
            "/sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n", "/sys/fs/cgroup/cpuset/cpuset.effective_cpus": "4-7\n",
        ])
        #expect(topology.memoryLimit == 4 << 30 && topology.memoryAvailable == 3 << 30)
        #expect(topology.processorLimit == 0.5 && topology.workers == 1 && topology.usableThreads == 4)
    }

    @Test func nothingThere() throws {
        let fixture = try SystemTreeFixture([:])
        let topology = withExtendedLifetime(fixture) { TopologyReader(tree: SystemTree(root: fixture.root), fallbackThreads: 3).read() }
        #expect((topology.sockets, topology.cores, topology.threads, topology.workers) == (1, 3, 3, 3))
        #expect(topology.memoryTotal > 0 && topology.caches.isEmpty && topology.nodes.isEmpty)
    }

    /// What makes no sense counts as not there; nothing traps.
    @Test(arguments: [
        "", "-", "-5", "7-3", "99999999999999999999", "0-99999999", "0,,1", "nonsense", "1-2-3", "\u{0}", "0-\n-1",
        String(repeating: "1,", count: 2000),
    ])
    func hostileText(text: String) throws {
        let names = [
            "/proc/cpuinfo", "/proc/meminfo", "/proc/self/status", "/proc/self/cgroup", "/sys/devices/system/cpu/online",
            "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "/sys/devices/system/cpu/cpu0/cache/index0/size",
            "/sys/devices/system/cpu/cpu0/cache/index0/level", "/sys/devices/system/node/node0/meminfo",
            "/sys/devices/system/node/node0/cpulist",
            "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpuset.cpus.effective", "/sys/fs/cgroup/memory.current",
        ]
        // All of them, and each half: a fault behind another one shows too.
        for chosen in [names, names.filter { $0.count % 2 == 0 }, names.filter { $0.count % 2 == 1 }] {
            let topology = try read(Dictionary(uniqueKeysWithValues: chosen.map { ($0, text) }))
            #expect(topology.threads >= 1 && topology.workers >= 1 && topology.memoryCapacity >= 1 << 20)
            #expect(topology.memoryAvailable >= 0 && topology.memoryAvailable <= topology.memoryTotal)
        }
        let wrapped = try read([
            "/proc/self/status": "Cpus_allowed_list:\t\(text)\n", "/proc/meminfo": "MemTotal: \(text) kB\nMemAvailable: \(text) kB\n",
            "/proc/self/cgroup": "0::/../../\(text)\n", "/sys/fs/cgroup/cpu.max": "\(text) \(text)\n",
        ])
        #expect(wrapped.workers >= 1 && wrapped.memoryTotal >= 1 << 20)
    }

    @Test func filesMissingOneByOne() throws {
        for name in [
            "/proc/cpuinfo", "/proc/meminfo", "/proc/self/status", "/proc/self/cgroup", "/sys/devices/system/cpu/online",
            "/sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "/sys/devices/system/cpu/cpu3/cache/index2/shared_cpu_list",
            "/sys/devices/system/node/node1/meminfo",
        ] {
            let topology = try read([name: nil])
            #expect(topology.workers >= 1 && topology.usableThreads <= topology.threads, "\(name)")
        }
    }

    @Test func devicesThatAreSeen() throws {
        let fixture = try SystemTreeFixture([
            "/dev/dri/renderD128": "", "/dev/dri/renderD129": "", "/dev/dri/card0": "",
            "/sys/class/drm/renderD128/device/vendor": "0x1002\n",
            "/dev/nvidia0": "", "/dev/nvidiactl": "", "/dev/nvidia": "",
        ])
        let seen = withExtendedLifetime(fixture) { SeenDevices.list(SystemTree(root: fixture.root)) }
        #expect(seen == ["AMD GPU (renderD128)", "GPU (renderD129)", "NVIDIA GPU (nvidia0)"])
    }
}
