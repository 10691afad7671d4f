import Checkpoints
import Engine
import Models
import Plans

/// A measured profile as people read it.
struct ProfileTable {
    private let profile: Profile

    init(_ profile: Profile) { self.profile = profile }

    var text: String { profile.machines.map { lines(of: $0).joined(separator: "\n") }.joined(separator: "\n\n") + "\n" }

    private func lines(of machine: MachineProfile) -> [String] {
        var lines: [String] = []
        if let measured = machine.measurement {
            lines.append(
                "\(machine.name), measured \(measured.date) in \(Size.decimal(measured.seconds, 1)) s with "
                    + "\(Self.count(measured.threads, "thread"))"
            )
            lines.append("")
        }
        func row(_ name: String, _ text: String) { lines.append(Self.pad(name, 12) + text) }
        if let topology = machine.topology { lines += Self.topology(topology, machine: machine) }
        if !machine.memory.byThreads.isEmpty {
            row(
                "reads",
                machine.memory.byThreads.map { "\(Self.count($0.threads, "thread")) \(Self.giga($0.bytesPerSecond)) GB/s" }.joined(
                    separator: ", "))
        }
        for disk in machine.disks {
            row(
                "disk",
                "reads \(Self.giga(disk.readBytesPerSecond)) GB/s, writes \(Self.giga(disk.writeBytesPerSecond)) GB/s, "
                    + "\(Size.decimal(Double(disk.capacity) / 1e9, 1)) GB free"
            )
            if !disk.source.isEmpty { row("", disk.source) }
        }
        for device in machine.devices { lines += Self.device(device, machine: machine) }
        if let measured = machine.measurement {
            if !measured.unmeasured.isEmpty || !measured.notes.isEmpty { lines.append("") }
            for seen in measured.unmeasured { row("seen", "\(seen): not measured yet, not part of the profile") }
            for note in measured.notes { row("note", note) }
        }
        return lines
    }

    private static func topology(_ topology: MachineTopology, machine: MachineProfile) -> [String] {
        var processor =
            "\(topology.processor): \(count(topology.sockets, "socket")), \(count(topology.cores, "core")), "
            + "\(count(topology.threads, "thread"))"
        if topology.usableThreads < topology.threads {
            processor += "; this process may use \(count(topology.usableCores, "core")), \(count(topology.usableThreads, "thread"))"
        }
        if let limit = topology.processorLimit { processor += "; \(Size.decimal(limit, 2)) processors' time at most" }
        var lines = [pad("processor", 12) + processor]
        if let measured = machine.measurement { lines.append(pad("kernels", 12) + measured.instructionSet) }
        if !topology.caches.isEmpty {
            let caches = topology.caches.map { cache -> String in
                let kind = cache.kind == .data ? "d" : cache.kind == .instruction ? "i" : ""
                let size = cache.bytes >= 1 << 20 ? "\(cache.bytes >> 20) MiB" : "\(cache.bytes >> 10) KiB"
                return "L\(cache.level)\(kind) \(cache.instances > 1 ? "\(cache.instances) x " : "")\(size)"
            }
            lines.append(pad("caches", 12) + caches.joined(separator: ", "))
        }
        var memory = "\(gibi(topology.memoryTotal)) GiB"
        if let limit = topology.memoryLimit { memory += ", \(gibi(limit)) GiB of it for this container" }
        memory += ", \(gibi(topology.memoryAvailable)) GiB free"
        if topology.nodes.count > 1 {
            memory +=
                "; NUMA nodes "
                + topology.nodes.map { "\(gibi($0.memory)) GiB with \(count($0.threads, "thread"))" }.joined(separator: ", ")
        }
        return lines + [pad("memory", 12) + memory]
    }

    private static func device(_ device: DeviceProfile, machine: MachineProfile) -> [String] {
        var lines: [String] = [""]
        lines.append("products on \(device.name), GOP/s by tokens of a step")
        let known = TensorFormat.allCases.filter { device.rates[$0] != nil }
        // Every format has its bends; the table shows what they share.
        let columns = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048].map(Double.init).filter { tokens in
            known.contains { device.rates[$0]?.points.contains { $0.tokens == tokens } ?? false }
        }
        var rows = [["format"] + columns.map { Size.decimal($0, 0) } + ["GB/s at 1"]]
        for format in known {
            guard let table = device.rates[format] else { continue }
            let single = table.operationsPerSecond(tokens: 1) / 2 * format.bytesPerElement
            rows.append(
                [format.name] + columns.map { tokens in cell(table, tokens) } + [giga(single)])
        }
        if known.isEmpty { rows = [] }
        lines += aligned(rows)
        let formats = KeyValueFormat.allCases.filter { device.attentionRates[$0] != nil }
        if !formats.isEmpty {
            lines += ["", "attention, GOP/s by query rows per key (heads per KV head x tokens)"]
            let counts = Set(formats.flatMap { device.attentionRates[$0]?.points.map(\.tokens) ?? [] }).sorted()
            rows = [["KV cache"] + counts.map { Size.decimal($0, 0) }]
            for format in formats {
                guard let table = device.attentionRates[format] else { continue }
                rows.append([format.rawValue] + counts.map { cell(table, $0) })
            }
            lines += aligned(rows)
            if let read = device.attentionBytesPerSecond { lines.append("keys and values are read at \(giga(read)) GB/s") }
        }
        lines.append("")
        var overhead = "a kernel starts in \(micro(device.launch)) us, a step in \(micro(machine.stepOverhead)) us"
        if let vectors = device.vectorRates, let last = vectors.points.last {
            overhead += "; norms, rounding and activations \(giga(vectors.operationsPerSecond(tokens: 1))) G elements/s for 1 token, "
            overhead += "\(giga(last.operationsPerSecond)) for \(Size.decimal(last.tokens, 0))"
        }
        lines.append(pad("overhead", 12) + overhead)
        return lines
    }

    /// A measured figure, or an interpolated one in parentheses.
    private static func cell(_ table: RateTable, _ tokens: Double) -> String {
        let rate = table.operationsPerSecond(tokens: tokens) / 1e9
        let text = Size.decimal(rate, rate < 10 ? 1 : 0)
        return table.points.contains { $0.tokens == tokens } ? text : "(\(text))"
    }

    private static func aligned(_ rows: [[String]]) -> [String] {
        guard let first = rows.first else { return [] }
        let widths = first.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.indices.map { $0 == 0 ? pad(row[$0], widths[$0]) : String(repeating: " ", count: widths[$0] - row[$0].count) + row[$0] }
                .joined(separator: "  ")
        }
    }

    private static func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
    private static func count(_ number: Int, _ word: String) -> String { "\(number) \(word)\(number == 1 ? "" : "s")" }
    private static func gibi(_ bytes: Int) -> String { Size.decimal(Double(bytes) / 1_073_741_824, 1) }
    private static func giga(_ rate: Double) -> String { Size.decimal(rate / 1e9, rate < 1e10 ? 2 : 1) }
    private static func micro(_ seconds: Double) -> String { Size.decimal(seconds * 1e6, 1) }
}
