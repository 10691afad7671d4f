/// An array of a GGUF file's metadata, left where it is in the file: a vocabulary of 256 thousand tokens costs no strings until asked for.
///
/// Lengths were checked when the file was opened. Elements are never arrays.
public struct GGUFArray: Sendable {
    public let elementType: GGUFValueType
    public let count: Int
    /// Holds the bytes; `range` is where the elements are in it.
    let file: MappedFile
    let range: Range<Int>

    init(elementType: GGUFValueType, count: Int, file: MappedFile, range: Range<Int>) {
        self.elementType = elementType
        self.count = count
        self.file = file
        self.range = range
    }

    /// The elements as stored.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: file.bytes[range]) }

    /// Visits each string's bytes in order, without checking that they are UTF-8; nothing where the elements are not strings.
    public func forEachString<Failure: Error>(_ body: (_ index: Int, _ bytes: UnsafeRawBufferPointer) throws(Failure) -> Void)
        throws(Failure)
    {
        guard elementType == .string else { return }
        var reader = ByteReader(bytes)
        for index in 0..<count {
            guard let string = reader.takeString() else { return }
            try body(index, string)
        }
    }

    /// All strings; nil where the elements are not strings, or one is not UTF-8.
    public func strings() -> [String]? {
        guard elementType == .string else { return nil }
        var result: [String] = []
        result.reserveCapacity(count)
        forEachString { _, bytes in
            if let string = String(validating: bytes, as: UTF8.self) { result.append(string) }
        }
        return result.count == count ? result : nil
    }

    /// All elements as integers; nil where the elements are of another type, or one does not fit.
    public func integers() -> [Int]? {
        switch elementType {
        case .uint8: map(UInt8.self) { Int($0) }
        case .int8: map(Int8.self) { Int($0) }
        case .uint16: map(UInt16.self) { Int($0) }
        case .int16: map(Int16.self) { Int($0) }
        case .uint32: map(UInt32.self) { Int($0) }
        case .int32: map(Int32.self) { Int($0) }
        case .uint64: map(UInt64.self) { Int(exactly: $0) }
        case .int64: map(Int64.self) { Int($0) }
        case .float32, .float64, .bool, .string, .array: nil
        }
    }

    /// All elements as single-precision numbers (the scores of a vocabulary); nil where the elements are not numbers.
    public func floats() -> [Float]? {
        switch elementType {
        case .float32: map(UInt32.self) { Float(bitPattern: $0) }
        case .float64: map(UInt64.self) { Float(Double(bitPattern: $0)) }
        case .bool, .string, .array: nil
        default: integers().map { $0.map(Float.init) }
        }
    }

    public func bools() -> [Bool]? {
        elementType == .bool ? map(UInt8.self) { $0 != 0 } : nil
    }

    private func map<Stored: FixedWidthInteger, Value>(_: Stored.Type, _ convert: (Stored) -> Value?) -> [Value]? {
        var reader = ByteReader(bytes)
        var result: [Value] = []
        result.reserveCapacity(count)
        for _ in 0..<count {
            guard let stored = reader.read(Stored.self), let value = convert(stored) else { return nil }
            result.append(value)
        }
        return result
    }
}

extension GGUFArray {
    /// An array that is in no file yet, for writing one.
    public init(strings: [String]) {
        var contents: [UInt8] = []
        for string in strings {
            contents.append(littleEndian: UInt64(string.utf8.count))
            contents.append(contentsOf: string.utf8)
        }
        self.init(elementType: .string, count: strings.count, contents: contents)
    }

    public init(integers: [Int32]) {
        var contents: [UInt8] = []
        for integer in integers { contents.append(littleEndian: integer) }
        self.init(elementType: .int32, count: integers.count, contents: contents)
    }

    public init(floats: [Float]) {
        var contents: [UInt8] = []
        for float in floats { contents.append(littleEndian: float.bitPattern) }
        self.init(elementType: .float32, count: floats.count, contents: contents)
    }

    private init(elementType: GGUFValueType, count: Int, contents: [UInt8]) {
        self.init(
            elementType: elementType, count: count, file: MappedFile(contents: contents, name: "an array in memory"),
            range: 0..<contents.count)
    }
}

extension [UInt8] {
    mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
