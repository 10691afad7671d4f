/// One rendering of a template: the variables, the text so far, and what it has cost.
final class TemplateRuntime {
    /// What a statement tells the loop around it.
    enum Flow { case normal, breakLoop, continueLoop }

    let program: TemplateProgram
    let limits: ChatTemplate.Limits
    let now: LocalTime
    var context: [String: PythonValue] = [:]
    /// Variables that blocks see, beside the context.
    var exported: [String: PythonValue] = [:]
    var environment: TemplateEnvironment
    var output: [UInt8] = []

    private(set) var steps = 0
    private(set) var allocated = 0
    private var depth = 0
    private var calls = 0
    /// What can take part in reference cycles or long chains, to be taken apart at the end.
    private var namespaces: [PythonNamespace] = []
    private var captured: [TemplateEnvironment] = []

    init(_ program: TemplateProgram, limits: ChatTemplate.Limits, now: LocalTime) {
        self.program = program
        self.limits = limits
        self.now = now
        environment = TemplateEnvironment(slotCount: program.scopes[program.rootScope].slotCount, parent: nil)
    }

    func render() throws(TemplateError) -> String {
        let root = environment
        defer { takeApart(root) }
        enter(scope: program.rootScope)
        if let place = program.selfPlace { store(.blocks, at: place) }
        _ = try execute(program.body)
        return String(decoding: output, as: UTF8.self)
    }

    private func takeApart(_ root: TemplateEnvironment) {
        root.slots = []
        environment.slots = []
        for environment in captured { environment.slots = [] }
        for namespace in namespaces { namespace.values = [:] }
        exported = [:]
    }

    // MARK: Cost

    func spend(_ count: Int) throws(TemplateError) {
        steps &+= count
        if steps > limits.steps || count < 0 { throw .limit("the template takes more than \(limits.steps) steps") }
    }

    /// Counts bytes about to be allocated, and the work of filling them.
    func allocate(_ bytes: Int) throws(TemplateError) {
        let (total, overflow) = allocated.addingReportingOverflow(bytes)
        if overflow || bytes < 0 || total > limits.allocatedBytes {
            throw .limit("the template's values take more than \(limits.allocatedBytes) bytes")
        }
        allocated = total
        try spend(1 + bytes / 64)
    }

    /// Counts a text about to be made.
    func allocateText(_ bytes: Int) throws(TemplateError) {
        guard bytes <= limits.stringBytes else { throw .limit("a text is longer than \(limits.stringBytes) bytes") }
        try allocate(bytes)
    }

    /// The bytes of `count` texts of `size` bytes, counted before they are made.
    func allocateText(_ size: Int, times count: Int) throws(TemplateError) {
        let (bytes, overflow) = size.multipliedReportingOverflow(by: Swift.max(0, count))
        try allocateText(overflow ? .max : bytes)
    }

    func allocateList(_ count: Int) throws(TemplateError) {
        guard count <= limits.listCount else { throw .limit("a list is longer than \(limits.listCount)") }
        try allocate(32 + count * MemoryLayout<PythonValue>.stride)
    }

    /// Runs `body` one level deeper, and refuses to go too deep.
    func nested<Result>(_ body: () throws(TemplateError) -> Result) throws(TemplateError) -> Result {
        guard depth < TemplateDepth.evaluation else { throw .limit("the template nests too deep: does a macro call itself forever?") }
        depth += 1
        defer { depth -= 1 }
        return try body()
    }

    /// The same for calls, with the variables that the called function sees.
    func called<Result>(
        in environment: TemplateEnvironment, _ body: () throws(TemplateError) -> Result
    ) throws(TemplateError) -> Result {
        guard calls < TemplateDepth.calls else { throw .limit("calls nest more than \(TemplateDepth.calls) deep") }
        calls += 1
        let caller = self.environment
        self.environment = environment
        defer {
            calls -= 1
            self.environment = caller
        }
        return try body()
    }

    /// What `body` writes, as a text of its own.
    func captured(_ body: () throws(TemplateError) -> Flow) throws(TemplateError) -> (PythonText, Flow) {
        let outer = output
        output = []
        let flow = try body()
        let text = PythonText(output)
        output = outer
        return (text, flow)
    }

    func write(_ text: PythonText) throws(TemplateError) {
        guard output.count + text.bytes.count <= limits.stringBytes else {
            throw .limit("the rendered text is longer than \(limits.stringBytes) bytes")
        }
        try allocate(text.bytes.count)
        output.append(text)
    }

    // MARK: Variables

    func load(_ place: TemplateProgram.Place) -> PythonValue {
        var environment = environment
        for _ in 0..<place.hops { if let parent = environment.parent { environment = parent } }
        return place.slot < environment.slots.count ? environment.slots[place.slot] : .missing
    }

    func store(_ value: PythonValue, at place: TemplateProgram.Place) {
        var environment = environment
        for _ in 0..<place.hops { if let parent = environment.parent { environment = parent } }
        if place.slot < environment.slots.count { environment.slots[place.slot] = value }
    }

    func enter(scope: Int) {
        for (slot, load) in program.scopes[scope].loads {
            let value: PythonValue =
                switch load {
                case .nothing: .missing
                case .alias(let place): self.load(place)
                case .resolve(let name): resolve(name)
                }
            environment.slots[slot] = value
        }
    }

    func leave(scope: Int) {
        for slot in program.scopes[scope].slots { environment.slots[slot] = .missing }
    }

    private func resolve(_ name: String) -> PythonValue {
        if let value = exported[name] ?? context[name] { return value }
        if let global = TemplateGlobal(rawValue: name) { return .global(global) }
        return .missing
    }

    /// A macro that sees the current variables.
    func close(over function: TemplateFunction) throws(TemplateError) -> TemplateMacro {
        try allocate(64)
        if !environment.isCaptured {
            environment.isCaptured = true
            captured.append(environment)
        }
        return TemplateMacro(function, environment)
    }

    func makeNamespace() throws(TemplateError) -> PythonNamespace {
        try allocate(128)
        let namespace = PythonNamespace()
        namespaces.append(namespace)
        return namespace
    }
}
