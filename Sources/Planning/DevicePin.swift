import Models
import Plans

/// A pin with its device found: these layers' weights live in the device's own memory (a processor's: host memory), and no other device
/// multiplies them.
struct DevicePin {
    var layers: ClosedRange<Int>
    /// Index of the hardware.
    var device: Int
    var text: String

    /// What of a plan does not keep the pin, in words; nil: it is kept.
    func violation(_ replicas: [ReplicaLayout], _ hardware: Hardware) -> String? {
        let home = hardware.devices[device].memory
        for span in replicas.lazy.flatMap({ $0.stages.lazy.flatMap(\.spans) }) where span.layers.overlaps(Range(layers)) {
            for shard in span.placement.shards {
                if shard.home.rawValue == home, shard.computers.allSatisfy({ $0.device.rawValue == device }) { continue }
                return "\"pin \(text)\" is not kept in layer \(max(span.layers.lowerBound, layers.lowerBound))"
            }
        }
        return nil
    }
}

extension Problem {
    /// Pins with their devices and the layers' bytes; pins that cannot be kept whatever the plan are refused, with what stands against
    /// them.
    static func pins(_ constraints: Constraints, _ hardware: Hardware, _ shape: ModelShape) throws(ConstraintError) -> [DevicePin] {
        var pins: [DevicePin] = []
        for pin in constraints.pins {
            guard pin.layers.upperBound < shape.layerCount else {
                throw ConstraintError(message: "\"pin \(pin.text)\": the model has layers 0 to \(shape.layerCount - 1)")
            }
            // Whether the device exists and may be used was checked with the hardware.
            guard let device = hardware.devices.firstIndex(where: { $0.label == pin.device }) else { continue }
            pins.append(DevicePin(layers: pin.layers, device: device, text: pin.text))
        }
        for device in Set(pins.map(\.device)).sorted() {
            let here = pins.filter { $0.device == device }
            var layers: Set<Int> = []
            for pin in here { layers.formUnion(pin.layers) }
            let bytes = layers.reduce(0.0) { $0 + Double(shape.layer($1).elements) } * shape.bytesPerElement
            let memory = hardware.memories[hardware.devices[device].memory]
            guard bytes > Double(memory.capacity) else { continue }
            let named = here.map { "\"pin \($0.text)\"" }.joined(separator: " and ")
            let needed =
                "the layers' weights take \(Text.bytes(Int(min(9e18, bytes)))), \(memory.label) has room for \(Text.bytes(memory.capacity))"
            if let limit = constraints.limits.filter({ $0.names(memory) }).min(by: { $0.bytes < $1.bytes }), limit.bytes <= memory.capacity
            {
                throw ConstraintError(message: "\(named) and \"limit \(limit.text)\" contradict each other: \(needed)")
            }
            throw ConstraintError(message: "\(named) cannot be kept: \(needed)")
        }
        return pins
    }

    /// The model's layers cut at the pins: what is pinned with its device, and what lies between.
    func segments() -> [(layers: Range<Int>, device: Int?)] {
        var result: [(layers: Range<Int>, device: Int?)] = []
        var next = 0
        for pin in pins.sorted(by: { $0.layers.lowerBound < $1.layers.lowerBound }) {
            let first = max(next, pin.layers.lowerBound), last = pin.layers.upperBound + 1
            if first > next { result.append((next..<first, nil)) }
            if last > first { result.append((first..<last, pin.device)) }
            next = max(next, last)
        }
        if next < shape.layerCount { result.append((next..<shape.layerCount, nil)) }
        return result
    }

    /// The device that a layer is pinned to.
    func pinnedDevice(_ layer: Int) -> Int? { pins.first { $0.layers.contains(layer) }?.device }

    /// Resident stages for devices in the order of layers; neighbours on one device become one stage.
    func residentStages(_ parts: [(device: Int, layers: Range<Int>)]) -> [StageDraft] {
        var joined: [(device: Int, layers: Range<Int>)] = []
        for part in parts where !part.layers.isEmpty {
            if let last = joined.last, last.device == part.device {
                joined[joined.count - 1].layers = last.layers.lowerBound..<part.layers.upperBound
            } else {
                joined.append(part)
            }
        }
        return joined.map { residentStage([$0.device], layers: $0.layers) }
    }
}
