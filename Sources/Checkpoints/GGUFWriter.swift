/// Writes small GGUF files (version 3), for tools and tests. The whole file is built in memory.
public struct GGUFWriter {
    public var version: UInt32 = 3
    public var alignment = GGUFFile.defaultAlignment
    private var metadata: [(key: String, value: GGUFValue)] = []
    private var tensors: [(name: String, shape: [Int], type: UInt32, data: [UInt8])] = []

    public init() {}

    public mutating func set(_ key: String, _ value: GGUFValue) { metadata.append((key, value)) }

    /// - Parameters:
    ///   - shape: outermost dimension first.
    ///   - data: the elements as the format stores them.
    public mutating func add(_ name: String, shape: [Int], format: TensorFormat, data: [UInt8]) {
        add(name, shape: shape, type: format.rawValue, data: data)
    }

    public mutating func add(_ name: String, shape: [Int], type: UInt32, data: [UInt8]) { tensors.append((name, shape, type, data)) }

    public func bytes() -> [UInt8] {
        var file = GGUFFile.magic
        file.append(littleEndian: version)
        file.append(littleEndian: UInt64(tensors.count))
        file.append(littleEndian: UInt64(metadata.count))
        for (key, value) in metadata {
            file.append(counted: key)
            file.append(littleEndian: value.type.rawValue)
            file.append(value)
        }
        var offset = 0
        for (name, shape, type, data) in tensors {
            file.append(counted: name)
            file.append(littleEndian: UInt32(shape.count))
            for dimension in shape.reversed() { file.append(littleEndian: UInt64(dimension)) }
            file.append(littleEndian: type)
            file.append(littleEndian: UInt64(offset))
            offset += aligned(data.count)
        }
        for (_, _, _, data) in tensors {
            file.append(contentsOf: repeatElement(0, count: aligned(file.count) - file.count))
            file.append(contentsOf: data)
        }
        file.append(contentsOf: repeatElement(0, count: aligned(file.count) - file.count))
        return file
    }

    private func aligned(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }
}

extension [UInt8] {
    fileprivate mutating func append(counted string: String) {
        append(littleEndian: UInt64(string.utf8.count))
        append(contentsOf: string.utf8)
    }

    fileprivate mutating func append(_ value: GGUFValue) {
        switch value {
        case .uint8(let value): append(littleEndian: value)
        case .int8(let value): append(littleEndian: value)
        case .uint16(let value): append(littleEndian: value)
        case .int16(let value): append(littleEndian: value)
        case .uint32(let value): append(littleEndian: value)
        case .int32(let value): append(littleEndian: value)
        case .uint64(let value): append(littleEndian: value)
        case .int64(let value): append(littleEndian: value)
        case .float32(let value): append(littleEndian: value.bitPattern)
        case .float64(let value): append(littleEndian: value.bitPattern)
        case .bool(let value): append(value ? 1 : 0)
        case .string(let value): append(counted: value)
        case .array(let array):
            append(littleEndian: array.elementType.rawValue)
            append(littleEndian: UInt64(array.count))
            append(contentsOf: array.bytes)
        }
    }
}
