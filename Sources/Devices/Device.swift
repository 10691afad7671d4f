/// Something that computes, with the memory it computes from. A device is one folder: what it can do, its buffers, its form of an
/// operation list.
public protocol Device: AnyObject, Sendable {
    /// The plan's name for it: `cpu0`, `gpu1`.
    var name: String { get }
    /// The memory its operations' buffers must be in.
    var memory: any Memory { get }
    /// Turns lists of operations (segments) into the device's own form, once; what it needs beside their buffers is allocated in its
    /// memory.
    ///
    /// - Throws: `DeviceError` for an operation the device does not have, `MemoryError` where scratch memory does not fit.
    func compile(_ segments: [[Operation]], limits: StepLimits) throws -> any DeviceProgram
}

/// Compiled segments. One thread at a time runs them; running allocates and retains nothing.
public protocol DeviceProgram: AnyObject {
    /// Runs a segment for a micro-batch of a step and returns when it is done.
    func run(_ segment: Int, _ tables: StepTables, _ part: MicroBatch)
}

/// The largest step that a program must take.
public struct StepLimits: Sendable, Equatable {
    /// Tokens of a micro-batch, and of all micro-batches of a step.
    public var tokens: Int
    public var stepTokens: Int
    /// Rows of logits of a step.
    public var logits: Int

    /// - Parameter stepTokens: nil: a step is one micro-batch.
    public init(tokens: Int, stepTokens: Int? = nil, logits: Int) {
        self.tokens = tokens
        self.stepTokens = max(tokens, stepTokens ?? tokens)
        self.logits = logits
    }

    /// Rows of the largest product.
    public var rows: Int { max(tokens, logits) }
}

/// Why a device cannot run a program.
public struct DeviceError: Error, Sendable, CustomStringConvertible {
    public var device: String
    public var message: String

    public init(device: String, message: String) {
        self.device = device
        self.message = message
    }

    public var description: String { "\(device): \(message)" }
}
