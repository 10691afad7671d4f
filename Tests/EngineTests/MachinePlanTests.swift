import Devices
import Foundation
import Planning
import Plans
import Testing

@testable import Engine

/// Plans that commands make for a machine run, and to the tokens of the plan with everything resident.
@Suite struct MachinePlanTests {
    private static let profile = Profile(
        name: "test",
        machines: [
            MachineProfile(
                name: "test", memory: MemoryProfile(capacity: 1 << 32, bytesPerSecond: 20e9),
                devices: [
                    DeviceProfile(
                        name: "cpu", kind: .cpu, memory: nil, readBytesPerSecond: 20e9,
                        operations: OperationRates(single: 1e11, half: 2e11, integer: 4e11))
                ], disks: [DiskProfile(name: "disk", capacity: 1 << 34, readBytesPerSecond: 1e9, writeBytesPerSecond: 1e9)])
        ])

    private static let gpus = [
        Emulation(name: "gpu0", memoryBytes: 100 << 20, linkBytesPerSecond: 20e9, latency: 1e-6),
        Emulation(name: "gpu1", memoryBytes: 200 << 20, linkBytesPerSecond: 20e9, latency: 1e-6),
    ]

    private func tokens(_ request: PlanRequest?, emulated: [Emulation]) throws -> [Int32] {
        let model = try Model(path: Golden.directory + "/llama-gguf-q4_0.gguf")
        var options = LoadOptions(
            threads: 2, contextLength: 128, emulated: emulated, diskDirectory: FileManager.default.temporaryDirectory.path)
        if let request {
            var profile = Self.profile
            for emulation in emulated { profile.machines[0].devices.append(DeviceProfile(emulation)) }
            options.plan = try model.planned(request, options: options, profile: profile).plan
        }
        let loaded = try LoadedModel(model, options: options)
        defer { loaded.engine.stop() }
        let generation = loaded.engine.generate(GenerationRequest(prompt: [1, 2, 3, 4, 5], maximumTokens: 12))
        var tokens: [Int32] = []
        while true {
            for event in generation.next() {
                switch event {
                case .token(let token): tokens.append(token.token)
                case .finished: return tokens
                case .failed(let error): throw error
                case .prefilled: break
                }
            }
        }
    }

    @Test(arguments: Strategy.allCases) func everyStrategysPlanRunsToTheSameTokens(_ strategy: Strategy) throws {
        let whole = try tokens(nil, emulated: [])
        #expect(whole.count == 12)
        for count in 0...2 {
            let emulated = Array(Self.gpus.prefix(count))
            // HeteGen needs a GPU to share with.
            if strategy == .hetegen, count == 0 { continue }
            let request = PlanRequest(strategy: strategy, promptTokens: 5, outputTokens: 12, emulated: emulated)
            #expect(try tokens(request, emulated: emulated) == whole, "\(count) GPUs")
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let model = try Model(path: Golden.directory + "/llama-gguf-q4_0.gguf")
        let options = LoadOptions(threads: 2, contextLength: 128)
        var profile = Self.profile
        profile.machines[0].memory.capacity = 1 << 16
        profile.machines[0].disks = []
        #expect(throws: LoadError.self) { try model.planned(PlanRequest(), options: options, profile: profile) }
    }
}
