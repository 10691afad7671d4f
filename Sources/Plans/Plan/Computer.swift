/// Who computes from so many tokens on.
///
/// Tokens are counted per micro-batch: what one product multiplies. For the output matrix they are rows of logits of a micro-batch.
public struct Computer: Sendable, Hashable {
    public var fromTokens: Int
    public var device: DeviceID

    public init(fromTokens: Int = 1, device: DeviceID) {
        self.fromTokens = fromTokens
        self.device = device
    }
}

extension [Computer] {
    /// The device that computes for so many tokens of a micro-batch; nil only for an empty list.
    public func device(tokens: Int) -> DeviceID? { (last { $0.fromTokens <= tokens } ?? first)?.device }
}
