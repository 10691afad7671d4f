public import Checkpoints

/// Where every weight, every KV block and every multiplication goes. Plain data: the planner writes it, the executor obeys it.
///
/// Invariant (`PlanCheck`): in every replica the stages cover all modules of all layers once and in order, and each module's shards cover the module exactly once.
public struct Plan: Sendable, Equatable {
    /// Version of this format; readers refuse others.
    public static let currentVersion = 1

    public var version: Int
    /// Fingerprint of the checkpoint's header this plan is for; empty where planned for a model that is not at hand.
    public var model: String
    /// Fingerprint of the profile this plan was made from; empty for plans made without one.
    public var profile: String
    public var devices: [PlannedDevice]
    public var memories: [PlannedMemory]
    public var replicas: [Replica]
    public var prediction: Prediction?

    public init(
        version: Int = Plan.currentVersion, model: String, profile: String, devices: [PlannedDevice], memories: [PlannedMemory], replicas: [Replica],
        prediction: Prediction? = nil
    ) {
        self.version = version
        self.model = model
        self.profile = profile
        self.devices = devices
        self.memories = memories
        self.replicas = replicas
        self.prediction = prediction
    }
}

/// A device as the plan names it.
public struct PlannedDevice: Sendable, Equatable {
    public enum Kind: String, Sendable {
        case cpu
        case gpu
    }

    public var id: DeviceID
    public var machine: MachineID
    public var kind: Kind
    /// For people, for example `cpu0` or `gpu1 (RTX 3090)`.
    public var name: String
    /// Worker threads (CPU only).
    public var threads: Int?

    public init(id: DeviceID, machine: MachineID, kind: Kind, name: String, threads: Int? = nil) {
        self.id = id
        self.machine = machine
        self.kind = kind
        self.name = name
        self.threads = threads
    }
}

/// A memory as the plan names it.
public struct PlannedMemory: Sendable, Equatable {
    public enum Kind: String, Sendable {
        case host
        case gpu
        case disk
    }

    public var id: MemoryID
    public var machine: MachineID
    public var kind: Kind
    public var name: String
    /// Bytes the plan may use of it; nil: not limited by the plan.
    public var capacity: Int?

    public init(id: MemoryID, machine: MachineID, kind: Kind, name: String, capacity: Int? = nil) {
        self.id = id
        self.machine = machine
        self.kind = kind
        self.name = name
        self.capacity = capacity
    }
}

/// A chain of stages that holds the whole model.
public struct Replica: Sendable, Equatable {
    /// In pipeline order.
    public var stages: [Stage]
    public var block: BlockGeometry
    /// How prompts are cut, by prompt length; empty: prompts are not cut by the plan.
    public var sliceTables: [SliceTable]

    public init(stages: [Stage], block: BlockGeometry = .single, sliceTables: [SliceTable] = []) {
        self.stages = stages
        self.block = block
        self.sliceTables = sliceTables
    }
}

/// Consecutive layers on one machine, shared by one or more of its devices. The first may lack its attention and the last its feed-forward (`Stage+Modules.swift`).
public struct Stage: Sendable, Equatable {
    public var machine: MachineID
    /// First layer and one past the last.
    public var layers: Range<Int>
    /// true on the stage that embeds tokens / on the stage that computes logits.
    public var hasEmbedding: Bool
    public var hasOutput: Bool
    public var placements: [ModulePlacement]
    public var keyValue: [KeyValueShare]
    /// Where hidden states live between layers.
    public var hiddenStates: MemoryID
    /// Bytes of staging buffers for streamed shards, per device.
    public var streamingWindow: Int

    public init(
        machine: MachineID, layers: Range<Int>, hasEmbedding: Bool, hasOutput: Bool, placements: [ModulePlacement], keyValue: [KeyValueShare],
        hiddenStates: MemoryID, streamingWindow: Int = 0
    ) {
        self.machine = machine
        self.layers = layers
        self.hasEmbedding = hasEmbedding
        self.hasOutput = hasOutput
        self.placements = placements
        self.keyValue = keyValue
        self.hiddenStates = hiddenStates
        self.streamingWindow = streamingWindow
    }
}

/// A weight-bearing part of the model.
public enum Module: Sendable, Equatable, Hashable {
    /// Unit: vocabulary rows.
    case embedding
    /// Unit: KV-head groups of the layer (a KV head with its query heads and its part of the output matrix).
    case attention(layer: Int)
    /// Unit: FFN columns (rows of gate and up, columns of down).
    case feedForward(layer: Int)
    /// Unit: vocabulary rows.
    case output
}

/// The shards of one module; together they cover it exactly once.
public struct ModulePlacement: Sendable, Equatable {
    public var module: Module
    public var shards: [Shard]

    public init(module: Module, shards: [Shard]) {
        self.module = module
        self.shards = shards
    }
}

/// A range of a module in one memory, and who multiplies it.
public struct Shard: Sendable, Equatable {
    /// In the module's natural unit.
    public var range: Range<Int>
    public var home: MemoryID
    /// Format it is kept in; nil: the checkpoint's own.
    public var format: TensorFormat?
    /// Ascending by `fromTokens`, the first entry 1: from so many tokens in a step on, this device computes.
    public var computers: [Computer]

    public struct Computer: Sendable, Equatable {
        public var fromTokens: Int
        public var device: DeviceID

        public init(fromTokens: Int = 1, device: DeviceID) {
            self.fromTokens = fromTokens
            self.device = device
        }
    }

    public init(range: Range<Int>, home: MemoryID, format: TensorFormat? = nil, computers: [Computer]) {
        self.range = range
        self.home = home
        self.format = format
        self.computers = computers
    }
}

/// How keys and values are stored.
public enum KeyValueFormat: String, Sendable, CaseIterable {
    case f16
    /// 8-bit with one scale per head and token.
    case q8
    /// 4-bit groups of 64 with scale and minimum (FlexGen).
    case q4
}

/// Which KV heads, or which fraction of the sequences, live in which memory; attention runs on `device`.
public struct KeyValueShare: Sendable, Equatable {
    /// KV heads of each layer of the stage.
    public var heads: Range<Int>
    /// Fraction of the sequences, in (0, 1].
    public var sequences: Double
    public var memory: MemoryID
    public var device: DeviceID
    /// Another device that attends in steps of so many tokens or more (a long prompt's, before its keys and values leave the GPU); nil: always `device`.
    public var bulk: Shard.Computer?
    public var format: KeyValueFormat
    /// Tokens of all sequences together that this share has room for; 0 where the plan leaves it to the executor's options.
    public var capacityTokens: Int

    public init(
        heads: Range<Int>, sequences: Double = 1, memory: MemoryID, device: DeviceID, bulk: Shard.Computer? = nil, format: KeyValueFormat,
        capacityTokens: Int
    ) {
        self.heads = heads
        self.sequences = sequences
        self.memory = memory
        self.device = device
        self.bulk = bulk
        self.format = format
        self.capacityTokens = capacityTokens
    }
}

/// What the cost model says of a plan. Seconds, bytes, tokens per second.
public struct Prediction: Sendable, Equatable {
    public var throughputTokensPerSecond: Double?
    public var timeToFirstTokenSeconds: Double?
    public var timePerOutputTokenSeconds: Double?
    public var sloAttainment: Double?
    /// Seconds of one step by resource name (`gpu0 compute`, `pcie0 to gpu0`, ...).
    public var prefillSeconds: [String: Double]
    public var decodeSeconds: [String: Double]
    public var memory: [MemoryUse]

    public struct MemoryUse: Sendable, Equatable {
        public var memory: MemoryID
        public var bytes: Int
        public var capacity: Int?

        public init(memory: MemoryID, bytes: Int, capacity: Int?) {
            self.memory = memory
            self.bytes = bytes
            self.capacity = capacity
        }
    }

    public init(
        throughputTokensPerSecond: Double? = nil, timeToFirstTokenSeconds: Double? = nil, timePerOutputTokenSeconds: Double? = nil,
        sloAttainment: Double? = nil, prefillSeconds: [String: Double] = [:], decodeSeconds: [String: Double] = [:], memory: [MemoryUse] = []
    ) {
        self.throughputTokensPerSecond = throughputTokensPerSecond
        self.timeToFirstTokenSeconds = timeToFirstTokenSeconds
        self.timePerOutputTokenSeconds = timePerOutputTokenSeconds
        self.sloAttainment = sloAttainment
        self.prefillSeconds = prefillSeconds
        self.decodeSeconds = decodeSeconds
        self.memory = memory
    }
}
