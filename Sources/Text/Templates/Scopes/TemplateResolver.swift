/// Finds the place of every variable of a template, and checks what can be checked before it runs.
struct TemplateResolver {
    private typealias Function = TemplateSymbols.Function

    /// Where a statement stands.
    private struct Surroundings {
        var symbols: TemplateSymbols
        /// In the template's own scope, not in a loop, macro or the like.
        var isTopLevel = false
        /// In a branch, where an unknown filter is an error only when reached.
        var isConditional = false
    }

    private var program: TemplateProgram
    private var starts: [(scope: Int, function: Function)] = []
    private var blocks: [TemplateBlock] = []

    static func resolve(
        _ body: [TemplateStatement], names: Int, scopes: Int
    ) throws(TemplateError) -> TemplateProgram {
        var resolver = TemplateResolver(body, names: names, scopes: scopes)
        try resolver.resolveAll()
        return resolver.program
    }

    private init(_ body: [TemplateStatement], names: Int, scopes: Int) {
        program = TemplateProgram(
            body: body, places: Array(repeating: .init(), count: names), scopes: Array(repeating: .init(), count: scopes + 1))
        program.rootScope = scopes
    }

    private mutating func resolveAll() throws(TemplateError) {
        let symbols = TemplateSymbols(parent: nil, function: Function(depth: 0))
        if !TemplateNames.undeclared(["self"], in: program.body).isEmpty {
            symbols.declareParameter("self")
            program.selfPlace = place(of: "self", in: symbols)
        }
        symbols.read(program.body)
        enter(program.rootScope, symbols)
        starts.append((program.rootScope, symbols.function))
        try resolve(program.body, Surroundings(symbols: symbols, isTopLevel: true))
        var done = 0
        while done < blocks.count {
            try resolveBody(of: blocks[done])
            done += 1
        }
        for start in starts { program.scopes[start.scope].slotCount = start.function.slotCount }
    }

    private mutating func resolveBody(of block: TemplateBlock) throws(TemplateError) {
        let symbols = TemplateSymbols(parent: nil, function: Function(depth: 0))
        let special = TemplateNames.undeclared(["self", "super"], in: block.body)
        if special.contains("self") {
            symbols.declareParameter("self")
            program.scopes[block.scope].usesSelf = true
            program.places[block.selfID] = place(of: "self", in: symbols)
        }
        if special.contains("super") {
            symbols.declareParameter("super")
            program.scopes[block.scope].usesSuper = true
            program.places[block.superID] = place(of: "super", in: symbols)
        }
        symbols.read(block.body)
        enter(block.scope, symbols)
        starts.append((block.scope, symbols.function))
        try resolve(block.body, Surroundings(symbols: symbols))
    }

    // MARK: Places

    private func place(of name: String, in symbols: TemplateSymbols) -> TemplateProgram.Place {
        let owner = symbols.owner(of: name) ?? symbols
        return .init(hops: symbols.function.depth - owner.function.depth, slot: owner.function.slot(of: name, level: owner.level))
    }

    /// Notes what happens on entry to a scope and at its end.
    private mutating func enter(_ scope: Int, _ symbols: TemplateSymbols) {
        for (name, load) in symbols.loads.sorted(by: { $0.key < $1.key }) {
            let slot = symbols.function.slot(of: name, level: symbols.level)
            program.scopes[scope].slots.append(slot)
            switch load {
            case .parameter: break
            case .resolve: program.scopes[scope].loads.append((slot, .resolve(name)))
            case .nothing: program.scopes[scope].loads.append((slot, .nothing))
            case .alias(let level):
                guard let outer = symbols.scope(atLevel: level) else { continue }
                let place = TemplateProgram.Place(
                    hops: symbols.function.depth - outer.function.depth, slot: outer.function.slot(of: name, level: level))
                program.scopes[scope].loads.append((slot, .alias(place)))
            }
        }
    }

    // MARK: Statements

    private mutating func resolve(_ statements: [TemplateStatement], _ here: Surroundings) throws(TemplateError) {
        for statement in statements { try resolve(statement, here) }
    }

    private mutating func resolve(_ statement: TemplateStatement, _ here: Surroundings) throws(TemplateError) {
        switch statement {
        case .text, .breakLoop, .continueLoop, .unsupported: break
        case .output(let expression, _): try resolve(expression, here)
        case .conditional(let branches, let otherwise, _):
            var inside = here
            inside.isConditional = true
            for branch in branches {
                try resolve(branch.test, inside)
                try resolve(branch.body, inside)
            }
            try resolve(otherwise, inside)
        case .loop(let loop): try resolve(loop, here)
        case .assign(let target, let value, _):
            resolve(target, here)
            try resolve(value, here)
        case .assignBlock(let target, let filters, let body, let scope, _):
            let inside = Surroundings(symbols: TemplateSymbols(parent: here.symbols, function: here.symbols.function))
            inside.symbols.read(body)
            enter(scope, inside.symbols)
            try resolve(body, inside)
            resolve(target, here)
            try resolve(.postfix(.none, filters), inside)
        case .macro(let function):
            try resolve(function, here)
            program.places[function.nameID] = place(of: function.name ?? "", in: here.symbols)
            program.places[function.nameID].isExported = here.isTopLevel
        case .generation(let function): try resolve(function, here)
        case .callBlock(let function, let call, _):
            try resolve(function, here)
            try resolve(call, here)
        case .filterBlock(let filters, let body, let scope, _):
            let inside = Surroundings(symbols: TemplateSymbols(parent: here.symbols, function: here.symbols.function))
            inside.symbols.read(body)
            inside.symbols.read(.postfix(.none, filters))
            enter(scope, inside.symbols)
            try resolve(body, inside)
            try resolve(.postfix(.none, filters), inside)
        case .with(let bindings, let body, let scope, _):
            let inside = Surroundings(symbols: TemplateSymbols(parent: here.symbols, function: here.symbols.function))
            for binding in bindings { inside.symbols.read(binding.target, asParameter: true) }
            inside.symbols.read(body)
            enter(scope, inside.symbols)
            for binding in bindings {
                resolve(binding.target, inside)
                try resolve(binding.value, here)
            }
            try resolve(body, inside)
        case .scope(let body, let scope):
            let inside = Surroundings(symbols: TemplateSymbols(parent: here.symbols, function: here.symbols.function))
            inside.symbols.read(body)
            enter(scope, inside.symbols)
            try resolve(body, inside)
        case .block(let block):
            program.blocks[block.name] = block
            blocks.append(block)
            guard block.isScoped else { return }
            var symbols: TemplateSymbols? = here.symbols
            var seen: Set<String> = []
            while let scope = symbols {
                for name in scope.stores where seen.insert(name).inserted {
                    program.scopes[block.scope].visible.append((name, place(of: name, in: here.symbols)))
                }
                symbols = scope.parent
            }
        }
    }

    private mutating func resolve(_ loop: TemplateLoopStatement, _ here: Surroundings) throws(TemplateError) {
        let outer = here.symbols
        let function = loop.isRecursive ? Function(depth: outer.function.depth + 1) : outer.function
        let inside = Surroundings(symbols: TemplateSymbols(parent: outer, function: function))
        let otherwise = Surroundings(symbols: TemplateSymbols(parent: outer, function: function))
        if loop.isRecursive { starts.append((loop.bodyScope, function)) }

        var hasScopedBlock = false
        var storesLoop = false
        var walk = TemplateNames { name, role in if name == "loop", role == .store { storesLoop = true } }
        walk.visitsBlocks = true
        walk.entersBlocksAs = { if $0.isScoped { hasScopedBlock = true } }
        walk.walk([.loop(loop)])
        if storesLoop {
            throw TemplateError(.syntax, "can't assign to the special variable 'loop' in a loop", line: loop.line)
        }
        let usesLoop = loop.isRecursive || hasScopedBlock || !TemplateNames.undeclared(["loop"], in: loop.body).isEmpty
        if usesLoop {
            inside.symbols.declareParameter("loop")
            program.scopes[loop.bodyScope].usesLoop = true
        }
        inside.symbols.read(loop.target, asParameter: true)
        inside.symbols.read(loop.body)
        if !loop.otherwise.isEmpty { otherwise.symbols.read(loop.otherwise) }

        if let filter = loop.filter {
            let test = Surroundings(symbols: TemplateSymbols(parent: outer, function: Function(depth: outer.function.depth + 1)))
            test.symbols.read(loop.filterTarget, asParameter: true)
            test.symbols.read(filter)
            enter(loop.filterScope, test.symbols)
            starts.append((loop.filterScope, test.symbols.function))
            resolve(loop.filterTarget, test)
            try resolve(filter, test)
        }
        resolve(loop.target, inside)
        if usesLoop { program.places[loop.loopID] = place(of: "loop", in: inside.symbols) }
        try resolve(loop.sequence, here)
        enter(loop.bodyScope, inside.symbols)
        try resolve(loop.body, inside)
        enter(loop.otherwiseScope, otherwise.symbols)
        try resolve(loop.otherwise, otherwise)
    }

    private mutating func resolve(_ function: TemplateFunction, _ here: Surroundings) throws(TemplateError) {
        let symbols = TemplateSymbols(parent: here.symbols, function: Function(depth: here.symbols.function.depth + 1))
        starts.append((function.scope, symbols.function))
        for parameter in function.parameters { symbols.declareParameter(parameter.name) }
        let special = TemplateNames.undeclared(["caller", "kwargs", "varargs"], in: function.body)
        let names = Set(function.parameters.map(\.name))
        var scope = program.scopes[function.scope]
        if special.contains("caller") {
            if let parameter = function.parameters.first(where: { $0.name == "caller" }) {
                guard parameter.defaultValue != nil else {
                    throw TemplateError(.syntax, "the special parameter 'caller' must be left out or have a default", line: function.line)
                }
            } else {
                symbols.declareParameter("caller")
            }
            scope.usesCaller = true
        }
        if special.contains("kwargs"), !names.contains("kwargs") {
            symbols.declareParameter("kwargs")
            scope.usesNamed = true
        }
        if special.contains("varargs"), !names.contains("varargs") {
            symbols.declareParameter("varargs")
            scope.usesPositional = true
        }
        program.scopes[function.scope] = scope
        for parameter in function.parameters { if let value = parameter.defaultValue { symbols.read(value) } }
        symbols.read(function.body)
        enter(function.scope, symbols)
        let inside = Surroundings(symbols: symbols)
        for parameter in function.parameters {
            program.places[parameter.id] = place(of: parameter.name, in: symbols)
            if let value = parameter.defaultValue { try resolve(value, inside) }
        }
        if scope.usesCaller { program.places[function.callerID] = place(of: "caller", in: symbols) }
        if scope.usesNamed { program.places[function.namedID] = place(of: "kwargs", in: symbols) }
        if scope.usesPositional { program.places[function.positionalID] = place(of: "varargs", in: symbols) }
        try resolve(function.body, inside)
    }

    private mutating func resolve(_ target: TemplateTarget, _ here: Surroundings) {
        switch target {
        case .name(let id, let name):
            program.places[id] = place(of: name, in: here.symbols)
            program.places[id].isExported = here.isTopLevel
        case .namespace(let id, let name, _, _): program.places[id] = place(of: name, in: here.symbols)
        case .tuple(let targets): for target in targets { resolve(target, here) }
        }
    }

    // MARK: Expressions

    private mutating func resolve(_ expression: TemplateExpression, _ here: Surroundings) throws(TemplateError) {
        switch expression {
        case .none, .bool, .integer, .float, .text: break
        case .name(let id, let name): program.places[id] = place(of: name, in: here.symbols)
        case .tuple(let items), .list(let items), .concatenation(let items), .and(let items), .or(let items):
            for item in items { try resolve(item, here) }
        case .dictionary(let members):
            for member in members {
                try resolve(member.key, here)
                try resolve(member.value, here)
            }
        case .arithmetic(let first, let rest, _):
            try resolve(first, here)
            for (_, operand) in rest { try resolve(operand, here) }
        case .comparison(let first, let rest, _):
            try resolve(first, here)
            for (_, operand) in rest { try resolve(operand, here) }
        case .not(let operand), .negative(let operand, _), .positive(let operand, _): try resolve(operand, here)
        case .conditional(let test, let then, let otherwise, _):
            var inside = here
            inside.isConditional = true
            try resolve(test, inside)
            try resolve(then, inside)
            if let otherwise { try resolve(otherwise, inside) }
        case .postfix(let base, let operations):
            try resolve(base, here)
            for operation in operations { try resolve(operation, here) }
        }
    }

    private mutating func resolve(_ operation: TemplatePostfix, _ here: Surroundings) throws(TemplateError) {
        switch operation.kind {
        case .attribute: break
        case .item(let item): try resolve(item, here)
        case .slice(let start, let stop, let step):
            for part in [start, stop, step] { if let part { try resolve(part, here) } }
        case .call(let arguments): try resolve(arguments, here)
        case .filter(let name, let arguments):
            guard here.isConditional || TemplateFilters.names.contains(name) else {
                throw TemplateError(.syntax, "no filter named '\(name)'", line: operation.line)
            }
            try resolve(arguments, here)
        case .test(let name, let arguments, _):
            guard here.isConditional || TemplateTests.names.contains(name) else {
                throw TemplateError(.syntax, "no test named '\(name)'", line: operation.line)
            }
            try resolve(arguments, here)
        }
    }

    private mutating func resolve(_ arguments: TemplateArguments, _ here: Surroundings) throws(TemplateError) {
        for value in arguments.positional { try resolve(value, here) }
        for argument in arguments.named { try resolve(argument.value, here) }
        if let spread = arguments.spread { try resolve(spread, here) }
        if let spread = arguments.namedSpread { try resolve(spread, here) }
    }
}
