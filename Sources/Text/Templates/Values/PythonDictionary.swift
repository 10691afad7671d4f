/// A dictionary in order of insertion, never changed once made.
final class PythonDictionary {
    let keys: [PythonValue]
    let values: [PythonValue]
    let depth: Int
    private let positions: [PythonKey: Int]

    /// Takes unique keys.
    fileprivate init(keys: [PythonValue], values: [PythonValue], positions: [PythonKey: Int], depth: Int) {
        self.keys = keys
        self.values = values
        self.positions = positions
        self.depth = depth
    }

    var count: Int { keys.count }

    subscript(key: PythonKey) -> PythonValue? { positions[key].map { values[$0] } }
    subscript(text: PythonText) -> PythonValue? { self[.text(text)] }
}

/// Collects the members of a dictionary. A repeated key keeps its place and takes the later value.
struct PythonDictionaryBuilder {
    private var keys: [PythonValue] = []
    private var values: [PythonValue] = []
    private var positions: [PythonKey: Int] = [:]
    private var depth = 0

    var count: Int { keys.count }

    mutating func set(_ key: PythonValue, _ value: PythonValue) throws(TemplateError) {
        set(try PythonKey(key), key, value)
    }

    mutating func set(_ text: PythonText, _ value: PythonValue) { set(.text(text), .text(text), value) }

    private mutating func set(_ hashed: PythonKey, _ key: PythonValue, _ value: PythonValue) {
        depth = max(depth, key.depth, value.depth)
        if let position = positions[hashed] {
            values[position] = value
        } else {
            positions[hashed] = keys.count
            keys.append(key)
            values.append(value)
        }
    }

    mutating func merge(_ other: PythonDictionary) throws(TemplateError) {
        for (key, value) in zip(other.keys, other.values) { try set(key, value) }
    }

    func build() throws(TemplateError) -> PythonDictionary {
        guard depth < TemplateDepth.values else {
            throw .limit("values nest more than \(TemplateDepth.values) deep")
        }
        return PythonDictionary(keys: keys, values: values, positions: positions, depth: depth + 1)
    }
}

/// A value as a key: equal where Python finds the values equal and hashes them alike, so `1`, `1.0` and `true` are one key.
enum PythonKey: Hashable {
    case none
    case undefined
    case integer(Int)
    case float(Double)
    case text(PythonText)
    case tuple([PythonKey])
    case object(ObjectIdentifier)
    case global(TemplateGlobal)

    init(_ value: PythonValue) throws(TemplateError) {
        switch value {
        case .none: self = .none
        case .undefined: self = .undefined
        case .bool(let value): self = .integer(value ? 1 : 0)
        case .integer(let value): self = .integer(value)
        case .float(let value): self = Int(exactly: value).map { .integer($0) } ?? .float(value)
        case .text(let text), .markup(let text): self = .text(text)
        case .tuple(let tuple):
            var keys: [PythonKey] = []
            for item in tuple.items { keys.append(try PythonKey(item)) }
            self = .tuple(keys)
        case .range(let range): self = .tuple([.integer(range.count), .integer(range.start), .integer(range.step)])
        case .iterator(let object): self = .object(ObjectIdentifier(object))
        case .namespace(let object): self = .object(ObjectIdentifier(object))
        case .loop(let object): self = .object(ObjectIdentifier(object))
        case .macro(let object): self = .object(ObjectIdentifier(object))
        case .cycler(let object): self = .object(ObjectIdentifier(object))
        case .joiner(let object): self = .object(ObjectIdentifier(object))
        case .global(let global): self = .global(global)
        case .missing, .list, .dictionary, .view, .method, .block, .blocks:
            throw .runtime("unhashable type: '\(value.typeName)'")
        }
    }
}
