import Checkpoints
public import JSON

extension Profile {
    /// The profile with every figure spelled out in base units; read back it gives an equal value.
    public var json: JSON {
        [
            "version": .integer(Self.currentVersion), "name": .string(name), "machines": .array(machines.map(\.json)),
            "links": [
                "default": network.standard.json,
                "between": .array(
                    network.exceptions.map {
                        [
                            "machines": [.string(machines[$0.first].name), .string(machines[$0.second].name)],
                            "bandwidth": .number($0.link.bytesPerSecond), "latency": .number($0.link.latency),
                        ]
                    }),
            ],
        ]
    }

    /// 64-bit FNV-1a of the JSON form: plans carry it so that a plan made for other hardware is noticed.
    public var fingerprint: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in json.serialized().utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension MachineProfile {
    var json: JSON {
        var fields: [JSONObject.Element] = [("name", .string(name)), ("memory", memory.json)]
        if let cpu = devices.first(where: { $0.kind == .cpu }) { fields.append(("cpu", cpu.json)) }
        fields.append(("devices", .array(devices.filter { $0.kind != .cpu }.map(\.json))))
        fields.append(
            (
                "disks",
                .array(
                    disks.map {
                        [
                            "name": .string($0.name), "capacity": .integer($0.capacity), "read": .number($0.readBytesPerSecond),
                            "write": .number($0.writeBytesPerSecond), "source": .string($0.source),
                        ]
                    })
            ))
        if let pricePerHour { fields.append(("price_per_hour", .number(pricePerHour))) }
        fields.append(("step_overhead", .number(stepOverhead)))
        if let topology { fields.append(("topology", topology.json)) }
        if let measurement { fields.append(("measured", measurement.json)) }
        return .object(JSONObject(fields))
    }
}

extension MemoryProfile {
    var json: JSON {
        var fields: [JSONObject.Element] = [
            ("capacity", .integer(capacity)), ("bandwidth", .number(bytesPerSecond)), ("reserved", .integer(reserved)),
        ]
        if !byThreads.isEmpty {
            fields.append(("by_threads", .array(byThreads.map { [.integer($0.threads), .number($0.bytesPerSecond)] })))
        }
        return .object(JSONObject(fields))
    }
}

extension LinkProfile {
    var json: JSON { ["bandwidth": .number(bytesPerSecond), "latency": .number(latency)] }
}

extension DeviceProfile {
    var json: JSON {
        var fields: [JSONObject.Element] = [
            ("name", .string(name)), ("bandwidth", .number(readBytesPerSecond)),
            ("operations", ["f32": .number(operations.single), "f16": .number(operations.half), "i8": .number(operations.integer)]),
            ("attention_operations", .number(attentionOperations)), ("launch", .number(launch)), ("origin", .string(origin.rawValue)),
            ("source", .string(source)),
        ]
        if let key { fields.append(("key", .string(key))) }
        if let memory { fields.append(("memory", memory.json)) }
        if let link {
            fields.append(
                ("link", ["to_device": .number(link.toDevice), "from_device": .number(link.fromDevice), "latency": .number(link.latency)]))
        }
        if let peer { fields.append(("peer", peer.json)) }
        if let pricePerHour { fields.append(("price_per_hour", .number(pricePerHour))) }
        if !rates.isEmpty {
            let tables = rates.sorted { $0.key.rawValue < $1.key.rawValue }.map { format, table -> JSONObject.Element in
                (format.name.lowercased(), table.json)
            }
            fields.append(("rates", .object(JSONObject(tables))))
        }
        if !attentionRates.isEmpty {
            let tables = attentionRates.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                ($0.key.rawValue, $0.value.json) as JSONObject.Element
            }
            fields.append(("attention_rates", .object(JSONObject(tables))))
        }
        if let attentionBytesPerSecond { fields.append(("attention_bandwidth", .number(attentionBytesPerSecond))) }
        if let vectorRates { fields.append(("vector_rates", vectorRates.json)) }
        return .object(JSONObject(fields))
    }
}

extension RateTable {
    var json: JSON { .array(points.map { [.number($0.tokens), .number($0.operationsPerSecond)] }) }
}
