/// An expression of a template.
indirect enum TemplateExpression: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case text(PythonText)
    /// A variable. `id` numbers this mention of it, for the table of places that the resolver makes.
    case name(id: Int, String)
    case tuple([TemplateExpression])
    case list([TemplateExpression])
    case dictionary([(key: TemplateExpression, value: TemplateExpression)])
    /// Operators of one precedence, applied from the left.
    case arithmetic(TemplateExpression, [(operation: ArithmeticOperation, operand: TemplateExpression)], line: Int)
    case concatenation([TemplateExpression])
    case comparison(TemplateExpression, [(operation: ComparisonOperation, operand: TemplateExpression)], line: Int)
    case and([TemplateExpression])
    case or([TemplateExpression])
    case not(TemplateExpression)
    case negative(TemplateExpression, line: Int)
    case positive(TemplateExpression, line: Int)
    case conditional(test: TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?, line: Int)
    /// What follows an expression, applied from the left.
    case postfix(TemplateExpression, [TemplatePostfix])
}

enum ArithmeticOperation: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case modulo = "%"
    case power = "**"
}

enum ComparisonOperation: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case isIn = "in"
    case isNotIn = "not in"
}

/// One thing done to the value before it: `.name`, `[item]`, `[a:b:c]`, `(arguments)`, `| filter`, `is test`.
struct TemplatePostfix: Sendable {
    enum Kind: Sendable {
        case attribute(PythonText)
        case item(TemplateExpression)
        case slice(TemplateExpression?, TemplateExpression?, TemplateExpression?)
        case call(TemplateArguments)
        case filter(String, TemplateArguments)
        case test(String, TemplateArguments, isNegated: Bool)
    }

    let kind: Kind
    let line: Int
}

struct TemplateArguments: Sendable {
    var positional: [TemplateExpression] = []
    var named: [(name: String, value: TemplateExpression)] = []
    /// After `*`.
    var spread: TemplateExpression?
    /// After `**`.
    var namedSpread: TemplateExpression?

    static let none = TemplateArguments()
}
