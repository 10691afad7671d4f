import Devices
import Plans

/// Something that measures one device of this machine into its profile. A new kind of device adds a type that conforms and an entry in
/// `Profiler.probes`.
protocol DeviceProbe {
    /// For the progress bar.
    var name: String { get }
    /// Share of the time that the machine's devices have among them; a probe with twice the weight may take twice as long.
    var weight: Double { get }
    /// Measures for about so many seconds. What the device lacks the planner's interpolation or rooflines make up for; `notes` says so.
    ///
    /// - Parameter progress: gets the finished share, 0...1.
    func measure(seconds: Double, progress: (Double) -> Void) -> ProbeResult
}

struct ProbeResult {
    var device: DeviceProfile
    /// What the machine's profile learns beside: only the processor reads its memory.
    var memory: [ThreadBandwidth] = []
    var stepOverhead: Double?
    var notes: [String] = []
}
