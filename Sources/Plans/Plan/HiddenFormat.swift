/// How hidden states are written on their way between stages.
public enum HiddenFormat: String, Sendable, CaseIterable {
    case f32
    case f16

    /// Bytes of one element.
    public var bytes: Int {
        switch self {
        case .f32: 4
        case .f16: 2
        }
    }

    /// Between stages of one machine nothing is rounded; a network is the slower the more is sent.
    public init(crossesMachines: Bool) { self = crossesMachines ? .f16 : .f32 }
}
