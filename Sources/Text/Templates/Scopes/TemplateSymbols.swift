/// The variables of one scope, while a template is being resolved.
final class TemplateSymbols {
    enum Load {
        case parameter
        case resolve
        case alias(level: Int)
        case nothing
    }

    /// One of the functions that a template becomes: numbers its variables.
    final class Function {
        let depth: Int
        private var slots: [String: Int] = [:]

        init(depth: Int) { self.depth = depth }

        var slotCount: Int { slots.count }

        func slot(of name: String, level: Int) -> Int {
            let key = "\(level) \(name)"
            if let slot = slots[key] { return slot }
            let slot = slots.count
            slots[key] = slot
            return slot
        }
    }

    let level: Int
    let parent: TemplateSymbols?
    let function: Function
    private var references: Set<String> = []
    private(set) var loads: [String: Load] = [:]
    private(set) var stores: Set<String> = []

    init(parent: TemplateSymbols?, function: Function) {
        self.parent = parent
        self.function = function
        level = parent.map { $0.level + 1 } ?? 0
    }

    private init(copying other: TemplateSymbols) {
        level = other.level
        parent = other.parent
        function = other.function
        references = other.references
        loads = other.loads
        stores = other.stores
    }

    /// The innermost scope that mentions `name`.
    func owner(of name: String) -> TemplateSymbols? {
        var scope: TemplateSymbols? = self
        while let candidate = scope {
            if candidate.references.contains(name) { return candidate }
            scope = candidate.parent
        }
        return nil
    }

    func scope(atLevel level: Int) -> TemplateSymbols? {
        var scope: TemplateSymbols? = self
        while let candidate = scope, candidate.level != level { scope = candidate.parent }
        return scope
    }

    func declareParameter(_ name: String) {
        stores.insert(name)
        define(name, .parameter)
    }

    private func define(_ name: String, _ load: Load) {
        references.insert(name)
        loads[name] = load
    }

    private func load(_ name: String) {
        if owner(of: name) == nil { define(name, .resolve) }
    }

    private func store(_ name: String) {
        stores.insert(name)
        guard !references.contains(name) else { return }
        define(name, parent?.owner(of: name).map { .alias(level: $0.level) } ?? .nothing)
    }

    /// Takes over what branches mention. What only some of them store may come from outside.
    private func merge(_ branches: [TemplateSymbols]) {
        var stored: Set<String> = []
        for branch in branches { stored.formUnion(branch.stores) }
        stored.subtract(stores)
        for branch in branches {
            references.formUnion(branch.references)
            loads.merge(branch.loads) { _, new in new }
            stores.formUnion(branch.stores)
        }
        for name in stored {
            loads[name] = parent?.owner(of: name).map { .alias(level: $0.level) } ?? .resolve
        }
    }

    // MARK: Reading statements

    func read(_ statements: [TemplateStatement]) {
        var scope = self
        TemplateSymbols.read(statements, into: &scope)
    }

    private static func read(_ statements: [TemplateStatement], into scope: inout TemplateSymbols) {
        for statement in statements { read(statement, into: &scope) }
    }

    private static func read(_ statement: TemplateStatement, into scope: inout TemplateSymbols) {
        switch statement {
        case .text, .breakLoop, .continueLoop, .unsupported, .scope, .block, .generation: break
        case .output(let expression, _): scope.read(expression)
        case .conditional(let branches, let otherwise, _):
            guard let first = branches.first else { return }
            scope.read(first.test)
            let original = scope
            func branch(_ body: (inout TemplateSymbols) -> Void) -> TemplateSymbols {
                var copy = TemplateSymbols(copying: original)
                body(&copy)
                return copy
            }
            let then = branch { read(first.body, into: &$0) }
            // Each further branch is a conditional of its own, all of them read in one scope.
            let further = branch { copy in
                for other in branches.dropFirst() { read(.conditional([other], otherwise: [], line: 0), into: &copy) }
            }
            let last = branch { read(otherwise, into: &$0) }
            original.merge([then, further, last])
        case .loop(let loop): scope.read(loop.sequence)
        case .assign(let target, let value, _):
            scope.read(value)
            scope.read(target)
        case .assignBlock(let target, _, _, _, _): scope.read(target)
        case .macro(let function): if let name = function.name { scope.store(name) }
        case .callBlock(_, let call, _): scope.read(call)
        case .filterBlock(let filters, _, _, _): scope.read(.postfix(.none, filters))
        case .with(let bindings, _, _, _): for binding in bindings { scope.read(binding.value) }
        }
    }

    func read(_ expression: TemplateExpression) {
        TemplateNames { name, role in if role == .load { self.load(name) } }.walk(expression)
    }

    func read(_ target: TemplateTarget, asParameter: Bool = false) {
        switch target {
        case .name(_, let name): if asParameter { declareParameter(name) } else { store(name) }
        case .namespace(_, let name, _, _): load(name)
        case .tuple(let targets): for target in targets { read(target, asParameter: asParameter) }
        }
    }
}
