public import Devices
public import Plans
public import Runtime

/// How a model is to be loaded.
public struct LoadOptions: Sendable {
    /// Worker threads.
    public var threads: Int
    /// Tokens of KV cache per sequence.
    public var contextLength: Int
    /// Sequences that can have a full context at once.
    public var sequences: Int
    public var keyValueFormat: KeyValueFormat
    /// Most tokens per step.
    public var stepTokens: Int
    /// Most logits rows per step.
    public var stepLogits: Int
    /// Kernels to use; nil: the best this processor has.
    public var instructionSet: InstructionSet?
    /// What runs where, as it was read; nil: everything resident on the processor. It decides the KV cache and the size of steps.
    public var plan: Plan?
    /// Devices that do not exist, by the keys of the plan's GPUs.
    public var emulated: [Emulation]
    /// A folder on the plan's disk.
    public var diskDirectory: String
    /// Records what a run does; nil: nothing is recorded.
    public var trace: RunTrace?

    public init(
        threads: Int = ProcessorTopology.coreCount, contextLength: Int, sequences: Int = 1, keyValueFormat: KeyValueFormat = .f16,
        stepTokens: Int = 512, stepLogits: Int = 64, instructionSet: InstructionSet? = nil, plan: Plan? = nil,
        emulated: [Emulation] = [], diskDirectory: String? = nil, trace: RunTrace? = nil
    ) {
        self.threads = threads
        self.contextLength = contextLength
        self.sequences = sequences
        self.keyValueFormat = keyValueFormat
        self.stepTokens = stepTokens
        self.stepLogits = stepLogits
        self.instructionSet = instructionSet
        self.plan = plan
        self.emulated = emulated
        self.diskDirectory = diskDirectory ?? CacheFolder.path ?? "/var/tmp"
        self.trace = trace
    }
}

/// Why a model cannot be loaded as asked.
public enum LoadError: Error, Sendable, CustomStringConvertible {
    case onlyVocabulary(path: String)
    case invalidOption(String)
    /// The plan that was given cannot be run here, and why.
    case plan(String)
    /// No plan within the limits fits, and why.
    case nothingFits(String)
    /// Bytes.
    case doesNotFit(weights: Int, keyValue: Int, contextLength: Int, sequences: Int, available: Int)

    public var description: String {
        switch self {
        case .onlyVocabulary(let path): "\(path): holds a vocabulary only, no model to run"
        case .invalidOption(let what): what
        case .plan(let what): "the plan cannot be run: \(what)"
        case .nothingFits(let what): "does not fit: \(what)"
        case .doesNotFit(let weights, let keyValue, let contextLength, let sequences, let available):
            "does not fit: weights \(Size.text(weights)) and key/value cache \(Size.text(keyValue)) "
                + "(\(sequences == 1 ? "" : "\(sequences) sequences of ")\(contextLength) tokens), "
                + "\(Size.text(available)) of memory are available; "
                + "a smaller --context, --kv q8 or a smaller model would help"
        }
    }
}
