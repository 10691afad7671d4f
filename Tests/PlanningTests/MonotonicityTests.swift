import Checkpoints
import Models
import Plans
import Testing

@testable import Planning

/// The cost model is monotone where it must be: hardware that is better in one figure is never slower, whatever the plan, and more work is
/// never faster.
struct MonotonicityTests {
    /// Every figure of a profile on its own, made better.
    static let changes: [(name: String, change: @Sendable (inout Profile) -> Void)] = [
        ("network bandwidth", { $0.network.standard.bytesPerSecond *= 3 }), ("network latency", { $0.network.standard.latency /= 4 }),
        ("host memory", { profile in each(&profile) { $0.memory.bytesPerSecond *= 2 } }),
        ("step overhead", { profile in each(&profile) { $0.stepOverhead /= 2 } }),
        ("disk reads", { profile in disks(&profile) { $0.readBytesPerSecond *= 2 } }),
        ("disk writes", { profile in disks(&profile) { $0.writeBytesPerSecond *= 2 } }),
        ("device memory", { profile in devices(&profile) { $0.readBytesPerSecond *= 2 } }),
        (
            "operations",
            { profile in
                devices(&profile) {
                    $0.operations.single *= 2
                    $0.operations.half *= 2
                    $0.operations.integer *= 2
                }
            }
        ),
        ("attention", { profile in devices(&profile) { $0.attentionOperations *= 2 } }),
        ("launches", { profile in devices(&profile) { $0.launch /= 2 } }),
        ("link to device", { profile in devices(&profile) { $0.link?.toDevice *= 2 } }),
        ("link from device", { profile in devices(&profile) { $0.link?.fromDevice *= 2 } }),
        ("link latency", { profile in devices(&profile) { $0.link?.latency /= 2 } }),
        (
            "peer links",
            { profile in
                devices(&profile) {
                    $0.peer?.bytesPerSecond *= 2
                    $0.peer?.latency /= 2
                }
            }
        ),
        ("one device's peer link", { $0.machines[0].devices[$0.machines[0].devices.count - 1].peer?.bytesPerSecond *= 8 }),
        (
            "measured rates",
            { profile in
                devices(&profile) { device in
                    device.rates = device.rates.compactMapValues { table in
                        RateTable(points: table.points.map { .init(tokens: $0.tokens, operationsPerSecond: $0.operationsPerSecond * 2) })
                    }
                }
            }
        ),
    ]

    private static func each(_ profile: inout Profile, _ change: (inout MachineProfile) -> Void) {
        for index in profile.machines.indices { change(&profile.machines[index]) }
    }

    private static func disks(_ profile: inout Profile, _ change: (inout DiskProfile) -> Void) {
        each(&profile) { machine in for index in machine.disks.indices { change(&machine.disks[index]) } }
    }

    private static func devices(_ profile: inout Profile, _ change: (inout DeviceProfile) -> Void) {
        each(&profile) { machine in for index in machine.devices.indices { change(&machine.devices[index]) } }
    }

    static let loads: [StepLoad] = [
        .decode(sequences: 4, context: 300), .prefill(sequences: 2, tokens: 200), .decode(sequences: 8, context: 10, microBatches: 4),
        .prefill(sequences: 1, tokens: 700, after: 300), .decode(sequences: 1, context: 2000),
        .decode(sequences: 64, context: 900, microBatches: 8),
    ]

    /// Random scenarios of a usual run's size, some devices with measured rates and with peer links.
    static func scenario(_ number: Int, _ random: inout SplitMix) -> Scenario {
        var scenario = PlanPropertyTests.moderate(number, &random)
        scenario.constraints = Constraints()
        for machine in scenario.hardware.machines.indices {
            for device in scenario.hardware.machines[machine].devices.indices {
                if random.below(3) == 0 {
                    scenario.hardware.machines[machine].devices[device].rates = [
                        .f16: RateTable(points: [
                            .init(tokens: 1, operationsPerSecond: 5e10), .init(tokens: 16, operationsPerSecond: 6e11),
                            .init(tokens: 512, operationsPerSecond: 5e12),
                        ])!
                    ]
                }
                if random.below(3) == 0, scenario.hardware.machines[machine].devices[device].kind == .gpu {
                    scenario.hardware.machines[machine].devices[device].peer = LinkProfile(
                        bytesPerSecond: [1e10, 1e11][random.below(2)], latency: [1e-6, 2e-5][random.below(2)])
                }
            }
        }
        return scenario
    }

    @Test(arguments: 0..<4)
    func betterHardwareIsNeverSlower(part: Int) throws {
        var random = SplitMix(seed: UInt64(500 + part))
        for number in 0..<Fixtures.count(5) {
            let scenario = Self.scenario(number * 4 + part, &random)
            guard let problem = try? Problem(scenario) else { continue }
            var plans: [Evaluation] = []
            for strategy in Strategy.allCases where strategy != .auto {
                plans += strategy.search(problem, deadline: Deadline(seconds: 20)).filter(\.fits).prefix(2)
            }
            for (name, change) in Self.changes {
                var better = scenario
                guard !better.hardware.machines[0].devices.isEmpty else { continue }
                change(&better.hardware)
                guard let other = try? Problem(better) else { continue }
                var bestBefore = Double.infinity, bestAfter = Double.infinity
                for found in plans {
                    let before = try ReplicaModel(found.plan.replicas[0], hardware: problem.hardware, shape: problem.shape)
                    let after = try ReplicaModel(found.plan.replicas[0], hardware: other.hardware, shape: problem.shape)
                    for load in Self.loads {
                        #expect(after.seconds(load) <= before.seconds(load) * (1 + 1e-12), "\(name): \(found.strategy) \(found.note)")
                        #expect(after.round(load) <= before.round(load) * (1 + 1e-12), "\(name): \(found.strategy) \(found.note)")
                        #expect(after.period(load) <= before.period(load) * (1 + 1e-12), "\(name): \(found.strategy) \(found.note)")
                    }
                    #expect(
                        after.prefillSeconds(sequences: 3, promptTokens: 900) <= before.prefillSeconds(sequences: 3, promptTokens: 900)
                            * (1 + 1e-12),
                        "\(name): \(found.strategy) \(found.note)")
                    // Requests over time are queued, and a queue may get longer where a server gets faster: batches alone.
                    guard scenario.workload.batch != nil, !scenario.objective.countsRequests else { continue }
                    let score = try other.evaluate(found.plan).score
                    #expect(score <= found.score * (1 + 1e-12), "\(name): \(found.strategy) \(found.note)")
                    (bestBefore, bestAfter) = (min(bestBefore, found.score), min(bestAfter, score))
                }
                #expect(bestAfter <= bestBefore * (1 + 1e-12) || bestAfter == .infinity)
            }
        }
    }

    /// Longer contexts, longer prompts, more logits: never faster, whatever the plan.
    @Test func moreWorkIsNeverFaster() throws {
        var random = SplitMix(seed: 600)
        for number in 0..<12 {
            guard let problem = try? Problem(Self.scenario(number, &random)) else { continue }
            for strategy in Strategy.allCases where strategy != .auto {
                for found in strategy.search(problem, deadline: Deadline(seconds: 20)).filter(\.fits).prefix(2) {
                    let model = try ReplicaModel(found.plan.replicas[0], hardware: problem.hardware, shape: problem.shape)
                    var last = 0.0
                    for context in [1.0, 10, 100, 1000, 10000, 1e6] {
                        let seconds = model.seconds(.decode(sequences: 3, context: context))
                        #expect(seconds >= last, "\(strategy) \(found.note)")
                        last = seconds
                    }
                    for load in Self.loads {
                        var more = load
                        more.logits += 5
                        more.cached += 50
                        more.pairs += 1000
                        #expect(model.seconds(more) >= model.seconds(load) * (1 - 1e-12), "\(strategy) \(found.note)")
                        #expect(model.period(more) >= model.period(load) * (1 - 1e-12), "\(strategy) \(found.note)")
                    }
                }
            }
        }
    }
}
