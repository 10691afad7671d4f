public import Checkpoints
public import Models
public import Plans
public import Runtime

/// An opened checkpoint with everything known about it, nothing of it in memory yet.
public final class Model: Sendable {
    public let checkpoint: Checkpoint
    public let spec: ModelSpec
    public let defaults: GenerationDefaults
    public let text: ModelText

    /// Opens and checks a GGUF file or a Hugging Face directory; its tokenizer is read when first needed.
    public init(path: String) throws {
        checkpoint = try Checkpoint.open(path: path)
        guard !checkpoint.tensors.isEmpty else { throw LoadError.onlyVocabulary(path: path) }
        spec = try ModelSpec(checkpoint: checkpoint)
        defaults = try GenerationDefaults(checkpoint: checkpoint)
        text = ModelText(checkpoint: checkpoint)
    }

    /// Positions that can be used: the model's.
    public var contextLength: Int { max(1, spec.contextLength) }

    /// Bytes of the weights as the checkpoint stores them.
    public var weightBytes: Int { spec.formats.reduce(0) { $0 + $1.bytes } }
    /// Bytes the weights take in memory, packed for the processor.
    public var packedBytes: Int { Executor.weightBytes(model: spec) }

    /// Tokens that end a reply, within the vocabulary; reads the tokenizer where the checkpoint's own list may be short.
    public func endTokens() throws -> Set<Int32> {
        try text.endTokens(listed: defaults.endOfSequence).filter { $0 >= 0 && Int($0) < spec.vocabularySize }
    }

    /// What the authors advise; greedy where they say nothing, as transformers does.
    public var samplingDefaults: SamplingParameters {
        let repetitionPenalty = defaults.repetitionPenalty ?? 1
        let isSilent = defaults.temperature == nil && defaults.topK == nil && defaults.topP == nil && defaults.minP == nil
        if defaults.isSampling == false || (isSilent && defaults.isSampling == nil) || defaults.temperature == 0 {
            return SamplingParameters(repetitionPenalty: repetitionPenalty)
        }
        return SamplingParameters(
            temperature: defaults.temperature ?? 1, topK: defaults.topK ?? 50, topP: defaults.topP ?? 1, minP: defaults.minP ?? 0,
            repetitionPenalty: repetitionPenalty)
    }

    /// Refuses options that mean nothing and models that do not fit, before any work.
    public func check(_ options: LoadOptions) throws {
        guard (1...1024).contains(options.threads) else {
            throw LoadError.invalidOption("\(options.threads) threads were asked for; from 1 to 1024 are possible")
        }
        guard (1...contextLength).contains(options.contextLength) else {
            throw LoadError.invalidOption(
                "a context of \(options.contextLength) tokens was asked for; the model allows from 1 to \(contextLength)")
        }
        guard (1...4096).contains(options.sequences) else {
            throw LoadError.invalidOption("\(options.sequences) sequences were asked for; from 1 to 4096 are possible")
        }
        // A plan that is given says itself what it needs.
        if options.plan != nil { return }
        guard let available = ProcessMemory.available else { return }
        let tokens = options.contextLength.multipliedReportingOverflow(by: options.sequences)
        let keyValue =
            tokens.overflow ? .max : Executor.keyValueBytes(model: spec, format: options.keyValueFormat, tokens: tokens.partialValue)
        guard !tokens.overflow, packedBytes.addingReportingOverflow(keyValue).overflow == false, packedBytes + keyValue <= available else {
            throw LoadError.doesNotFit(
                weights: packedBytes, keyValue: keyValue, contextLength: options.contextLength, sequences: options.sequences,
                available: available)
        }
    }

    /// Packs the weights and makes room for the cache. `progress` gets values in 0...1.
    public func makeExecutor(_ options: LoadOptions, progress: ((Double) -> Void)? = nil) throws -> Executor {
        try check(options)
        let executorOptions = Executor.Options(
            instructionSet: options.instructionSet, threads: options.threads, emulated: options.emulated,
            diskDirectory: options.diskDirectory, trace: options.trace)
        return try Executor(plan: plan(options), model: spec, checkpoint: checkpoint, options: executorOptions, progress: progress)
    }
}
