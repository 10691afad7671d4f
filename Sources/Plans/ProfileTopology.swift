/// What a machine is made of, and what of it this process may use: a record for people, no input of the cost model.
///
/// In a container the parts the container may use are smaller than the machine: `usable…`, `processorLimit` and `memoryLimit` say by how
/// much.
public struct MachineTopology: Sendable, Equatable {
    /// One kind of cache of one level.
    public struct Cache: Sendable, Equatable {
        public enum Kind: String, Sendable, CaseIterable {
            case data
            case instruction
            case unified
        }

        public var level: Int
        public var kind: Kind
        /// Of one instance.
        public var bytes: Int
        public var instances: Int

        public init(level: Int, kind: Kind, bytes: Int, instances: Int) {
            self.level = level
            self.kind = kind
            self.bytes = bytes
            self.instances = instances
        }
    }

    /// A NUMA node: processors with memory near them.
    public struct Node: Sendable, Equatable {
        public var threads: Int
        /// Bytes; 0 for a node of processors alone.
        public var memory: Int

        public init(threads: Int, memory: Int) {
            self.threads = threads
            self.memory = memory
        }
    }

    /// The processor's own name.
    public var processor: String
    public var sockets: Int
    /// Physical cores and hardware threads that are online.
    public var cores: Int
    public var threads: Int
    /// Those this process may run on (affinity mask, cpuset).
    public var usableCores: Int
    public var usableThreads: Int
    /// Processors' worth of time the container may take; nil: all.
    public var processorLimit: Double?
    public var caches: [Cache]
    public var nodes: [Node]
    /// Bytes of the machine, and those that could be taken at the time without swapping (of the limit, where there is one).
    public var memoryTotal: Int
    public var memoryAvailable: Int
    /// Bytes the container may take; nil: all.
    public var memoryLimit: Int?

    public init(
        processor: String, sockets: Int, cores: Int, threads: Int, usableCores: Int, usableThreads: Int, processorLimit: Double? = nil,
        caches: [Cache] = [], nodes: [Node] = [], memoryTotal: Int, memoryAvailable: Int, memoryLimit: Int? = nil
    ) {
        self.processor = processor
        self.sockets = sockets
        self.cores = cores
        self.threads = threads
        self.usableCores = usableCores
        self.usableThreads = usableThreads
        self.processorLimit = processorLimit
        self.caches = caches
        self.nodes = nodes
        self.memoryTotal = memoryTotal
        self.memoryAvailable = memoryAvailable
        self.memoryLimit = memoryLimit
    }

    /// Workers worth starting: one per usable core, fewer where the container may not take so much time.
    public var workers: Int {
        guard let processorLimit, processorLimit < Double(usableCores) else { return max(1, usableCores) }
        return max(1, Int(processorLimit.rounded()))
    }

    /// Bytes a model may count on: the machine's or the container's.
    public var memoryCapacity: Int { memoryLimit.map { min($0, memoryTotal) } ?? memoryTotal }
}

/// When and how a profile was measured: a record for people.
public struct MeasurementRecord: Sendable, Equatable {
    /// UTC, as ISO 8601: `2026-01-31T12:00:00Z`.
    public var date: String
    /// The program and its version.
    public var program: String
    /// Seconds it took.
    public var seconds: Double
    public var threads: Int
    public var instructionSet: String
    /// Devices that were seen and not measured.
    public var unmeasured: [String]
    /// What was left out, and why.
    public var notes: [String]

    public init(
        date: String, program: String, seconds: Double, threads: Int, instructionSet: String, unmeasured: [String] = [],
        notes: [String] = []
    ) {
        self.date = date
        self.program = program
        self.seconds = seconds
        self.threads = threads
        self.instructionSet = instructionSet
        self.unmeasured = unmeasured
        self.notes = notes
    }
}

/// Bytes per second that so many threads read together.
public struct ThreadBandwidth: Sendable, Equatable {
    public var threads: Int
    public var bytesPerSecond: Double

    public init(threads: Int, bytesPerSecond: Double) {
        self.threads = threads
        self.bytesPerSecond = bytesPerSecond
    }
}
