/// A device that computes nothing: it takes any program and counts what it is asked to do. For tests of what runs where and in which order.
public final class NullDevice: Device, @unchecked Sendable {
    public let name: String
    public let memory: any Memory
    /// Called with each segment that is run, in order, on the thread that runs it.
    public var onRun: (@Sendable (_ program: Int, _ segment: Int, _ part: MicroBatch) -> Void)?
    /// The operations of each compiled program.
    public private(set) var programs: [[[Operation]]] = []

    public init(name: String = "null0", memory: any Memory) {
        self.name = name
        self.memory = memory
    }

    public func compile(_ segments: [[Operation]], limits: StepLimits) throws -> any DeviceProgram {
        programs.append(segments)
        return NullProgram(device: self, number: programs.count - 1)
    }
}

private final class NullProgram: DeviceProgram {
    private unowned let device: NullDevice
    private let number: Int

    init(device: NullDevice, number: Int) {
        self.device = device
        self.number = number
    }

    func run(_ segment: Int, _ tables: StepTables, _ part: MicroBatch) { device.onRun?(number, segment, part) }
}
