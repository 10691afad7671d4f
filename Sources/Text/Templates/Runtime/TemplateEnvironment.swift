/// The variables of one call of one of a template's functions.
final class TemplateEnvironment {
    var slots: [PythonValue]
    let parent: TemplateEnvironment?
    /// Whether a macro refers to this environment, which may then outlive the call.
    var isCaptured = false

    init(slotCount: Int, parent: TemplateEnvironment?) {
        slots = Array(repeating: .missing, count: slotCount)
        self.parent = parent
    }
}

/// A macro, or the body of a call block, with the variables around its definition.
final class TemplateMacro {
    let function: TemplateFunction
    let environment: TemplateEnvironment

    init(_ function: TemplateFunction, _ environment: TemplateEnvironment) {
        self.function = function
        self.environment = environment
    }
}

/// Arguments of a call, a filter or a test, worked out.
struct TemplateValues {
    var positional: [PythonValue] = []
    var named: [(name: String, value: PythonValue)] = []

    /// The arguments in the order of `names`, nil where one is not given. The first `required` must be.
    func bind(_ function: String, _ names: [String], required: Int = 0) throws(TemplateError) -> [PythonValue?] {
        guard positional.count <= names.count else {
            throw .runtime("\(function) takes at most \(names.count) arguments, \(positional.count) were given")
        }
        var bound: [PythonValue?] = positional
        bound.append(contentsOf: repeatElement(nil, count: names.count - positional.count))
        for (name, value) in named {
            guard let index = names.firstIndex(of: name) else { throw .runtime("\(function) has no argument '\(name)'") }
            guard bound[index] == nil else { throw .runtime("\(function) got two values for argument '\(name)'") }
            bound[index] = value
        }
        for index in 0..<required where bound[index] == nil {
            throw .runtime("\(function) lacks its argument '\(names[index])'")
        }
        return bound
    }
}
