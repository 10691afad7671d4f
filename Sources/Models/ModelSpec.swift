public import Checkpoints

/// A decoder-only transformer described as data: hyper-parameters, layers, modules and the tensors behind them.
///
/// Built from a checkpoint's header (one short file per architecture) or built in for well-known models. Planner and executor cut it
/// anywhere: nothing here says where a weight lives or who multiplies it.
public struct ModelSpec: Sendable, Codable, Equatable {
    /// The checkpoint's own word, for example `llama`, `qwen2`, `OPTForCausalLM`.
    public var architecture: String
    public var name: String?
    public var vocabularySize: Int
    /// Positions the model was trained for (tokens).
    public var contextLength: Int
    public var hiddenSize: Int
    public var embedding: EmbeddingSpec
    public var positions: PositionSpec
    public var layers: [LayerSpec]
    /// Applied after the last layer; nil where the architecture has none (OPT-350M).
    public var finalNorm: NormSpec?
    /// Projects hidden states back to `embedding.size` before the output matrix (OPT-350M's `project_out`).
    public var outputProjection: LinearSpec?
    /// Vocabulary x embedding size. With tied embeddings it names the embedding's tensor.
    public var output: LinearSpec

    public init(
        architecture: String, name: String? = nil, vocabularySize: Int, contextLength: Int, hiddenSize: Int, embedding: EmbeddingSpec,
        positions: PositionSpec, layers: [LayerSpec], finalNorm: NormSpec?, outputProjection: LinearSpec? = nil, output: LinearSpec
    ) {
        self.architecture = architecture
        self.name = name
        self.vocabularySize = vocabularySize
        self.contextLength = contextLength
        self.hiddenSize = hiddenSize
        self.embedding = embedding
        self.positions = positions
        self.layers = layers
        self.finalNorm = finalNorm
        self.outputProjection = outputProjection
        self.output = output
    }
}

/// Token embedding: a table of vocabulary x size, and what happens before the first layer.
public struct EmbeddingSpec: Sendable, Codable, Equatable {
    public var table: TensorReference
    /// Columns of the table; differs from the hidden size only where `projection` exists.
    public var size: Int
    /// Projects the embedding to the hidden size (OPT-350M's `project_in`).
    public var projection: LinearSpec?

    public init(table: TensorReference, size: Int, projection: LinearSpec? = nil) {
        self.table = table
        self.size = size
        self.projection = projection
    }
}

/// How token positions enter the model.
public enum PositionSpec: Sendable, Codable, Equatable {
    case rotary(RotarySpec)
    /// A table of learned positions (count + offset rows x hidden); row of position p is p + offset (OPT: 2).
    case learned(table: TensorReference, offset: Int)
}

/// Rotary embedding (arXiv 2104.09864).
public struct RotarySpec: Sendable, Codable, Equatable {
    /// Which two elements of a head form a pair.
    public enum Pairing: String, Sendable, Codable {
        /// (i, i + dimensions/2): Hugging Face checkpoints, GGUF of Qwen.
        case halves
        /// (2i, 2i + 1): GGUF of Llama and Mistral.
        case interleaved
    }

    public var base: Double
    /// Rotated elements of each head, from its first one.
    public var dimensions: Int
    public var pairing: Pairing
    /// Each pair's angle per position: `inverseFrequencies[i] = base^(-2i/dimensions)` after any scaling; `dimensions / 2` values.
    public var inverseFrequencies: [Double]
    /// Multiplies the sine and cosine (1 but for YaRN-like scalings).
    public var magnitude: Double

    public init(base: Double, dimensions: Int, pairing: Pairing, inverseFrequencies: [Double], magnitude: Double = 1) {
        self.base = base
        self.dimensions = dimensions
        self.pairing = pairing
        self.inverseFrequencies = inverseFrequencies
        self.magnitude = magnitude
    }
}

/// One decoder layer: attention and feed-forward, each with a norm before (or, `postNorm`, after the residual sum).
public struct LayerSpec: Sendable, Codable, Equatable {
    public var attention: AttentionSpec
    public var feedForward: FeedForwardSpec
    public var attentionNorm: NormSpec
    public var feedForwardNorm: NormSpec
    /// true: `x = norm(x + f(x))` (OPT-350M); false: `x = x + f(norm(x))`.
    public var postNorm: Bool

    public init(
        attention: AttentionSpec, feedForward: FeedForwardSpec, attentionNorm: NormSpec, feedForwardNorm: NormSpec, postNorm: Bool = false
    ) {
        self.attention = attention
        self.feedForward = feedForward
        self.attentionNorm = attentionNorm
        self.feedForwardNorm = feedForwardNorm
        self.postNorm = postNorm
    }
}

/// Multi-head attention with grouped key/value heads.
public struct AttentionSpec: Sendable, Codable, Equatable {
    public var headCount: Int
    public var keyValueHeadCount: Int
    public var headSize: Int
    /// Multiplies q.k, usually headSize^-0.5.
    public var scale: Double
    /// Positions a token may look back to, itself included; nil: all.
    public var slidingWindow: Int?
    public var query: LinearSpec
    public var key: LinearSpec
    public var value: LinearSpec
    public var output: LinearSpec
    /// RMSNorm over each head before rotation (Qwen3).
    public var queryNorm: NormSpec?
    public var keyNorm: NormSpec?

    public init(
        headCount: Int, keyValueHeadCount: Int, headSize: Int, scale: Double, slidingWindow: Int? = nil, query: LinearSpec, key: LinearSpec,
        value: LinearSpec, output: LinearSpec, queryNorm: NormSpec? = nil, keyNorm: NormSpec? = nil
    ) {
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headSize = headSize
        self.scale = scale
        self.slidingWindow = slidingWindow
        self.query = query
        self.key = key
        self.value = value
        self.output = output
        self.queryNorm = queryNorm
        self.keyNorm = keyNorm
    }
}

public enum Activation: String, Sendable, Codable {
    case relu
    case silu
    /// x * Phi(x) with the error function.
    case gelu
    /// The tanh approximation (`gelu_new`, `gelu_pytorch_tanh`).
    case geluTanh
}

/// Feed-forward part: `down(act(up x))`, or with a gate `down(act(gate x) * up x)`.
public struct FeedForwardSpec: Sendable, Codable, Equatable {
    public var size: Int
    public var activation: Activation
    public var gate: LinearSpec?
    public var up: LinearSpec
    public var down: LinearSpec

    public init(size: Int, activation: Activation, gate: LinearSpec? = nil, up: LinearSpec, down: LinearSpec) {
        self.size = size
        self.activation = activation
        self.gate = gate
        self.up = up
        self.down = down
    }
}

public struct NormSpec: Sendable, Codable, Equatable {
    public enum Kind: String, Sendable, Codable {
        case rms
        case layer
    }

    public var kind: Kind
    public var epsilon: Double
    public var weight: TensorReference
    public var bias: TensorReference?

    public init(kind: Kind, epsilon: Double, weight: TensorReference, bias: TensorReference? = nil) {
        self.kind = kind
        self.epsilon = epsilon
        self.weight = weight
        self.bias = bias
    }
}

/// y = W x + b, W of `outputs` rows and `inputs` columns.
public struct LinearSpec: Sendable, Codable, Equatable {
    public var outputs: Int
    public var inputs: Int
    public var weight: TensorReference
    public var bias: TensorReference?

    public init(outputs: Int, inputs: Int, weight: TensorReference, bias: TensorReference? = nil) {
        self.outputs = outputs
        self.inputs = inputs
        self.weight = weight
        self.bias = bias
    }
}

/// A tensor of the checkpoint, or the part of it that one module uses.
public struct TensorReference: Sendable, Codable, Equatable, Hashable {
    /// The tensor's name in the checkpoint.
    public var name: String
    public var format: TensorFormat
    /// As *used*: outermost dimension first, after `rows` and `transposed` are applied.
    public var shape: [Int]
    /// First output row of a fused tensor (GPT-2's `c_attn`); the count is `shape[0]`. 0 where the tensor is not fused.
    public var rowOffset: Int
    /// true where the file stores inputs x outputs (GPT-2's Conv1D); `rowOffset` then counts the file's columns.
    public var transposed: Bool

    public init(name: String, format: TensorFormat, shape: [Int], rowOffset: Int = 0, transposed: Bool = false) {
        self.name = name
        self.format = format
        self.shape = shape
        self.rowOffset = rowOffset
        self.transposed = transposed
    }
}
