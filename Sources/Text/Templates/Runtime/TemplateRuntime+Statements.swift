extension TemplateRuntime {
    func execute(_ statements: [TemplateStatement]) throws(TemplateError) -> Flow {
        for statement in statements {
            try spend(1)
            let flow = try execute(statement)
            if flow != .normal { return flow }
        }
        return .normal
    }

    private func execute(_ statement: TemplateStatement) throws(TemplateError) -> Flow {
        switch statement {
        case .text(let text): try write(text)
        case .output(let expression, let line):
            try at(line) { () throws(TemplateError) in try write(try string(of: try evaluate(expression))) }
        case .conditional(let branches, let otherwise, let line):
            return try nested { () throws(TemplateError) -> Flow in try choose(branches, otherwise, line) }
        case .loop(let loop): return try nested { () throws(TemplateError) -> Flow in try run(loop) }
        case .assign(let target, let value, let line):
            try at(line) { () throws(TemplateError) in
                try checkNamespaces(target)
                try assign(try evaluate(value), to: target)
            }
        case .assignBlock(let target, let filters, let body, let scope, let line):
            enter(scope: scope)
            let (text, flow) = try captured { () throws(TemplateError) -> Flow in
                try nested { () throws(TemplateError) in try execute(body) }
            }
            if flow != .normal { return flow }
            try at(line) { () throws(TemplateError) in try assign(try evaluate(filters, on: .text(text)), to: target) }
            leave(scope: scope)
        case .macro(let function):
            let macro = PythonValue.macro(try close(over: function))
            let place = program.places[function.nameID]
            store(macro, at: place)
            if place.isExported, let name = function.name { exported[name] = macro }
        case .generation(let function):
            let macro = try close(over: function)
            let text = try at(function.line) { () throws(TemplateError) in try call(macro, TemplateValues()) }
            try write(try string(of: text))
        case .callBlock(let function, let call, let line):
            let caller = PythonValue.macro(try close(over: function))
            try at(line) { () throws(TemplateError) in
                guard case .postfix(let base, let operations) = call else { return }
                try write(try string(of: try evaluate(operations, on: try evaluate(base), caller: caller)))
            }
        case .filterBlock(let filters, let body, let scope, let line):
            enter(scope: scope)
            let (text, flow) = try captured { () throws(TemplateError) -> Flow in
                try nested { () throws(TemplateError) in try execute(body) }
            }
            if flow != .normal { return flow }
            try at(line) { () throws(TemplateError) in try write(try string(of: try evaluate(filters, on: .text(text)))) }
            leave(scope: scope)
        case .with(let bindings, let body, let scope, let line):
            return try nested { () throws(TemplateError) -> Flow in
                enter(scope: scope)
                for binding in bindings {
                    try at(line) { () throws(TemplateError) in try assign(try evaluate(binding.value), to: binding.target) }
                }
                let flow = try execute(body)
                leave(scope: scope)
                return flow
            }
        case .scope(let body, let scope):
            return try nested { () throws(TemplateError) -> Flow in
                enter(scope: scope)
                let flow = try execute(body)
                leave(scope: scope)
                return flow
            }
        case .breakLoop: return .breakLoop
        case .continueLoop: return .continueLoop
        case .block(let block): try run(block)
        case .unsupported(let tag, let line):
            throw TemplateError(.runtime, "'\(tag)' needs other templates, and a chat template has none", line: line)
        }
        return .normal
    }

    /// Places errors without a line of their own at `line`.
    func at<Result>(_ line: Int, _ body: () throws(TemplateError) -> Result) throws(TemplateError) -> Result {
        do { return try body() } catch { throw error.located(at: line) }
    }

    private func choose(
        _ branches: [(test: TemplateExpression, body: [TemplateStatement])], _ otherwise: [TemplateStatement], _ line: Int
    ) throws(TemplateError) -> Flow {
        for branch in branches {
            let holds = try at(line) { () throws(TemplateError) in try isTrue(try evaluate(branch.test)) }
            if holds { return try execute(branch.body) }
        }
        return try execute(otherwise)
    }

    // MARK: Assignment

    private func checkNamespaces(_ target: TemplateTarget) throws(TemplateError) {
        switch target {
        case .name: break
        case .namespace(let id, let name, _, _):
            guard case .namespace = load(program.places[id]) else {
                throw .runtime("cannot assign an attribute of '\(name)', which is no namespace")
            }
        case .tuple(let targets): for target in targets { try checkNamespaces(target) }
        }
    }

    func assign(_ value: PythonValue, to target: TemplateTarget) throws(TemplateError) {
        switch target {
        case .name(let id, let name):
            let place = program.places[id]
            store(value, at: place)
            if place.isExported { exported[name] = value }
        case .namespace(let id, _, let attribute, _):
            guard case .namespace(let namespace) = load(program.places[id]) else {
                throw .runtime("cannot assign an attribute of what is no namespace")
            }
            try set(attribute, to: value, of: namespace)
        case .tuple(let targets):
            let iterator = try iterator(over: value)
            var items: [PythonValue] = []
            while items.count <= targets.count, let item = try iterator.next() { items.append(item) }
            guard items.count == targets.count else {
                let fault = items.count < targets.count ? "not enough values to unpack (got \(items.count))" : "too many values to unpack"
                throw .runtime("\(fault), \(targets.count) are expected")
            }
            for (target, item) in zip(targets, items) { try assign(item, to: target) }
        }
    }

    func set(_ name: PythonText, to value: PythonValue, of namespace: PythonNamespace) throws(TemplateError) {
        guard name.bytes.first != UInt8(ascii: "_") else {
            throw TemplateError(.security, "attributes of a namespace cannot start with an underscore, as '\(name.string)' does")
        }
        try allocate(64)
        namespace.set(name, value)
    }

    // MARK: Blocks

    func run(_ block: TemplateBlock) throws(TemplateError) {
        if block.isRequired { throw TemplateError(.runtime, "required block '\(block.name)' is not filled", line: block.line) }
        let scope = program.scopes[block.scope]
        let outer = exported
        if block.isScoped {
            for (name, place) in scope.visible {
                let value = load(place)
                if case .missing = value { continue }
                exported[name] = value
            }
        }
        let environment = TemplateEnvironment(slotCount: scope.slotCount, parent: nil)
        try called(in: environment) { () throws(TemplateError) in
            try nested { () throws(TemplateError) in
                enter(scope: block.scope)
                if scope.usesSelf { store(.blocks, at: program.places[block.selfID]) }
                if scope.usesSuper {
                    store(.undefined(hint: "there is no parent block called '\(block.name)'"), at: program.places[block.superID])
                }
                _ = try execute(block.body)
            }
        }
        if block.isScoped { exported = outer }
    }
}
