import Models
import Plans

/// Seconds until a replica of a new plan has its weights: what a memory does not hold already comes from its machine's disk, or over the
/// network, and on over the device's link.
struct Recovery {
    let hardware: Hardware
    let shape: ModelShape
    /// Weights that are where they were: module and home, by what was there before.
    private var held: [Key: [Range<Int>]] = [:]

    private struct Key: Hashable {
        var module: Module
        var memory: Int
    }

    /// A host without disks or neighbours has a copy of the model from somewhere: so many bytes per second.
    static let lonelyBytesPerSecond = 1e9

    init(hardware: Hardware, shape: ModelShape, before plan: Plan) {
        self.hardware = hardware
        self.shape = shape
        for stage in plan.replicas.flatMap(\.stages) {
            for placement in stage.placements {
                for shard in placement.shards {
                    held[Key(module: placement.module, memory: shard.home.rawValue), default: []].append(shard.range)
                }
            }
        }
    }

    /// Machines load at once, each from its own source; a machine's devices share it and fill their memories at once.
    func seconds(_ replica: Replica) -> Double {
        var byMachine: [Int: Double] = [:], byMemory: [Int: Double] = [:]
        for stage in replica.stages {
            for placement in stage.placements {
                let module = placement.module
                for shard in placement.shards {
                    let home = shard.home.rawValue
                    guard hardware.memories.indices.contains(home) else { continue }
                    var missing = shard.range.count
                    for range in held[Key(module: placement.module, memory: home)] ?? [] { missing -= range.clamped(to: shard.range).count }
                    guard missing > 0, hardware.memories[home].kind != .disk || hardware.disks[stage.machine.rawValue] == nil else {
                        continue
                    }
                    let bytes = shape.bytes(of: module, units: missing, format: shard.format)
                    byMachine[stage.machine.rawValue, default: 0] += bytes
                    byMemory[home, default: 0] += bytes
                }
            }
        }
        var longest = 0.0
        for (machine, bytes) in byMachine { longest = max(longest, bytes / sourceBytesPerSecond(machine)) }
        for (memory, bytes) in byMemory {
            guard let device = hardware.devices.first(where: { !$0.isCPU && $0.memory == memory }), let link = device.profile.link else {
                continue
            }
            longest = max(longest, link.latency + bytes / link.toDevice)
        }
        return longest
    }

    private func sourceBytesPerSecond(_ machine: Int) -> Double {
        if let disk = hardware.disks[machine] { return hardware.memories[disk].readBytesPerSecond }
        let others = hardware.profile.machines.indices.filter { $0 != machine }
        return others.map { hardware.machineLink(machine, $0).bytesPerSecond }.max() ?? Self.lonelyBytesPerSecond
    }
}
