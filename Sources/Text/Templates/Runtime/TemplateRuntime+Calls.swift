extension TemplateRuntime {
    func call(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        switch value {
        case .macro(let macro): return try call(macro, arguments)
        case .global(let global): return try call(global, arguments)
        case .method(let method): return try call(method, arguments)
        case .loop(let loop): return try call(loop, arguments)
        case .joiner(let joiner):
            _ = try arguments.bind("joiner", [])
            defer { joiner.isUsed = true }
            return joiner.isUsed ? joiner.separator : .text(.empty)
        case .block(let name):
            guard let block = program.blocks[name] else { throw .runtime("there is no block '\(name)'") }
            return .text(
                try captured { () throws(TemplateError) -> Flow in
                    try run(block)
                    return .normal
                }.0)
        case .undefined(let undefined): throw undefined.error
        default: throw .runtime("'\(value.typeName)' object is not callable")
        }
    }

    private func call(_ loop: TemplateLoop, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        let bound = try arguments.bind("loop", ["iterable"], required: 1)
        guard let statement = loop.recursion, let outer = loop.recursionEnvironment, let source = bound[0] else {
            throw .runtime("the loop must have the 'recursive' marker to be called recursively")
        }
        return .text(
            try nested { () throws(TemplateError) in
                try recurse(statement, over: source, from: outer, depth0: loop.depth0 + 1)
            })
    }

    /// Calls a macro. Arguments left over go to `varargs` and `kwargs` if the macro mentions these.
    func call(_ macro: TemplateMacro, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        let function = macro.function
        let scope = program.scopes[function.scope]
        let title = function.name.map { "macro '\($0)'" } ?? "the caller"
        var bound = Array(arguments.positional.prefix(function.parameters.count)).map(Optional.some)
        var named = arguments.named
        var foundCaller = false
        if bound.count < function.parameters.count {
            for parameter in function.parameters[bound.count...] {
                if let index = named.firstIndex(where: { $0.name == parameter.name }) {
                    bound.append(named.remove(at: index).value)
                } else {
                    bound.append(nil)
                }
                if parameter.name == "caller" { foundCaller = true }
            }
        } else {
            foundCaller = function.parameters.contains { $0.name == "caller" }
        }
        var caller: PythonValue?
        if scope.usesCaller, !foundCaller {
            if let index = named.firstIndex(where: { $0.name == "caller" }) { caller = named.remove(at: index).value }
            caller = caller.flatMap { $0.isNone ? nil : $0 } ?? .undefined(hint: "no caller defined")
        }
        if !scope.usesNamed, let extra = named.first { throw .runtime("\(title) takes no keyword argument '\(extra.name)'") }
        let extra = Array(arguments.positional.dropFirst(function.parameters.count))
        if !scope.usesPositional, !extra.isEmpty {
            throw .runtime("\(title) takes not more than \(function.parameters.count) arguments")
        }
        var rest = PythonDictionaryBuilder()
        for (name, value) in named { rest.set(PythonText(name), value) }
        let environment = TemplateEnvironment(slotCount: scope.slotCount, parent: macro.environment)
        try allocate(64 + scope.slotCount * MemoryLayout<PythonValue>.stride)
        return try called(in: environment) { () throws(TemplateError) -> PythonValue in
            try nested { () throws(TemplateError) -> PythonValue in
                enter(scope: function.scope)
                if let caller { store(caller, at: program.places[function.callerID]) }
                if scope.usesNamed { store(try dictionary(rest), at: program.places[function.namedID]) }
                if scope.usesPositional { store(try tuple(extra), at: program.places[function.positionalID]) }
                try store(bound, function)
                return .text(try captured { () throws(TemplateError) -> Flow in try execute(function.body) }.0)
            }
        }
    }

    private func store(_ bound: [PythonValue?], _ function: TemplateFunction) throws(TemplateError) {
        for (parameter, value) in zip(function.parameters, bound) {
            store(value ?? .missing, at: program.places[parameter.id])
        }
        for (parameter, value) in zip(function.parameters, bound) where value == nil {
            let filled: PythonValue
            if let expression = parameter.defaultValue {
                filled = try at(function.line) { () throws(TemplateError) in try evaluate(expression) }
            } else {
                filled = .undefined(hint: "parameter '\(parameter.name)' was not provided")
            }
            store(filled, at: program.places[parameter.id])
        }
    }

    // MARK: Globals

    private func call(_ global: TemplateGlobal, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        switch global {
        case .range: return try range(arguments)
        case .dict: return try dictionary(try members(arguments))
        case .namespace:
            let members = try members(arguments).build()
            let namespace = try makeNamespace()
            for (key, value) in zip(members.keys, members.values) {
                guard let name = key.text else { throw .runtime("attributes of a namespace must have strings for names") }
                try set(name, to: value, of: namespace)
            }
            return .namespace(namespace)
        case .cycler:
            guard arguments.named.isEmpty else { throw .runtime("cycler takes no keyword arguments") }
            guard !arguments.positional.isEmpty else { throw .runtime("at least one item has to be provided") }
            return .cycler(TemplateCycler(try contents(arguments.positional)))
        case .joiner:
            let separator = try arguments.bind("joiner", ["sep"])[0] ?? .string(", ")
            _ = try deeper(separator.depth)
            return .joiner(TemplateJoiner(separator))
        case .lipsum: throw .runtime("'lipsum' is not supported: it makes text at random")
        case .raiseException:
            let message = try arguments.bind("raise_exception", ["message"], required: 1)[0] ?? .none
            throw TemplateError(.raised, try string(of: message).string)
        case .timeNow:
            guard let format = try arguments.bind("strftime_now", ["format"], required: 1)[0]?.text else {
                throw .runtime("strftime_now needs a format")
            }
            try allocateText(format.bytes.count, times: 32)
            return try text(PythonText(now.formatted(format.string)))
        }
    }

    private func range(_ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        guard arguments.named.isEmpty else { throw .runtime("range takes no keyword arguments") }
        var bounds: [Int] = []
        for argument in arguments.positional {
            if case .undefined(let undefined) = argument { throw .runtime("range needs integers: \(undefined.error.message)") }
            guard let bound = argument.integer else { throw .runtime("range needs integers, not '\(argument.typeName)'") }
            bounds.append(bound)
        }
        guard (1...3).contains(bounds.count) else { throw .runtime("range takes one to three arguments") }
        let range =
            bounds.count == 1
            ? PythonRange(start: 0, stop: bounds[0], step: 1)
            : PythonRange(start: bounds[0], stop: bounds[1], step: bounds.count == 3 ? bounds[2] : 1)
        guard let range else { throw .runtime("range takes no step of zero and no such bounds") }
        guard range.count <= 100_000 else { throw .runtime("range too big: the sandbox blocks ranges of more than 100000") }
        return .range(range)
    }

    /// What `dict` is made of: a mapping or pairs, and named members.
    private func members(_ arguments: TemplateValues) throws(TemplateError) -> PythonDictionaryBuilder {
        guard arguments.positional.count <= 1 else { throw .runtime("dict takes at most one positional argument") }
        var builder = PythonDictionaryBuilder()
        if let source = arguments.positional.first {
            if case .dictionary(let dictionary) = source {
                try builder.merge(dictionary)
            } else {
                for item in try elements(of: source) {
                    let pair = try elements(of: item)
                    guard pair.count == 2 else { throw .runtime("a dictionary is made of pairs, not of sequences of \(pair.count)") }
                    try builder.set(pair[0], pair[1])
                }
            }
        }
        for (name, value) in arguments.named { builder.set(PythonText(name), value) }
        try allocateList(builder.count * 3)
        return builder
    }
}
