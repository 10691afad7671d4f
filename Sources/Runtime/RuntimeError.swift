/// What can go wrong between a plan and a running model.
public enum RuntimeError: Error, Sendable, CustomStringConvertible {
    /// The plan asks for something this executor or machine cannot do.
    case unsupported(String)
    /// The plan does not fit the model.
    case invalidPlan(String)
    /// A step names a token, block or position that does not exist.
    case invalidStep(String)
    /// A memory of the plan would overflow: what was needed and what there is, in bytes.
    case outOfMemory(what: String, needed: Int, available: Int)

    public var description: String {
        switch self {
        case .unsupported(let what): "not supported: \(what)"
        case .invalidPlan(let what): "the plan does not fit: \(what)"
        case .invalidStep(let what): "the step cannot run: \(what)"
        case .outOfMemory(let what, let needed, let available): "\(what) needs \(needed) bytes, \(available) are available"
        }
    }
}
