/// A value of the template language: what Python would hold at the same point of the same template.
enum PythonValue {
    /// A variable not yet set. Never visible to an expression.
    case missing
    case undefined(PythonUndefined)
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case text(PythonText)
    /// Text that the filters `safe` and `escape` made: other text is escaped before it is joined to it.
    case markup(PythonText)
    case list(PythonList)
    case tuple(PythonList)
    case dictionary(PythonDictionary)
    case view(PythonView)
    case range(PythonRange)
    case iterator(PythonIterator)
    case namespace(PythonNamespace)
    case loop(TemplateLoop)
    case macro(TemplateMacro)
    case method(PythonMethod)
    case global(TemplateGlobal)
    case cycler(TemplateCycler)
    case joiner(TemplateJoiner)
    case block(String)
    case blocks

    static var zero: PythonValue { .integer(0) }
    static func string(_ string: String) -> PythonValue { .text(PythonText(string)) }
}

/// The absence of a value, with what is needed to say why.
struct PythonUndefined {
    enum Reason {
        case name(String)
        case attribute(type: String, name: String)
        case element(type: String, element: String)
        case hint(String)
        case unsafe(type: String, name: String)
    }

    let reason: Reason

    var error: TemplateError {
        switch reason {
        case .name(let name): .runtime("'\(name)' is undefined")
        case .attribute(let type, let name): .runtime("'\(type) object' has no attribute '\(name)'")
        case .element(let type, let element): .runtime("\(type) object has no element \(element)")
        case .hint(let hint): .runtime(hint)
        case .unsafe(let type, let name): TemplateError(.security, "access to attribute '\(name)' of '\(type)' object is unsafe")
        }
    }
}

extension PythonValue {
    static func undefined(hint: String) -> PythonValue { .undefined(PythonUndefined(reason: .hint(hint))) }

    /// How deep values nest in this one. Containers refuse contents deeper than `TemplateDepth.values`.
    var depth: Int {
        switch self {
        case .list(let list), .tuple(let list): list.depth
        case .dictionary(let dictionary): dictionary.depth
        case .view(let view): view.dictionary.depth + 1
        case .iterator(let iterator): iterator.depth
        case .loop(let loop): loop.depth
        case .method(let method): method.receiver.depth + 1
        case .cycler(let cycler): cycler.items.depth + 1
        case .joiner(let joiner): joiner.separator.depth + 1
        default: 0
        }
    }

    /// The name of the Python type, for messages.
    var typeName: String {
        switch self {
        case .missing, .undefined: "Undefined"
        case .none: "None"
        case .bool: "bool"
        case .integer: "int"
        case .float: "float"
        case .text: "str"
        case .markup: "Markup"
        case .list: "list"
        case .tuple: "tuple"
        case .dictionary: "dict"
        case .view(let view): view.typeName
        case .range: "range"
        case .iterator: "generator"
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .macro: "Macro"
        case .method: "builtin_function_or_method"
        case .global: "function"
        case .cycler: "Cycler"
        case .joiner: "Joiner"
        case .block: "BlockReference"
        case .blocks: "TemplateReference"
        }
    }

    /// The text of a string, marked or not.
    var text: PythonText? {
        switch self {
        case .text(let text), .markup(let text): text
        default: nil
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { return true }
        return false
    }

    var isNone: Bool {
        if case .none = self { return true }
        return false
    }

    /// The value of an integer or a truth value.
    var integer: Int? {
        switch self {
        case .integer(let value): value
        case .bool(let value): value ? 1 : 0
        default: nil
        }
    }

    /// The value of any number.
    var double: Double? {
        switch self {
        case .float(let value): value
        case .integer(let value): Double(value)
        case .bool(let value): value ? 1 : 0
        default: nil
        }
    }

    /// Whether two values are the same object: `is` in Python. Small integers and texts are taken as interned.
    func isIdentical(to other: PythonValue) -> Bool {
        switch (self, other) {
        case (.none, .none): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.float(let left), .float(let right)): left == right
        case (.text(let left), .text(let right)): left == right
        case (.list(let left), .list(let right)): left === right
        case (.tuple(let left), .tuple(let right)): left === right || left.items.isEmpty && right.items.isEmpty
        case (.dictionary(let left), .dictionary(let right)): left === right
        case (.iterator(let left), .iterator(let right)): left === right
        case (.namespace(let left), .namespace(let right)): left === right
        case (.loop(let left), .loop(let right)): left === right
        case (.macro(let left), .macro(let right)): left === right
        case (.cycler(let left), .cycler(let right)): left === right
        case (.joiner(let left), .joiner(let right)): left === right
        case (.global(let left), .global(let right)): left == right
        default: false
        }
    }
}
