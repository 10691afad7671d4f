/// Walks over every mention of a variable, in the order in which jinja2 visits them.
struct TemplateNames {
    enum Role { case load, store, parameter }

    var visitsBlocks = false
    var entersBlocksAs: ((TemplateBlock) -> Void)?
    let visit: (String, Role) -> Void

    func walk(_ statements: [TemplateStatement]) {
        for statement in statements { walk(statement) }
    }

    private func walk(_ statement: TemplateStatement) {
        switch statement {
        case .text, .breakLoop, .continueLoop, .unsupported: break
        case .output(let expression, _): walk(expression)
        case .conditional(let branches, let otherwise, _):
            for branch in branches {
                walk(branch.test)
                walk(branch.body)
            }
            walk(otherwise)
        case .loop(let loop):
            walk(loop.target, .store)
            walk(loop.sequence)
            walk(loop.body)
            walk(loop.otherwise)
            if let filter = loop.filter { walk(filter) }
        case .assign(let target, let value, _):
            walk(target, .store)
            walk(value)
        case .assignBlock(let target, let filters, let body, _, _):
            walk(target, .store)
            walk(filters)
            walk(body)
        case .macro(let function), .generation(let function): walk(function)
        case .callBlock(let function, let call, _):
            walk(call)
            walk(function)
        case .filterBlock(let filters, let body, _, _):
            walk(body)
            walk(filters)
        case .with(let bindings, let body, _, _):
            for binding in bindings { walk(binding.target, .parameter) }
            for binding in bindings { walk(binding.value) }
            walk(body)
        case .scope(let body, _): walk(body)
        case .block(let block):
            entersBlocksAs?(block)
            if visitsBlocks { walk(block.body) }
        }
    }

    private func walk(_ function: TemplateFunction) {
        for parameter in function.parameters { visit(parameter.name, .parameter) }
        for parameter in function.parameters { if let value = parameter.defaultValue { walk(value) } }
        walk(function.body)
    }

    private func walk(_ target: TemplateTarget, _ role: Role) {
        for name in target.names { visit(name, role) }
    }

    private func walk(_ operations: [TemplatePostfix]) {
        for operation in operations {
            switch operation.kind {
            case .attribute: break
            case .item(let item): walk(item)
            case .slice(let start, let stop, let step):
                for part in [start, stop, step] { if let part { walk(part) } }
            case .call(let arguments), .filter(_, let arguments), .test(_, let arguments, _): walk(arguments)
            }
        }
    }

    private func walk(_ arguments: TemplateArguments) {
        for value in arguments.positional { walk(value) }
        for argument in arguments.named { walk(argument.value) }
        if let spread = arguments.spread { walk(spread) }
        if let spread = arguments.namedSpread { walk(spread) }
    }

    func walk(_ expression: TemplateExpression) {
        switch expression {
        case .none, .bool, .integer, .float, .text: break
        case .name(_, let name): visit(name, .load)
        case .tuple(let items), .list(let items), .concatenation(let items), .and(let items), .or(let items):
            for item in items { walk(item) }
        case .dictionary(let members):
            for member in members {
                walk(member.key)
                walk(member.value)
            }
        case .arithmetic(let first, let rest, _):
            walk(first)
            for (_, operand) in rest { walk(operand) }
        case .comparison(let first, let rest, _):
            walk(first)
            for (_, operand) in rest { walk(operand) }
        case .not(let operand), .negative(let operand, _), .positive(let operand, _): walk(operand)
        case .conditional(let test, let then, let otherwise, _):
            walk(test)
            walk(then)
            if let otherwise { walk(otherwise) }
        case .postfix(let base, let operations):
            walk(base)
            walk(operations)
        }
    }

    /// Which of `names` are read in `statements` before anything of that name is stored there.
    static func undeclared(_ names: Set<String>, in statements: [TemplateStatement]) -> Set<String> {
        var open = names
        var found: Set<String> = []
        TemplateNames { name, role in
            if role == .load, open.contains(name) { found.insert(name) } else { open.remove(name) }
        }.walk(statements)
        return found
    }
}
