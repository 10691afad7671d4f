import JSON
import Models
import Plans
import Testing

/// The JSON form: what is written is read back, what is wrong is named, hostile files end.
struct PlanJSONTests {
    static func read(_ json: JSON) throws -> Plan { try Plan(reading: FieldReader(json)) }

    /// The sample with one value replaced, by its path; nil removes it.
    static func changed(_ path: [JSONStep], to value: JSON?) -> JSON { change(SamplePlan.plan.json, path[...], value) }

    enum JSONStep: Sendable {
        case key(String)
        case index(Int)
    }

    private static func change(_ json: JSON, _ path: ArraySlice<JSONStep>, _ value: JSON?) -> JSON {
        guard let step = path.first else { return value ?? .null }
        let rest = path.dropFirst()
        switch (step, json) {
        case (.key(let key), .object(let object)):
            var fields: [JSONObject.Element] = []
            for (name, old) in object where name != key || !rest.isEmpty || value != nil {
                fields.append((name, name == key ? change(old, rest, value) : old))
            }
            if !object.contains(where: { $0.key == key }), let value { fields.append((key, value)) }
            return .object(JSONObject(fields))
        case (.index(let index), .array(var elements)):
            elements[index] = change(elements[index], rest, value)
            return .array(elements)
        default: return json
        }
    }

    @Test func writtenPlansAreReadBack() throws {
        for plan in [SamplePlan.plan, Self.bare] {
            #expect(try Self.read(JSON(parsing: plan.json.serialized())) == plan)
            #expect(try Self.read(JSON(parsing: plan.json.serialized(pretty: true))) == plan)
        }
    }

    private static let bare: Plan = {
        var plan = SamplePlan.plan
        (plan.model, plan.profile, plan.prediction) = ("", "", nil)
        plan.devices[0].threads = 8
        plan.memories[2].capacity = nil
        plan.replicas.append(plan.replicas[0])
        return plan
    }()

    /// Layers placed alike are one entry.
    @Test func alikeLayersAreOneEntry() throws {
        let stage = try #require(SamplePlan.plan.json["replicas"]?[0]?["stages"]?[0])
        let entries = try #require(stage["placements"]?.array)
        #expect(entries.compactMap { $0["module"]?.string } == ["embedding", "attention", "attention", "feed_forward"])
        #expect(entries.compactMap { $0["layers"]?.serialized() } == ["[0,2]", "[2,3]", "[0,2]"])
    }

    @Test func otherVersionsAreAnsweredWithACommand() throws {
        for (version, said) in [
            (JSON.integer(1), "format version 1"), (.integer(3), "format version 3"), (.integer(-1), "format version -1"),
        ] {
            let error = #expect(throws: FieldError.self) { try Self.read(Self.changed([.key("version")], to: version)) }
            #expect(error?.field == "version" && error?.message.contains(said) == true && error?.message.contains("motley plan") == true)
        }
        // A plan of version 1 has other fields too; its version is what counts.
        let old = try JSON(parsing: #"{"version": 1, "devices": [], "streaming_window": 5}"#)
        #expect(#expect(throws: FieldError.self) { try Self.read(old) }?.message.contains("plan again") == true)
        for odd in [#"{"version": "2"}"#, #"{}"#, "[]", "3"] {
            #expect(throws: FieldError.self) { try Self.read(JSON(parsing: odd)) }
        }
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        var path: [JSONStep]
        var value: JSON?
        var field: String
        var testDescription: String { field }

        init(_ path: [JSONStep], _ value: JSON?, _ field: String) { (self.path, self.value, self.field) = (path, value, field) }
    }

    private static let replica: [JSONStep] = [.key("replicas"), .index(0)]
    private static let stage: [JSONStep] = replica + [.key("stages"), .index(0)]

    static let faults: [Fault] = [
        Fault([.key("machines")], nil, "machines"), Fault([.key("more")], 1, "more"),
        Fault([.key("devices"), .index(0), .key("kind")], "tpu", "devices[0].kind"),
        Fault([.key("devices"), .index(0), .key("key")], nil, "devices[0].key"),
        Fault([.key("devices"), .index(0), .key("id")], -1, "devices[0].id"),
        Fault([.key("devices"), .index(0), .key("memory")], 1e9, "devices[0].memory"),
        Fault([.key("memories"), .index(0), .key("capacity")], -1, "memories[0].capacity"),
        Fault(replica + [.key("arithmetic")], "exact", "replicas[0].arithmetic"),
        Fault(replica + [.key("schedule")], nil, "replicas[0].schedule"),
        Fault(replica + [.key("schedule"), .key("pools")], [], "replicas[0].schedule.pools"),
        Fault(replica + [.key("schedule"), .key("pools")], [2_147_483_647, 2], "replicas[0].schedule.pools"),
        Fault(replica + [.key("schedule"), .key("sequences")], 17, "replicas[0].schedule.sequences"),
        Fault(replica + [.key("schedule"), .key("decode_groups")], 9, "replicas[0].schedule.decode_groups"),
        Fault(replica + [.key("schedule"), .key("slice_tokens")], 1000, "replicas[0].schedule.slice_tokens"),
        Fault(
            replica + [.key("schedule"), .key("slice_tables"), .index(0), .key("slices")], [50, 40],
            "replicas[0].schedule.slice_tables[0].slices"),
        Fault(replica + [.key("boundaries"), .index(0), .key("payload")], ["more"], "replicas[0].boundaries[0].payload[0]"),
        Fault(replica + [.key("boundaries"), .index(0), .key("format")], "q8", "replicas[0].boundaries[0].format"),
        Fault(stage + [.key("layers")], [3, 2], "replicas[0].stages[0].layers[1]"),
        Fault(stage + [.key("layers")], [0, 100_001], "replicas[0].stages[0].layers"),
        Fault(stage + [.key("placements"), .index(1), .key("module")], "mixer", "replicas[0].stages[0].placements[1].module"),
        Fault(stage + [.key("placements"), .index(1), .key("layers")], [0, 9], "replicas[0].stages[0].placements[1].layers"),
        Fault(stage + [.key("placements"), .index(2), .key("layers")], [1, 3], "replicas[0].stages[0]"),
        Fault(
            stage + [.key("placements"), .index(1), .key("shards"), .index(0), .key("layout")], "disk",
            "replicas[0].stages[0].placements[1].shards[0].layout"),
        Fault(
            stage + [.key("placements"), .index(1), .key("shards"), .index(1), .key("computers"), .index(1), .key("from_tokens")], 1,
            "replicas[0].stages[0].placements[1].shards[1].computers[1]"),
        Fault(stage + [.key("key_values"), .index(0), .key("pool")], -1, "replicas[0].stages[0].key_values[0].pool"),
        Fault(stage + [.key("key_values"), .index(0), .key("computers")], [], "replicas[0].stages[0].key_values[0].computers"),
        Fault(stage + [.key("streams"), .index(0), .key("window")], -5, "replicas[0].stages[0].streams[0].window"),
        Fault(stage + [.key("streams"), .index(0), .key("slots")], 0, "replicas[0].stages[0].streams[0].slots"),
    ]

    @Test(arguments: faults) func faultsNameTheirField(fault: Fault) {
        let error = #expect(throws: FieldError.self) { try Self.read(Self.changed(fault.path, to: fault.value)) }
        #expect(error?.field == fault.field, "\(String(describing: error))")
    }

    /// A small file must not become a large plan: layers placed alike are one entry of the file only.
    @Test func layersOfAllStagesAreBounded() throws {
        let entry = #"{"module": "attention", "layers": [0, 100000], "shards": []}"#
        let stage = #"{"machine": 0, "layers": [0, 100000], "hidden_states": 0, "placements": [\#(entry)]}"#
        let whole = SamplePlan.plan.json
        let stages = JSON.array(Array(repeating: try JSON(parsing: stage), count: 11))
        let error = #expect(throws: FieldError.self) {
            try Self.read(Self.change(whole, [.key("replicas"), .index(0), .key("stages")], stages))
        }
        #expect(error?.message.contains("modules in all stages together") == true, "\(String(describing: error))")
    }
}
