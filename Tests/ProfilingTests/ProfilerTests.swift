import Checkpoints
import Foundation
import JSON
import Models
import Planning
import Plans
import Testing

@testable import Profiling

/// One short measurement, looked at from several sides.
@Suite(.serialized) struct ProfilerTests {
    private static let profile: Profile = {
        var profiler = Profiler()
        profiler.seconds = 0.5
        profiler.threads = 1
        profiler.modelsDirectory = FileManager.default.temporaryDirectory.path
        return profiler.measure()
    }()

    @Test func figuresMakeSense() throws {
        let machine = try #require(Self.profile.machines.first)
        let device = try #require(machine.devices.first)
        #expect(device.kind == .cpu && device.origin == .measured)
        #expect(device.readBytesPerSecond > 1e6 && device.launch > 0 && machine.stepOverhead > 0)
        #expect(device.rates[.q4_0]?.points.first?.tokens == 1)
        #expect(machine.memory.byThreads.last?.threads == 1)
        #expect(machine.memory.capacity > machine.memory.reserved && machine.memory.reserved >= 0)
        #expect(machine.topology?.threads ?? 0 >= 1 && machine.measurement?.threads == 1)
        #expect(machine.measurement?.date.count == 20)
    }

    @Test func survivesItsJSON() throws {
        let text = Self.profile.json.serialized(pretty: true)
        let again = try Profile(reading: FieldReader(JSON(parsing: text)))
        #expect(again == Self.profile)
        #expect(again.fingerprint == Self.profile.fingerprint)
        #expect(again.json.serialized(pretty: true) == text)
    }

    @Test func plansDirectly() throws {
        let scenario: JSON = [
            "hardware": Self.profile.json, "model": ["name": "Llama-3.2-1B", "format": "q2_k"],
            "workload": ["prompt_tokens": 64, "output_tokens": 8, "batch": 1], "objective": "latency",
        ]
        let problem = try Problem(Scenario(reading: FieldReader(scenario)), seed: 1)
        let result = try Planner(problem).plan(.auto, timeLimit: 5)
        #expect(result.best.plan.prediction?.timePerOutputTokenSeconds ?? 0 > 0)
    }

    /// Every format of the KV cache and of weights that kernels exist for has a place in the order.
    @Test func everyFormatIsMeasured() {
        let measured = Set(CPUProbe.formats + CPUProbe.sharedFormats.map(\.0))
        #expect(measured == Set(TensorFormat.allCases))
        #expect(Set(CPUProbe.tokens) == Set((0...11).map { 1 << $0 }))
    }

    @Test func missingDiskIsANote() {
        var profiler = Profiler()
        profiler.seconds = 0.1
        profiler.threads = 1
        profiler.modelsDirectory = "/proc/self"
        let machine = profiler.measure().machines[0]
        #expect(machine.disks.isEmpty)
        #expect(machine.measurement?.notes.contains { $0.contains("/proc/self") } == true)
    }

    @Test func fourDigits() {
        #expect(123456.0.fourDigits == 123500 && 0.00123456.fourDigits == 0.001235 && 0.0.fourDigits == 0)
    }
}
