public import Checkpoints

/// A model as the planner sees it: how many weights each module has, how they divide, and what a token costs in them.
///
/// Made from a checkpoint's `ModelSpec`, or built in (`BuiltInModels`) for models one does not have. It knows experts and latent attention,
/// which the executor does not run yet: one can plan for more than one can run.
public struct ModelShape: Sendable, Equatable {
    public var name: String
    public var vocabularySize: Int
    public var contextLength: Int
    public var hiddenSize: Int
    /// Equal neighbours share one entry: model with 80 equal layers is one run of 80.
    public var runs: [LayerRun]
    /// Token table, position table, projections beside the layers, in elements.
    public var embeddingElements: Int
    /// Output matrix; stored once more only where `tied` is false.
    public var outputElements: Int
    public var tied: Bool
    public var finalNormElements: Int
    /// What weights of built-in models are stored in, or the most frequent format of a checkpoint.
    public var format: TensorFormat
    /// Bytes of one weight, averaged over a checkpoint's formats.
    public var bytesPerElement: Double
    /// What a checkpoint that mixes formats stores its multiplied matrices in, shares adding up to 1; empty: all in `format`.
    public var formats: [FormatShare] = []
    /// What its multiplied matrices are stored in, where that is known one by one; empty: as `formats` and `format` say.
    public var storedFormats: [TensorFormat] = []

    /// Of the checkpoint that it is the shape of (`Checkpoint.fingerprintText`); empty: a shape alone.
    public var fingerprint = ""

    /// Formats of the multiplied matrices: they decide where these may be cut (`CutGrain`).
    public var matrixFormats: [TensorFormat] {
        if !storedFormats.isEmpty { return storedFormats }
        return formats.isEmpty ? [format] : formats.map(\.format)
    }

    public struct FormatShare: Sendable, Equatable {
        public var format: TensorFormat
        /// Of the elements.
        public var share: Double

        public init(format: TensorFormat, share: Double) {
            self.format = format
            self.share = share
        }
    }

    public struct LayerRun: Sendable, Equatable {
        public var count: Int
        public var layer: LayerShape

        public init(count: Int, layer: LayerShape) {
            self.count = count
            self.layer = layer
        }
    }

    public init(
        name: String, vocabularySize: Int, contextLength: Int, hiddenSize: Int, runs: [LayerRun], embeddingElements: Int,
        outputElements: Int,
        tied: Bool,
        finalNormElements: Int, format: TensorFormat = .f16, bytesPerElement: Double? = nil
    ) {
        self.name = name
        self.vocabularySize = vocabularySize
        self.contextLength = contextLength
        self.hiddenSize = hiddenSize
        self.runs = runs
        self.embeddingElements = embeddingElements
        self.outputElements = outputElements
        self.tied = tied
        self.finalNormElements = finalNormElements
        self.format = format
        self.bytesPerElement = bytesPerElement ?? format.bytesPerElement
    }

    public var layerCount: Int { runs.reduce(0) { $0 + $1.count } }

    public func layer(_ index: Int) -> LayerShape {
        var rest = index
        for run in runs {
            if rest < run.count { return run.layer }
            rest -= run.count
        }
        preconditionFailure("layer \(index) of \(layerCount)")
    }

    /// Parameters, as papers count them.
    public var parameterCount: Int {
        runs.reduce(0) { $0 + $1.count * $1.layer.elements } + embeddingElements + (tied ? 0 : outputElements) + finalNormElements
    }

    /// Parameters that take part in one token: experts that are not chosen left out.
    public var activeParameterCount: Int {
        runs.reduce(0) { $0 + $1.count * $1.layer.activeElements } + embeddingElements + (tied ? 0 : outputElements) + finalNormElements
    }

    /// The same model with its weights stored in another format.
    public func stored(in format: TensorFormat) -> ModelShape {
        var shape = self
        shape.format = format
        shape.bytesPerElement = format.bytesPerElement
        shape.formats = []
        shape.storedFormats = []
        // No checkpoint is stored so.
        shape.fingerprint = ""
        return shape
    }
}

/// One layer: attention, feed-forward, and the small vectors (norms, biases are counted with their matrices).
public struct LayerShape: Sendable, Equatable {
    public var attention: AttentionShape
    public var feedForward: FeedForwardShape
    public var normElements: Int

    public init(attention: AttentionShape, feedForward: FeedForwardShape, normElements: Int) {
        self.attention = attention
        self.feedForward = feedForward
        self.normElements = normElements
    }

    public var elements: Int { attention.elements + feedForward.elements + normElements }
    public var activeElements: Int { attention.elements + feedForward.activeElements + normElements }
}

/// Attention of a layer. Unit of division: a KV head with its query heads.
public struct AttentionShape: Sendable, Equatable {
    public var headCount: Int
    public var keyValueHeadCount: Int
    /// Elements of a head in q.k, and in the sum over values.
    public var keySize: Int
    public var valueSize: Int
    /// Weights and biases of all projections.
    public var elements: Int
    /// Elements one token adds to the KV cache of this layer.
    public var keyValueElements: Int
    public var slidingWindow: Int?

    public init(
        headCount: Int, keyValueHeadCount: Int, keySize: Int, valueSize: Int, elements: Int, keyValueElements: Int,
        slidingWindow: Int? = nil
    ) {
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.keySize = keySize
        self.valueSize = valueSize
        self.elements = elements
        self.keyValueElements = keyValueElements
        self.slidingWindow = slidingWindow
    }

    /// Operations of one token against one earlier position: q.k and the weighted sum.
    public var operationsPerPosition: Double { 2 * Double(headCount) * Double(keySize + valueSize) }
}

/// Feed-forward of a layer. Unit of division: an FFN column, or an expert where there are experts.
public struct FeedForwardShape: Sendable, Equatable {
    /// Columns of the dense FFN or of one expert.
    public var size: Int
    /// Weights of one unit (column or expert).
    public var elementsPerUnit: Int
    public var units: Int
    /// Weights every token uses whichever expert it takes: router, shared experts, output bias.
    public var sharedElements: Int
    /// Experts a token takes; nil: a dense FFN.
    public var expertsPerToken: Int?

    public init(size: Int, elementsPerUnit: Int, units: Int, sharedElements: Int = 0, expertsPerToken: Int? = nil) {
        self.size = size
        self.elementsPerUnit = elementsPerUnit
        self.units = units
        self.sharedElements = sharedElements
        self.expertsPerToken = expertsPerToken
    }

    public var elements: Int { units * elementsPerUnit + sharedElements }
    public var activeElements: Int { (expertsPerToken ?? units) * elementsPerUnit + sharedElements }

    /// Share of the unit weights that `tokens` tokens touch when experts are chosen evenly: 1 - (1 - k/n)^tokens; 1 for dense ones.
    public func touchedShare(tokens: Double) -> Double {
        guard let expertsPerToken else { return 1 }
        let missed = 1 - Double(expertsPerToken) / Double(max(1, units))
        var power = 1.0
        var base = missed
        var exponent = Int(min(1e6, max(1, tokens)))
        while exponent > 0 {
            if exponent & 1 == 1 { power *= base }
            base *= base
            exponent >>= 1
        }
        return 1 - power
    }
}

extension TensorFormat {
    public var bytesPerElement: Double { Double(blockBytes) / Double(blockElements) }
}
