import Checkpoints
import JSON
import Models
import Plans
import Testing

struct ProfileTests {
    static func read(_ text: String) throws -> Profile { try Profile(reading: FieldReader(JSON(parsing: text))) }

    static let cluster = """
        {"name": "two hosts", "machines": [
          {"name": "old", "count": 2, "memory": {"capacity": "208GiB"}, "cpu": {"device": "EPYC 7742", "count": 2},
           "devices": ["T4", {"device": "P100", "count": 3}],
           "disks": [{"capacity": "1.5TB", "read": "2GB/s"}], "price_per_hour": 1.5},
          {"name": "new", "memory": {"capacity": 68719476736, "bandwidth": 8e10}, "devices": [
             {"name": "own", "memory": {"capacity": "24GiB", "bandwidth": "900GB/s"}, "operations": {"f16": "70TFLOP/s"},
              "rates": {"q4_0": [[1, 1e11], [64, "20TOPS"]]}, "link": {"to_device": "12GB/s"}, "peer": {"bandwidth": "50GB/s"}}]}],
         "links": {"default": {"bandwidth": "1Gbit/s", "latency": "1ms"},
                   "between": [{"machines": ["old", "new"], "bandwidth": "300Mbit/s", "latency": "40ms"}]}}
        """

    @Test func clusterFilesExpand() throws {
        let profile = try Self.read(Self.cluster)
        #expect(profile.machines.map(\.name) == ["old-0", "old-1", "new"])
        let old = profile.machines[0]
        #expect(old.devices.map(\.name) == ["EPYC 7742", "T4", "P100", "P100", "P100"])
        #expect(old.memory.capacity == 208 << 30)
        #expect(abs(old.devices[0].readBytesPerSecond - 2 * 204.8e9 * 0.85) < 1)
        #expect(old.disks[0].writeBytesPerSecond == 1e9)
        #expect(profile.network.link(0, 1) == LinkProfile(bytesPerSecond: 1.25e8, latency: 1e-3))
        #expect(profile.network.link(2, 1) == LinkProfile(bytesPerSecond: 300 * 1.25e5, latency: 0.04))
        let own = profile.machines[2].devices[0]
        #expect(own.link == DeviceLink(toDevice: 12e9, fromDevice: 12e9, latency: 10e-6))
        #expect(own.rates[.q4_0]?.points.count == 2)
    }

    @Test func writingAndReadingGivesTheSame() throws {
        let profile = try Self.read(Self.cluster)
        let again = try Self.read(profile.json.serialized(pretty: true))
        #expect(again == profile)
        #expect(again.fingerprint == profile.fingerprint)
    }

    /// What `motley profile` adds to what people write.
    static let measured = """
        {"name": "here", "machines": [
        {"name": "here", "memory": {"capacity": "16GiB", "bandwidth": "30GB/s", "by_threads": [[1, "18GB/s"], [2, 3e10]]},
         "cpu": {"bandwidth": 3e10, "operations": {"f16": 1e11}, "rates": {"q4_0": [[1, 1e11], [64, 6e11]]},
                 "attention_rates": {"f16": [[1, 2e10], [512, 2e11]], "q8": [[1, 3e10]]}, "attention_bandwidth": "16GB/s",
                 "vector_rates": [[1, 1e9], [512, 4e9]], "origin": "measured"},
         "disks": [{"capacity": "1TB", "read": "2GB/s", "write": "1GB/s", "source": "motley profile"}],
         "topology": {"processor": "some", "sockets": 1, "cores": 2, "threads": 4, "usable_cores": 2, "usable_threads": 2,
                      "processor_limit": 1.5,
                      "caches": [{"level": 1, "kind": "data", "bytes": "32KiB", "instances": 2}],
                      "nodes": [{"threads": 4, "memory": "16GiB"}],
                      "memory_total": "16GiB", "memory_available": "12GiB", "memory_limit": "14GiB"},
         "measured": {"date": "2026-01-31T12:00:00Z", "program": "motley", "seconds": 18.5, "threads": 2, "instruction_set": "AVX2",
                      "unmeasured": ["GPU"], "notes": ["no disk"]}}]}
        """

    @Test func measuredProfilesSurviveTheirJSON() throws {
        let profile = try Self.read(Self.measured)
        let again = try Self.read(profile.json.serialized(pretty: true))
        #expect(again == profile && again.fingerprint == profile.fingerprint)
        let machine = profile.machines[0]
        #expect(machine.memory.byThreads.map(\.threads) == [1, 2])
        #expect(machine.topology?.memoryCapacity == 14 << 30 && machine.topology?.workers == 2)
        #expect(machine.measurement?.unmeasured == ["GPU"])
        let device = machine.devices[0]
        // In a cache the arithmetic counts, out of it the reading.
        #expect(device.attentionSeconds(format: .f16, bytes: 0, operations: 2e11, rows: 512) == 1)
        #expect(device.attentionSeconds(format: .f16, bytes: 16e9, operations: 1e9, rows: 1) == 1)
        #expect(device.attentionSeconds(format: .q4, bytes: 0, operations: 5e10, rows: 1) == 1)
        #expect(abs(device.vectorSeconds(elements: 1e6, tokens: 512) - 0.128) < 1e-9)
        #expect(CatalogueDevice.named("T4")?.profile.vectorSeconds(elements: 1e6, tokens: 512) == 0)
        let half = [ModelShape.FormatShare(format: .q4_0, share: 0.5), ModelShape.FormatShare(format: .q8_0, share: 0.5)]
        #expect(device.secondsPerElement(formats: half, tokens: 1) == nil && device.secondsPerElement(formats: [], tokens: 1) == nil)
        let whole = device.secondsPerElement(formats: [ModelShape.FormatShare(format: .q4_0, share: 1)], tokens: 64)
        #expect(whole == device.secondsPerElement(format: .q4_0, bytesPerElement: 0.5625, tokens: 64))
        // A file that mixes formats reads more bytes per weight.
        let plain = device.secondsPerElement(format: .q4_0, bytesPerElement: 0.5625, tokens: 1)
        #expect(abs(device.secondsPerElement(format: .q4_0, bytesPerElement: 1.125, tokens: 1) - 2 * plain) < 1e-15)
    }

    @Test(arguments: [
        ("\"by_threads\": [[1, \"18GB/s\"], [2, 3e10]]", "\"by_threads\": [[2, 1e9], [1, 1e9]]", "machines[0].memory.by_threads"),
        ("[[1, \"18GB/s\"]", "[[0, \"18GB/s\"]", "machines[0].memory.by_threads[0][0]"),
        ("\"q8\": [[1, 3e10]]", "\"q9\": [[1, 3e10]]", "machines[0].cpu.attention_rates.q9"),
        ("\"q8\": [[1, 3e10]]", "\"q8\": []", "machines[0].cpu.attention_rates.q8"),
        ("[512, 2e11]", "[512, -1]", "machines[0].cpu.attention_rates.f16[1][1]"),
        ("\"16GB/s\"", "\"16GB\"", "machines[0].cpu.attention_bandwidth"),
        ("[512, 4e9]", "[512, 1e30]", "machines[0].cpu.vector_rates[1][1]"),
        ("\"source\": \"motley profile\"", "\"sauce\": 1", "machines[0].disks[0].sauce"),
        ("\"threads\": 4, \"usable_cores\"", "\"threads\": 0, \"usable_cores\"", "machines[0].topology.threads"),
        ("\"kind\": \"data\"", "\"kind\": \"cash\"", "machines[0].topology.caches[0].kind"),
        ("\"memory_total\": \"16GiB\"", "\"memory_total\": 0", "machines[0].topology.memory_total"),
        ("\"processor_limit\": 1.5", "\"processor_limit\": -1", "machines[0].topology.processor_limit"),
        ("\"program\": \"motley\"", "\"programme\": \"motley\"", "machines[0].measured.programme"),
        ("\"seconds\": 18.5", "\"seconds\": \"soon\"", "machines[0].measured.seconds"),
        ("[\"GPU\"]", "[1]", "machines[0].measured.unmeasured[0]"),
    ])
    func errorsInMeasuredProfilesNameTheField(part: String, replacement: String, field: String) throws {
        let parts = Self.measured.split(separator: part, omittingEmptySubsequences: false)
        try #require(parts.count == 2, "\(part)")
        do {
            _ = try Self.read(parts.joined(separator: replacement))
            Issue.record("accepted \(replacement)")
        } catch let error as FieldError {
            #expect(error.field == field, "\(error)")
        }
    }

    @Test(arguments: [
        (#"{"machines": []}"#, "machines"), (#"{}"#, "machines"), (#"{"machines": [{"name": "a"}]}"#, "machines[0].memory"),
        (#"{"machines": [{"name": "a", "memory": {"capacity": 0}}]}"#, "machines[0].memory.capacity"),
        (#"{"machines": [{"name": "a", "memory": {"capacity": "-4GiB"}}]}"#, "machines[0].memory.capacity"),
        (#"{"machines": [{"name": "a", "memory": {"capacity": "4 potatoes"}}]}"#, "machines[0].memory.capacity"),
        (#"{"machines": [{"name": "a", "memory": {"capacity": 1e30}}]}"#, "machines[0].memory.capacity"),
        (#"{"machines": [{"name": "a", "memory": {"capacity": "1GiB"}, "gpus": []}]}"#, "machines[0].gpus"),
        (#"{"machines": [{"name": "a", "memory": {"capacity": "1GiB"}, "devices": ["T5"]}]}"#, "machines[0].devices[0]"),
        (#"{"machines": [{"name": "a", "memory": {"capacity": "1GiB"}, "cpu": "T4"}]}"#, "machines[0].cpu"),
        (
            #"{"machines": [{"name": "a", "memory": {"capacity": "1GiB"}, "devices": [{"memory": {"capacity": "1GiB"}}]}]}"#,
            "machines[0].devices[0].operations"
        ),
        (#"{"version": 2, "machines": [{"name": "a", "memory": {"capacity": "1GiB"}}]}"#, "version"),
        (
            #"{"machines": [{"name": "a", "memory": {"capacity": "1GiB"}}], "#
                + #""links": {"between": [{"machines": ["a", "b"], "bandwidth": 1e9}]}}"#,
            "links.between[0].machines[1]"
        ),
        (#"{"machines": [{"name": "a", "memory": {"capacity": "1GiB"}}, {"name": "a", "memory": {"capacity": "1GiB"}}]}"#, "machines[1]"),
        (
            #"{"machines": [{"name": "a", "memory": {"capacity": "1GiB"}, "#
                + #""devices": [{"device": "T4", "rates": {"q4_0": [[4, 1], [2, 1]]}}]}]}"#,
            "machines[0].devices[0].rates.q4_0"
        ),
    ])
    func errorsNameTheField(text: String, field: String) {
        do {
            _ = try Self.read(text)
            Issue.record("accepted \(text)")
        } catch let error as FieldError {
            #expect(error.field == field, "\(error)")
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func catalogueFiguresAreSane() {
        for device in CatalogueDevice.all {
            let profile = device.profile
            #expect(!device.source.isEmpty)
            #expect(profile.readBytesPerSecond > 1e10 && profile.readBytesPerSecond < 1e13, "\(device.name)")
            #expect(profile.operations.half >= profile.operations.single && profile.operations.half < 1e15, "\(device.name)")
            #expect((profile.memory != nil) == (device.kind == .gpu))
        }
        #expect(Set(CatalogueDevice.all.map(\.name)).count == CatalogueDevice.all.count)
        #expect(CatalogueDevice.named("rtx3090ti")?.gibibytes == 24)
    }

    @Test func ratesInterpolateBetweenPoints() throws {
        let table = try #require(
            RateTable(points: [.init(tokens: 1, operationsPerSecond: 2e9), .init(tokens: 9, operationsPerSecond: 9e9)]))
        #expect(table.secondsPerElement(tokens: 1) == 1e-9)
        #expect(abs(table.secondsPerElement(tokens: 5) - 1.5e-9) < 1e-18)
        #expect(abs(table.secondsPerElement(tokens: 18) - 4e-9) < 1e-18)
        #expect(RateTable(points: []) == nil)
        let device = try #require(CatalogueDevice.named("T4")).profile
        let one = device.secondsPerElement(format: .f16, bytesPerElement: 2, tokens: 1)
        #expect(abs(one - 2 / device.readBytesPerSecond) < 1e-20)
        #expect(device.secondsPerElement(format: .f16, bytesPerElement: 2, tokens: 4096) > one)
    }
}
