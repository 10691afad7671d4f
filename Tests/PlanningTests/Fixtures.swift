import Checkpoints
import Glibc
import JSON
import Models
import Plans

@testable import Planning

/// Hardware, models and workloads for tests, and a seeded stream of random ones.
enum Fixtures {
    /// How many random cases: the usual few, or `MOTLEY_PLANS`.
    static func count(_ usual: Int) -> Int { getenv("MOTLEY_PLANS").flatMap { Int(String(cString: $0)) } ?? usual }

    static func device(_ gibibytes: Double, bandwidth: Double, operations: Double, link: Double = 12e9, name: String = "gpu")
        -> DeviceProfile
    {
        DeviceProfile(
            name: name, kind: .gpu, memory: MemoryProfile(capacity: Int(gibibytes * 1_073_741_824), bytesPerSecond: bandwidth),
            readBytesPerSecond: bandwidth, operations: OperationRates(single: operations / 2, half: operations, integer: operations),
            link: DeviceLink(toDevice: link, fromDevice: link, latency: 1e-5))
    }

    static func cpu(bandwidth: Double = 40e9, operations: Double = 1e12) -> DeviceProfile {
        DeviceProfile(
            name: "cpu", kind: .cpu, memory: nil, readBytesPerSecond: bandwidth,
            operations: OperationRates(single: operations, half: operations, integer: 2 * operations), launch: 2e-6)
    }

    static func machine(_ name: String, gibibytes: Int = 64, _ devices: [DeviceProfile], disk: Int? = nil) -> MachineProfile {
        MachineProfile(
            name: name, memory: MemoryProfile(capacity: gibibytes << 30, bytesPerSecond: 50e9), devices: devices,
            disks: disk.map { [DiskProfile(name: "disk", capacity: $0 << 30, readBytesPerSecond: 2e9, writeBytesPerSecond: 1e9)] } ?? [])
    }

    static func shape(_ name: String) -> ModelShape { BuiltInModels.named(name)! }

    /// A model of a few layers with sizes of the real ones.
    static func small(layers: Int, hidden: Int = 1024) -> ModelShape {
        BuiltInModels.gated(
            "small", layers: layers, hidden: hidden, heads: 8, keyValueHeads: 8, ffn: 4 * hidden, vocabulary: 8192, context: 4096)
    }

    static func problem(
        _ machines: [MachineProfile], _ shape: ModelShape, prompt: Int = 128, output: Int = 32, batch: Int = 1,
        objective: Objective = .latency,
        network: NetworkProfile = NetworkProfile(), constraints: Constraints = Constraints()
    ) throws -> Problem {
        try Problem(
            Scenario(
                hardware: Profile(machines: machines, network: network), model: shape,
                workload: Workload(prompt: .fixed(prompt), output: .fixed(output), demand: .batch(batch)), objective: objective,
                constraints: constraints))
    }

    /// A small random scenario: one to three machines, zero to three GPUs each, any objective.
    static func random(_ random: inout SplitMix) -> Scenario {
        func pick<T>(_ values: [T]) -> T { values[random.below(values.count)] }
        var machines: [MachineProfile] = []
        for index in 0..<1 + random.below(3) {
            var devices: [DeviceProfile] = []
            if random.below(4) > 0 || index == 0 {
                devices.append(cpu(bandwidth: pick([20e9, 60e9, 200e9]), operations: pick([5e11, 4e12])))
            }
            let kinds = [("T4", 0.0), ("RTX 3090", 0), ("A6000", 0), ("RTX 3060", 0), ("own", 4)]
            for _ in 0..<random.below(4) {
                let (name, size) = pick(kinds)
                devices.append(CatalogueDevice.named(name)?.profile ?? device(size, bandwidth: 2e11, operations: 1e13, name: name))
            }
            machines.append(machine("m\(index)", gibibytes: pick([16, 64, 256]), devices, disk: pick([nil, 500, 2000])))
        }
        let network = NetworkProfile(
            standard: LinkProfile(bytesPerSecond: pick([1.25e8, 1.25e9, 1.25e10]), latency: pick([5e-6, 2e-4, 4e-2])))
        let model = pick(["OPT-1.3B", "OPT-6.7B", "OPT-30B", "Llama-2-7B", "Llama-2-13B", "Llama-3.2-1B", "Qwen3-8B", "Mixtral-8x7B"])
        let objective: Objective = pick([
            .latency, .timeToFirstToken, .throughput, .throughput, .slo(.limits(timeToFirstToken: 2, timePerOutputToken: 0.1)),
        ])
        let isSLO = if case .slo = objective { true } else { false }
        let shape = random.below(3) == 0 ? shape(model).stored(in: .q4_0) : shape(model)
        return Scenario(
            hardware: Profile(machines: machines, network: network), model: shape,
            workload: Workload(
                prompt: .fixed(pick([16, 128, 512, 1500])), output: .fixed(pick([1, 32, 256])),
                demand: isSLO ? .rate(pick([0.2, 2])) : .batch(pick([1, 1, 4, 32, 300]))), objective: objective)
    }
}
