/// The processor as a device: its pool of workers, the kernels of its instruction set, a memory that it reaches.
///
/// Several programs may belong to one device; they run one at a time.
public final class CPUDevice: Device, @unchecked Sendable {
    public let name: String
    public let cpu: CPU
    public let memory: any Memory
    /// Whose turn it is: the pool takes one job at a time.
    let turn = Lock()

    /// - Throws: `DeviceError` where the system refuses the worker threads.
    public init(name: String = "cpu0", threads: Int, instructionSet: InstructionSet? = nil, memory: any Memory) throws(DeviceError) {
        guard let cpu = CPU(threads: threads, instructionSet: instructionSet?.kernel) else {
            throw DeviceError(device: name, message: "the worker threads could not be started")
        }
        self.name = name
        self.cpu = cpu
        self.memory = memory
    }

    public func compile(_ segments: [[Operation]], limits: StepLimits) throws -> any DeviceProgram {
        let workspace = try CPUWorkspace(segments, device: self, limits: limits)
        return try CPUProgram(segments, device: self, workspace: workspace)
    }
}
