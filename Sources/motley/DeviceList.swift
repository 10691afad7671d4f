import Engine
import JSON
import Plans

/// `motley run --list-devices`: what plans can use here, by the names that `--device`, `--pin` and plans have for it.
struct DeviceList {
    private struct Row {
        var name: String
        var kind: String
        var memoryBytes: Int
        var threads: Int?
    }

    private var rows: [Row] = []

    init(_ execution: ExecutionOptions) {
        let emulated = execution.limits.emulate.map(\.emulation)
        let inventory = Inventory.local(threads: execution.threadCount, emulated: emulated)
        for device in inventory.devices {
            let memory = inventory.memories.first { $0.id == device.memory }
            rows.append(
                Row(
                    name: device.key, kind: device.kind == .cpu ? "cpu" : "emulated", memoryBytes: memory?.capacity ?? 0,
                    threads: device.threads))
        }
    }

    func print(json: Bool) {
        if json {
            let list = rows.map { row in
                var members: [JSONObject.Element] = [
                    (key: "name", value: .string(row.name)), (key: "kind", value: .string(row.kind)),
                    (key: "memory_bytes", value: .integer(row.memoryBytes)),
                ]
                if let threads = row.threads { members.append((key: "threads", value: .integer(threads))) }
                return JSON.object(JSONObject(members))
            }
            Console.outputLine(JSON.array(list).serialized())
        } else {
            for row in rows {
                Console.outputLine(
                    "\(row.name)  \(row.kind)  \(Size.text(row.memoryBytes)) of memory\(row.threads.map { ", \($0) threads" } ?? "")")
            }
        }
    }
}
