/// A statement of a template. A `scope` numbers a place where variables live, in the table that the resolver makes.
indirect enum TemplateStatement: Sendable {
    case text(PythonText)
    case output(TemplateExpression, line: Int)
    case conditional([(test: TemplateExpression, body: [TemplateStatement])], otherwise: [TemplateStatement], line: Int)
    case loop(TemplateLoopStatement)
    case assign(TemplateTarget, TemplateExpression, line: Int)
    case assignBlock(TemplateTarget, filters: [TemplatePostfix], body: [TemplateStatement], scope: Int, line: Int)
    case macro(TemplateFunction)
    case callBlock(TemplateFunction, TemplateExpression, line: Int)
    /// `{% generation %}`, which marks what the assistant said.
    case generation(TemplateFunction)
    case filterBlock([TemplatePostfix], body: [TemplateStatement], scope: Int, line: Int)
    case with([(target: TemplateTarget, value: TemplateExpression)], body: [TemplateStatement], scope: Int, line: Int)
    case scope([TemplateStatement], scope: Int)
    case breakLoop(line: Int)
    case continueLoop(line: Int)
    case block(TemplateBlock)
    /// A statement that needs other templates: an error once it is reached.
    case unsupported(String, line: Int)
}

/// What a value is assigned to.
indirect enum TemplateTarget: Sendable {
    case name(id: Int, String)
    case namespace(id: Int, String, attribute: PythonText, line: Int)
    case tuple([TemplateTarget])

    /// The variables assigned to, attributes of namespaces left out.
    var names: [String] {
        switch self {
        case .name(_, let name): [name]
        case .namespace: []
        case .tuple(let targets): targets.flatMap(\.names)
        }
    }
}

struct TemplateLoopStatement: Sendable {
    let target: TemplateTarget
    /// The same target again, for the variables of the filter, which live apart.
    let filterTarget: TemplateTarget
    let sequence: TemplateExpression
    let filter: TemplateExpression?
    let body: [TemplateStatement]
    let otherwise: [TemplateStatement]
    let isRecursive: Bool
    /// Where `loop` is stored.
    let loopID: Int
    let bodyScope: Int
    let otherwiseScope: Int
    let filterScope: Int
    let line: Int
}

/// A macro, or the body of a call block.
struct TemplateFunction: Sendable {
    struct Parameter: Sendable {
        let id: Int
        let name: String
        let defaultValue: TemplateExpression?
    }

    let name: String?
    /// Where the macro itself is stored.
    let nameID: Int
    let parameters: [Parameter]
    let body: [TemplateStatement]
    let scope: Int
    /// Where `caller`, `kwargs` and `varargs` are stored.
    let callerID: Int
    let namedID: Int
    let positionalID: Int
    let line: Int
}

struct TemplateBlock: Sendable {
    let name: String
    let isScoped: Bool
    let isRequired: Bool
    let body: [TemplateStatement]
    let scope: Int
    let selfID: Int
    let superID: Int
    let line: Int
}
