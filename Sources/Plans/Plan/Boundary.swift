/// What crosses from one stage to the next, between which devices and in which format.
public struct Boundary: Sendable, Equatable {
    /// What a message may carry.
    public enum Payload: String, Sendable, CaseIterable {
        /// Hidden states of the step's tokens.
        case hidden
        /// Token ids.
        case tokens
        case auxiliary
    }

    /// A device of the stage before, out of whose memory is sent.
    public var sender: DeviceID
    /// A device of the stage after.
    public var receiver: DeviceID
    /// f32 between stages of one machine, f16 between machines.
    public var format: HiddenFormat
    public var payload: [Payload]

    public init(sender: DeviceID, receiver: DeviceID, format: HiddenFormat, payload: [Payload] = [.hidden]) {
        self.sender = sender
        self.receiver = receiver
        self.format = format
        self.payload = payload
    }
}
