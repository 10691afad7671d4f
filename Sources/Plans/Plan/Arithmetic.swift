/// How a replica rounds: replicas of one class that is not `mixed` give the same tokens, whatever their shards, stages and slices.
public enum Arithmetic: String, Sendable, CaseIterable {
    /// Every product and attention on CPU kernels, every boundary in f32: sums over cuts are exact, all such plans give the same tokens.
    case cpu
    /// Everything on GPUs, in sums of floats.
    case gpu
    /// Anything else: tokens may depend on the plan.
    case mixed
}

extension Replica {
    /// The class that its devices and boundaries make it; nil where a device is not known.
    public func arithmeticClass(_ kind: (DeviceID) -> PlannedDevice.Kind?) -> Arithmetic? {
        var onCPU = false, onGPU = false
        func note(_ computers: [Computer]) -> Bool {
            for computer in computers {
                switch kind(computer.device) {
                case .cpu: onCPU = true
                case .gpu: onGPU = true
                case nil: return false
                }
            }
            return true
        }
        for stage in stages {
            for placement in stage.placements {
                for shard in placement.shards where !note(shard.computers) { return nil }
            }
            for share in stage.keyValue where !note(share.computers) { return nil }
        }
        if onCPU && onGPU { return .mixed }
        if onGPU { return .gpu }
        return boundaries.allSatisfy { $0.format == .f32 } ? .cpu : .mixed
    }
}
