/// The elements of a list or a tuple. Never changed once made, as the sandbox forbids it.
final class PythonList {
    let items: [PythonValue]
    let depth: Int
    /// Set on the pairs that `groupby` makes, which have names for their two elements.
    let isGroup: Bool

    init(_ items: [PythonValue], depth: Int, isGroup: Bool = false) {
        self.items = items
        self.depth = depth
        self.isGroup = isGroup
    }
}

/// The numbers from `start` by `step`, `count` of them.
struct PythonRange {
    let start: Int
    let stop: Int
    let step: Int
    let count: Int

    /// Nil where the count overflows or `step` is zero.
    init?(start: Int, stop: Int, step: Int) {
        guard step != 0 else { return nil }
        let (span, overflow) = step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
        guard !overflow, step != .min else { return nil }
        self.start = start
        self.stop = stop
        self.step = step
        count = span <= 0 ? 0 : (span - 1) / abs(step) + 1
    }

    private init() {
        (start, stop, step, count) = (0, 0, 1, 0)
    }

    static let empty = PythonRange()

    subscript(index: Int) -> Int { start + index * step }
}

/// `keys()`, `values()` or `items()` of a dictionary.
struct PythonView {
    enum Kind { case keys, values, items }

    let kind: Kind
    let dictionary: PythonDictionary

    var typeName: String {
        switch kind {
        case .keys: "dict_keys"
        case .values: "dict_values"
        case .items: "dict_items"
        }
    }

    var items: [PythonValue] {
        switch kind {
        case .keys: dictionary.keys
        case .values: dictionary.values
        case .items:
            dictionary.keys.indices.map { index in
                let pair = [dictionary.keys[index], dictionary.values[index]]
                return .tuple(PythonList(pair, depth: dictionary.depth))
            }
        }
    }
}

/// A sequence whose elements are worked out one by one, as they are asked for, and only once.
final class PythonIterator {
    let depth: Int
    private var step: (() throws(TemplateError) -> PythonValue?)?

    init(depth: Int, _ step: @escaping () throws(TemplateError) -> PythonValue?) {
        self.depth = depth
        self.step = step
    }

    func next() throws(TemplateError) -> PythonValue? {
        guard let step else { return nil }
        if let value = try step() { return value }
        self.step = nil
        return nil
    }

    /// Lets go of what the sequence reads from.
    func release() { step = nil }
}

/// What `namespace()` makes: the only value whose contents change.
final class PythonNamespace {
    var names: [PythonText] = []
    var values: [PythonText: PythonValue] = [:]

    func set(_ name: PythonText, _ value: PythonValue) {
        if values.updateValue(value, forKey: name) == nil { names.append(name) }
    }
}

/// A method together with the value it was taken from.
struct PythonMethod {
    /// Boxed, since a value cannot hold itself.
    final class Receiver {
        let value: PythonValue
        init(_ value: PythonValue) { self.value = value }
    }

    private let box: Receiver
    let name: String

    init(_ receiver: PythonValue, _ name: String) {
        box = Receiver(receiver)
        self.name = name
    }

    var receiver: PythonValue { box.value }
}

final class TemplateCycler {
    let items: PythonList
    var position = 0
    init(_ items: PythonList) { self.items = items }
}

final class TemplateJoiner {
    let separator: PythonValue
    var isUsed = false
    init(_ separator: PythonValue) { self.separator = separator }
}

/// Functions that every template may call.
enum TemplateGlobal: String, CaseIterable, Sendable {
    case range, dict, cycler, joiner, namespace, lipsum
    case raiseException = "raise_exception"
    case timeNow = "strftime_now"
}
