/// The metadata of a GGUF file: keys in the file's order, with typed access.
///
/// Accessors give nil where the key is absent and an error that names the key where its value is of another type.
public struct GGUFMetadata: Sendable {
    /// Path for error messages.
    public let file: String
    public private(set) var keys: [String] = []
    private var values: [String: GGUFValue] = [:]

    public init(file: String) { self.file = file }

    public subscript(key: String) -> GGUFValue? { values[key] }

    /// False where the key is there already.
    mutating func insert(_ key: String, _ value: GGUFValue) -> Bool {
        guard values.updateValue(value, forKey: key) == nil else { return false }
        keys.append(key)
        return true
    }

    public func integer(_ key: String) throws(CheckpointError) -> Int? { try typed(key, "an integer", \.integer) }
    public func number(_ key: String) throws(CheckpointError) -> Double? { try typed(key, "a number", \.number) }
    public func bool(_ key: String) throws(CheckpointError) -> Bool? { try typed(key, "a boolean", \.bool) }
    public func string(_ key: String) throws(CheckpointError) -> String? { try typed(key, "a string", \.string) }
    public func array(_ key: String) throws(CheckpointError) -> GGUFArray? { try typed(key, "an array", \.array) }

    public func strings(_ key: String) throws(CheckpointError) -> [String]? {
        guard let array = try array(key) else { return nil }
        guard let strings = array.strings() else { throw mismatch(key, "an array of UTF-8 strings") }
        return strings
    }

    public func integers(_ key: String) throws(CheckpointError) -> [Int]? {
        guard let array = try array(key) else { return nil }
        guard let integers = array.integers() else { throw mismatch(key, "an array of integers") }
        return integers
    }

    public func floats(_ key: String) throws(CheckpointError) -> [Float]? {
        guard let array = try array(key) else { return nil }
        guard let floats = array.floats() else { throw mismatch(key, "an array of numbers") }
        return floats
    }

    private func typed<Value>(_ key: String, _ expected: String, _ get: (GGUFValue) -> Value?) throws(CheckpointError) -> Value? {
        guard let value = values[key] else { return nil }
        guard let result = get(value) else { throw mismatch(key, expected) }
        return result
    }

    private func mismatch(_ key: String, _ expected: String) -> CheckpointError {
        let found =
            switch values[key] {
            case .array(let array): "array of \(array.elementType)"
            case .some(let value): "\(value.type)"
            case nil: "nothing"
            }
        return CheckpointError(
            .malformed, file: file, subject: "key " + CheckpointError.quote(key), fault: "expected \(expected), found \(found)")
    }
}
