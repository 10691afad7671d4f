import Models

/// Equal layer counts on every device in order: what most tools do with several devices.
struct EvenStrategy {
    let problem: Problem

    func search() -> [Evaluation] {
        let devices = Array(problem.mainDevices.prefix(problem.shape.layerCount))
        return pipeline(
            problem, devices, weights: devices.map { _ in 1 }, strategy: .even, note: "equal layers on \(devices.count) devices"
        ).map {
            [$0]
        } ?? []
    }
}

/// Layers in proportion to the devices' memories.
struct MemoryStrategy {
    let problem: Problem

    func search() -> [Evaluation] {
        let devices = problem.mainDevices
        let weights = devices.map { Double(problem.hardware.memories[problem.hardware.devices[$0].memory].capacity) }
        return pipeline(problem, devices, weights: weights, strategy: .memory, note: "layers in proportion to memory").map { [$0] } ?? []
    }
}

/// One stage per device with layers by weight, pinned layers where they are pinned; devices that get none are left out.
private func pipeline(_ problem: Problem, _ devices: [Int], weights: [Double], strategy: Strategy, note: String) -> Evaluation? {
    problem.finish([PinnedPipelines(problem: problem).weighted(devices, weights)], strategy: strategy, note: note)
}
