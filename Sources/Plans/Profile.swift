/// What is known about machines, devices, memories and links: measured by `motley profile` or declared in a cluster file.
///
/// Every rate in it is one that can be *attained*, not a peak of a data sheet. Always holds (checked by the reader): at least one machine,
/// names of machines unique, every memory larger than 0, every rate positive and finite. JSON form: docs/formats.md.
public struct Profile: Sendable, Equatable {
    /// Version of the JSON form; readers refuse others.
    public static let currentVersion = 1

    public var name: String
    public var machines: [MachineProfile]
    public var network: NetworkProfile

    public init(name: String = "", machines: [MachineProfile], network: NetworkProfile = NetworkProfile()) {
        self.name = name
        self.machines = machines
        self.network = network
    }
}

/// One host with everything inside it.
public struct MachineProfile: Sendable, Equatable {
    public var name: String
    public var memory: MemoryProfile
    /// A CPU that may compute is one of them; none: the host only feeds its other devices.
    public var devices: [DeviceProfile]
    public var disks: [DiskProfile]
    /// Currency per hour, whatever the currency.
    public var pricePerHour: Double?
    /// Fixed seconds per step and stage: scheduling, launching, returning.
    public var stepOverhead: Double
    /// For people; nil where the machine was declared.
    public var topology: MachineTopology?
    /// For people; nil where the machine was declared.
    public var measurement: MeasurementRecord?

    public init(
        name: String, memory: MemoryProfile, devices: [DeviceProfile], disks: [DiskProfile] = [], pricePerHour: Double? = nil,
        stepOverhead: Double = MachineProfile.defaultStepOverhead, topology: MachineTopology? = nil, measurement: MeasurementRecord? = nil
    ) {
        self.name = name
        self.memory = memory
        self.devices = devices
        self.disks = disks
        self.pricePerHour = pricePerHour
        self.stepOverhead = stepOverhead
        self.topology = topology
        self.measurement = measurement
    }

    public static let defaultStepOverhead = 50e-6
}

/// Something that holds bytes and how fast they are read from it by the device it belongs to.
public struct MemoryProfile: Sendable, Equatable {
    /// Bytes a model may use: `reserved` is already the owner's.
    public var capacity: Int
    public var bytesPerSecond: Double
    /// Bytes of `capacity` that drivers, contexts and the operating system take.
    public var reserved: Int
    /// Host memory: what fewer threads read, thread counts ascending. Measured, for people; empty where it was declared.
    public var byThreads: [ThreadBandwidth]

    public init(capacity: Int, bytesPerSecond: Double, reserved: Int = 0, byThreads: [ThreadBandwidth] = []) {
        self.capacity = capacity
        self.bytesPerSecond = bytesPerSecond
        self.reserved = reserved
        self.byThreads = byThreads
    }

    public var usable: Int { max(0, capacity - reserved) }
}

/// A disk of a machine, as a memory that only the host can reach.
public struct DiskProfile: Sendable, Equatable {
    public var name: String
    public var capacity: Int
    public var readBytesPerSecond: Double
    public var writeBytesPerSecond: Double
    /// Where the figures come from.
    public var source: String

    public init(name: String, capacity: Int, readBytesPerSecond: Double, writeBytesPerSecond: Double, source: String = "") {
        self.name = name
        self.capacity = capacity
        self.readBytesPerSecond = readBytesPerSecond
        self.writeBytesPerSecond = writeBytesPerSecond
        self.source = source
    }
}

/// Bandwidth in one direction and latency.
public struct LinkProfile: Sendable, Equatable {
    public var bytesPerSecond: Double
    public var latency: Double

    public init(bytesPerSecond: Double, latency: Double) {
        self.bytesPerSecond = bytesPerSecond
        self.latency = latency
    }

    /// Seconds for a message of so many bytes.
    public func seconds(bytes: Double) -> Double { latency + bytes / bytesPerSecond }
}

/// Links between machines: one for all pairs, and exceptions.
public struct NetworkProfile: Sendable, Equatable {
    public struct Exception: Sendable, Equatable {
        /// Indices of machines, the smaller first.
        public var first: Int
        public var second: Int
        public var link: LinkProfile

        public init(first: Int, second: Int, link: LinkProfile) {
            self.first = min(first, second)
            self.second = max(first, second)
            self.link = link
        }
    }

    public var standard: LinkProfile
    public var exceptions: [Exception]

    /// 10 Gbit/s and 50 us where nothing is said.
    public init(standard: LinkProfile = LinkProfile(bytesPerSecond: 1.25e9, latency: 50e-6), exceptions: [Exception] = []) {
        self.standard = standard
        self.exceptions = exceptions
    }

    /// The link between two machines. O(exceptions); searches keep a matrix.
    public func link(_ a: Int, _ b: Int) -> LinkProfile {
        let (first, second) = (min(a, b), max(a, b))
        return exceptions.last { $0.first == first && $0.second == second }?.link ?? standard
    }
}
