extension TemplateRuntime {
    func run(_ loop: TemplateLoopStatement) throws(TemplateError) -> Flow {
        let source = try at(loop.line) { () throws(TemplateError) in try evaluate(loop.sequence) }
        guard loop.isRecursive else { return try iterate(loop, over: try filtered(source, by: loop, from: environment)) }
        try write(try recurse(loop, over: source, from: environment, depth0: 0))
        return .normal
    }

    /// Runs a recursive loop over a sequence, at first and from within.
    func recurse(
        _ loop: TemplateLoopStatement, over source: PythonValue, from outer: TemplateEnvironment, depth0: Int
    ) throws(TemplateError) -> PythonText {
        let filtered = try filtered(source, by: loop, from: outer)
        let inner = TemplateEnvironment(slotCount: program.scopes[loop.bodyScope].slotCount, parent: outer)
        let (text, _) = try captured { () throws(TemplateError) -> Flow in
            try called(in: inner) { () throws(TemplateError) -> Flow in
                try iterate(loop, over: filtered, recursiveFrom: outer, depth0: depth0)
            }
        }
        return text
    }

    /// The elements for which the loop's own condition holds, worked out one by one.
    private func filtered(
        _ source: PythonValue, by loop: TemplateLoopStatement, from outer: TemplateEnvironment
    ) throws(TemplateError) -> PythonValue {
        guard let filter = loop.filter else { return source }
        let inner = TemplateEnvironment(slotCount: program.scopes[loop.filterScope].slotCount, parent: outer)
        var isEntered = false
        return try lazy(over: source) { [self] (iterator) throws(TemplateError) -> PythonValue? in
            let caller = environment
            environment = inner
            defer { environment = caller }
            if !isEntered {
                isEntered = true
                enter(scope: loop.filterScope)
            }
            return try at(loop.line) { () throws(TemplateError) -> PythonValue? in
                while let item = try iterator.next() {
                    try assign(item, to: loop.filterTarget)
                    if try isTrue(try evaluate(filter)) { return try self.item(of: loop.filterTarget, item) }
                    try spend(1)
                }
                return nil
            }
        }
    }

    /// What the filter hands on: its variables, so a tuple where the target is one.
    private func item(of target: TemplateTarget, _ item: PythonValue) throws(TemplateError) -> PythonValue {
        switch target {
        case .name(let id, _), .namespace(let id, _, _, _): return load(program.places[id])
        case .tuple(let targets):
            var items: [PythonValue] = []
            for target in targets { items.append(try self.item(of: target, .none)) }
            return try tuple(items)
        }
    }

    private func iterate(
        _ loop: TemplateLoopStatement, over source: PythonValue, recursiveFrom outer: TemplateEnvironment? = nil, depth0: Int = 0
    ) throws(TemplateError) -> Flow {
        let usesLoop = program.scopes[loop.bodyScope].usesLoop
        var isEmpty = true
        let iterator = try at(loop.line) { () throws(TemplateError) in try self.iterator(over: source) }
        var state: TemplateLoop?
        if usesLoop {
            state = try TemplateLoop(
                over: source, iterator, recursion: outer == nil ? nil : loop, environment: outer, depth0: depth0)
            store(.missing, at: program.places[loop.loopID])
        }
        iteration: while true {
            try spend(1)
            let next = try at(loop.line) { () throws(TemplateError) -> PythonValue? in
                if let state { return try state.advance(self) }
                return try iterator.next()
            }
            guard let next else { break }
            try at(loop.line) { () throws(TemplateError) in try assign(next, to: loop.target) }
            if let state { store(.loop(state), at: program.places[loop.loopID]) }
            enter(scope: loop.bodyScope)
            switch try execute(loop.body) {
            case .normal: isEmpty = false
            case .continueLoop: continue iteration
            case .breakLoop: break iteration
            }
        }
        leave(scope: loop.bodyScope)
        guard isEmpty, !loop.otherwise.isEmpty else { return .normal }
        enter(scope: loop.otherwiseScope)
        let flow = try execute(loop.otherwise)
        leave(scope: loop.otherwiseScope)
        return flow
    }
}
