/// The variable `loop`: where a loop stands, looking one element ahead where it is asked to.
final class TemplateLoop {
    private let source: PythonValue
    private var iterator: PythonIterator
    /// The statement, for a loop that may be called with a sequence further down.
    let recursion: TemplateLoopStatement?
    let recursionEnvironment: TemplateEnvironment?
    let depth0: Int
    let depth: Int
    private(set) var index0 = -1
    private var knownLength: Int?
    private var ahead: PythonValue?
    private var isAhead = false
    private(set) var previous: PythonValue?
    private var current: PythonValue?
    private var lastChanged: PythonValue?

    init(
        over source: PythonValue, _ iterator: PythonIterator, recursion: TemplateLoopStatement? = nil,
        environment: TemplateEnvironment? = nil, depth0: Int = 0
    ) throws(TemplateError) {
        self.source = source
        self.iterator = iterator
        self.recursion = recursion
        recursionEnvironment = environment
        self.depth0 = depth0
        depth = max(source.depth, iterator.depth) + 1
        guard depth <= TemplateDepth.values else { throw .limit("values nest more than \(TemplateDepth.values) deep") }
    }

    /// Moves on to the next element.
    func advance(_ runtime: TemplateRuntime) throws(TemplateError) -> PythonValue? {
        let next = try peek()
        ahead = nil
        isAhead = false
        guard let next else { return nil }
        index0 += 1
        previous = current
        current = next
        return next
    }

    /// The next element without moving on, nil at the end.
    func peek() throws(TemplateError) -> PythonValue? {
        if !isAhead || ahead == nil {
            ahead = try iterator.next()
            isAhead = true
        }
        return ahead
    }

    func length(_ runtime: TemplateRuntime) throws(TemplateError) -> Int {
        if let knownLength { return knownLength }
        let length: Int
        if case .iterator = source {
            let rest = try runtime.elements(of: .iterator(iterator))
            iterator = try runtime.iterator(over: try runtime.list(rest))
            length = rest.count + index0 + 1 + (ahead == nil ? 0 : 1)
        } else {
            length = try runtime.length(of: source)
        }
        knownLength = length
        return length
    }

    func attribute(_ name: PythonText, _ runtime: TemplateRuntime) throws(TemplateError) -> PythonValue? {
        switch name.string {
        case "index": return .integer(index0 + 1)
        case "index0": return .integer(index0)
        case "first": return .bool(index0 == 0)
        case "last": return .bool(try peek() == nil)
        case "length": return .integer(try length(runtime))
        case "revindex": return .integer(try length(runtime) - index0)
        case "revindex0": return .integer(try length(runtime) - index0 - 1)
        case "depth": return .integer(depth0 + 1)
        case "depth0": return .integer(depth0)
        case "previtem":
            return index0 == 0 ? .undefined(hint: "there is no previous item") : previous ?? .undefined(hint: "there is no previous item")
        case "nextitem": return try peek() ?? .undefined(hint: "there is no next item")
        case "cycle", "changed": return .method(PythonMethod(.loop(self), name.string))
        default: return nil
        }
    }

    func call(_ method: String, _ arguments: [PythonValue], _ runtime: TemplateRuntime) throws(TemplateError) -> PythonValue {
        if method == "cycle" {
            guard !arguments.isEmpty else { throw .runtime("no items for cycling given") }
            return arguments[max(0, index0) % arguments.count]
        }
        let value = try runtime.tuple(arguments)
        if let lastChanged, try runtime.isEqual(lastChanged, value) { return .bool(false) }
        lastChanged = value
        return .bool(true)
    }
}
