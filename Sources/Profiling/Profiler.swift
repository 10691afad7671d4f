import Checkpoints
public import Devices
import Glibc
public import Plans

/// Measures this machine into a `Profile`.
///
/// The time limit is kept also on a slow machine: what it does not suffice for is left to the planner's interpolation and rooflines, and
/// noted in the profile.
public struct Profiler {
    /// Seconds for everything, about.
    public var seconds = 20.0
    /// Worker threads; nil: one per core that this process may use.
    public var threads: Int?
    public var instructionSet: InstructionSet?
    /// Where models live: its disk is measured. nil: no disk is.
    public var modelsDirectory: String?
    /// Name of the machine; nil: the host's own.
    public var name: String?
    /// Measures each point for longer.
    public var isThorough = false

    public static let version = "motley profile 1"

    private let tree = SystemTree()

    public init() {}

    /// - Parameter progress: gets the finished share, 0...1, and what is being measured.
    public func measure(progress: (_ fraction: Double, _ what: String) -> Void = { _, _ in }) -> Profile {
        let clock = Budget(seconds: seconds)
        let busy = BusyClock(tree: tree)
        let topology = TopologyReader(tree: tree, fallbackThreads: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))).read()
        var notes: [String] = []
        let diskShare = modelsDirectory == nil ? 0 : 0.2
        let probes = probes(topology)
        let weights = probes.reduce(0) { $0 + $1.weight }
        if modelsDirectory == nil { notes.append("no disk was measured") }
        var done = 0.0
        var results: [ProbeResult] = []
        for probe in probes {
            // The rest is for what takes longer than it should.
            let share = probe.weight / weights * (0.95 - diskShare)
            results.append(probe.measure(seconds: clock.seconds * share) { progress(done + share * $0, probe.name) })
            done += share
        }
        // While a disk is measured the kernel's own threads are busy for us.
        if let others = busy.others, others > 0.1 {
            notes.append(
                "other programs kept \(others.rounded(toPlaces: 1)) processors busy meanwhile: the figures may be too low, "
                    + "measure again on a still machine"
            )
        }
        var disks: [DiskProfile] = []
        if let modelsDirectory {
            do throws(DiskProbe.Failure) {
                let time = min(clock.seconds * diskShare, max(0.02, clock.left * 0.9))
                disks = [try DiskProbe(directory: modelsDirectory).measure(seconds: time) { progress(done + diskShare * $0, "disk") }]
            } catch {
                notes.append(error.description)
            }
        }
        for result in results { notes += result.notes }
        let byThreads = results.first { !$0.memory.isEmpty }?.memory ?? []
        // What kernels read is read, whatever the memory gave while it was measured alone.
        let byKernels = results.filter { $0.device.kind == .cpu }.map(\.device.bestReadBytesPerSecond).max() ?? 0
        let bandwidth = max(byKernels, byThreads.map(\.bytesPerSecond).max() ?? 1e9)
        let capacity = topology.memoryCapacity
        // What others hold is theirs; at least a part must be left for a profile to make sense.
        let reserved = min(capacity - topology.memoryAvailable.clamped(to: 0...capacity), capacity / 16 * 15)
        let cpu = results.first { $0.device.kind == .cpu }
        let machine = MachineProfile(
            name: name ?? hostName,
            memory: MemoryProfile(capacity: capacity, bytesPerSecond: bandwidth, reserved: reserved, byThreads: byThreads),
            devices: results.map { $0.device.reading(bandwidth) }, disks: disks,
            stepOverhead: cpu?.stepOverhead ?? MachineProfile.defaultStepOverhead, topology: topology,
            measurement: MeasurementRecord(
                date: Self.date(), program: Self.version, seconds: (clock.seconds - clock.left).rounded(toPlaces: 2),
                threads: threads ?? topology.workers,
                instructionSet: (instructionSet ?? .best).name, unmeasured: SeenDevices.list(tree), notes: notes))
        return Profile(name: machine.name, machines: [machine]).rounded()
    }

    /// One per device. Devices beside the processor add theirs here.
    private func probes(_ topology: MachineTopology) -> [any DeviceProbe] {
        let caches = topology.caches.filter { $0.level >= 3 }.reduce(0) {
            $0 + $1.bytes.multipliedReportingOverflow(by: $1.instances).partialValue
        }
        // Four times the last level's caches, and no more than an eighth of what is free.
        let wanted = min(max(192 << 20, 4 * min(caches, 1 << 32)), topology.memoryAvailable / 8)
        // Filling buffers takes time too: a measurement of a moment makes do with what its caches may hold.
        let cold = max(16 << 20, min(wanted, Int(seconds * 100e6)))
        return [
            CPUProbe(
                processor: topology.processor, workers: threads ?? topology.workers, instructionSet: instructionSet, coldBytes: cold,
                isThorough: isThorough)
        ]
    }

    private var hostName: String {
        let name = tree.line("/proc/sys/kernel/hostname") ?? "this-machine"
        let plain = name.unicodeScalars.filter {
            $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil || "-._".unicodeScalars.contains($0))
        }
        return plain.isEmpty ? "this-machine" : String(String.UnicodeScalarView(plain.prefix(64)))
    }

    /// Now, in UTC.
    private static func date() -> String {
        var now = time(nil)
        var parts = tm()
        guard gmtime_r(&now, &parts) != nil else { return "" }
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension DeviceProfile {
    /// The fastest that any of its measured products reads weights with one token.
    fileprivate var bestReadBytesPerSecond: Double {
        rates.map { format, table in table.operationsPerSecond(tokens: 1) / 2 * Double(format.blockBytes) / Double(format.blockElements) }
            .max() ?? 0
    }

    /// A processor reads what its machine's memory gives.
    fileprivate func reading(_ bandwidth: Double) -> DeviceProfile {
        var device = self
        if kind == .cpu { device.readBytesPerSecond = bandwidth }
        return device
    }
}

extension Comparable {
    fileprivate func clamped(to range: ClosedRange<Self>) -> Self { min(max(self, range.lowerBound), range.upperBound) }
}
