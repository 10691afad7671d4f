import JSON

/// Writes small safetensors files, for tools and tests. The whole file is built in memory.
public struct SafetensorsWriter {
    private var entries: [(name: String, type: String, shape: [Int], data: [UInt8])] = []

    public init() {}

    /// - Parameter type: the format's own word, for example `F32`.
    public mutating func add(_ name: String, shape: [Int], type: String, data: [UInt8]) { entries.append((name, type, shape, data)) }

    public func bytes() -> [UInt8] {
        var header = JSONObject()
        var offset = 0
        for (name, type, shape, data) in entries {
            header[name] = [
                "dtype": .string(type), "shape": .array(shape.map(JSON.integer)),
                "data_offsets": [.integer(offset), .integer(offset + data.count)],
            ]
            offset += data.count
        }
        var text = Array(JSON.object(header).serialized().utf8)
        text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - text.count % 8) % 8))
        var file: [UInt8] = []
        file.append(littleEndian: UInt64(text.count))
        file.append(contentsOf: text)
        for entry in entries { file.append(contentsOf: entry.data) }
        return file
    }
}
