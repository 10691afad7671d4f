/// Shapes of well-known models, from their published configurations.
public enum BuiltInModels {
    public static let all: [ModelShape] = opt + llama + qwen + mistral + others

    /// The model of that name: the same letters and digits in any case (`OPT-30B`, `opt 30b`).
    public static func named(_ name: String) -> ModelShape? {
        func plain(_ text: String) -> String { String(text.lowercased().filter { $0.isLetter || $0.isNumber || $0 == "." }) }
        return all.first { plain($0.name) == plain(name) }
    }

    /// Grouped-query attention and a gated FFN, RMSNorm: Llama, Mistral and Qwen.
    public static func gated(
        _ name: String, layers: Int, hidden: Int, heads: Int, keyValueHeads: Int, headSize: Int? = nil, ffn: Int, vocabulary: Int,
        context: Int,
        tied: Bool = false,
        queryBias: Bool = false, headNorms: Bool = false, window: Int? = nil, experts: Int? = nil, expertsPerToken: Int? = nil
    ) -> ModelShape {
        let size = headSize ?? hidden / heads
        let query = heads * size
        let keyValue = keyValueHeads * size
        var attention = 2 * hidden * query + 2 * hidden * keyValue
        if queryBias { attention += query + 2 * keyValue }
        if headNorms { attention += 2 * size }
        let feedForward =
            if let experts {
                FeedForwardShape(
                    size: ffn, elementsPerUnit: 3 * hidden * ffn, units: experts, sharedElements: hidden * experts,
                    expertsPerToken: expertsPerToken)
            } else {
                FeedForwardShape(size: ffn, elementsPerUnit: 3 * hidden, units: ffn)
            }
        let layer = LayerShape(
            attention: AttentionShape(
                headCount: heads, keyValueHeadCount: keyValueHeads, keySize: size, valueSize: size, elements: attention,
                keyValueElements: 2 * keyValue,
                slidingWindow: window),
            feedForward: feedForward, normElements: 2 * hidden)
        return ModelShape(
            name: name, vocabularySize: vocabulary, contextLength: context, hiddenSize: hidden, runs: [.init(count: layers, layer: layer)],
            embeddingElements: vocabulary * hidden, outputElements: vocabulary * hidden, tied: tied, finalNormElements: hidden)
    }

    /// Multi-head attention and a plain FFN of four times the hidden size, LayerNorm, biases, learned positions, tied output: OPT and GPT.
    static func classic(
        _ name: String, layers: Int, hidden: Int, heads: Int, vocabulary: Int, positions: Int, context: Int
    ) -> ModelShape {
        let ffn = 4 * hidden
        let layer = LayerShape(
            attention: AttentionShape(
                headCount: heads, keyValueHeadCount: heads, keySize: hidden / heads, valueSize: hidden / heads,
                elements: 4 * hidden * hidden + 4 * hidden,
                keyValueElements: 2 * hidden),
            feedForward: FeedForwardShape(size: ffn, elementsPerUnit: 2 * hidden + 1, units: ffn, sharedElements: hidden),
            normElements: 4 * hidden)
        return ModelShape(
            name: name, vocabularySize: vocabulary, contextLength: context, hiddenSize: hidden, runs: [.init(count: layers, layer: layer)],
            embeddingElements: vocabulary * hidden + positions * hidden, outputElements: vocabulary * hidden, tied: true,
            finalNormElements: 2 * hidden)
    }

    /// arXiv 2205.01068, table 1.
    static let opt: [ModelShape] = [
        ("OPT-1.3B", 24, 2048, 32), ("OPT-2.7B", 32, 2560, 32), ("OPT-6.7B", 32, 4096, 32), ("OPT-13B", 40, 5120, 40),
        ("OPT-30B", 48, 7168, 56),
        ("OPT-66B", 64, 9216, 72), ("OPT-175B", 96, 12288, 96),
    ].map { name, layers, hidden, heads in
        classic(name, layers: layers, hidden: hidden, heads: heads, vocabulary: 50272, positions: 2050, context: 2048)
    }

    static let llama: [ModelShape] = [
        // LLaMA (arXiv 2302.13971) 7B has Llama-2 7B's shape with half the context.
        gated("LLaMA-7B", layers: 32, hidden: 4096, heads: 32, keyValueHeads: 32, ffn: 11008, vocabulary: 32000, context: 2048),
        gated("Llama-2-7B", layers: 32, hidden: 4096, heads: 32, keyValueHeads: 32, ffn: 11008, vocabulary: 32000, context: 4096),
        gated("Llama-2-13B", layers: 40, hidden: 5120, heads: 40, keyValueHeads: 40, ffn: 13824, vocabulary: 32000, context: 4096),
        gated("Llama-2-70B", layers: 80, hidden: 8192, heads: 64, keyValueHeads: 8, ffn: 28672, vocabulary: 32000, context: 4096),
        gated(
            "Llama-3.2-1B", layers: 16, hidden: 2048, heads: 32, keyValueHeads: 8, ffn: 8192, vocabulary: 128256, context: 131072,
            tied: true),
        gated(
            "Llama-3.2-3B", layers: 28, hidden: 3072, heads: 24, keyValueHeads: 8, ffn: 8192, vocabulary: 128256, context: 131072,
            tied: true),
        gated("Llama-3.1-8B", layers: 32, hidden: 4096, heads: 32, keyValueHeads: 8, ffn: 14336, vocabulary: 128256, context: 131072),
        gated("Llama-3.3-70B", layers: 80, hidden: 8192, heads: 64, keyValueHeads: 8, ffn: 28672, vocabulary: 128256, context: 131072),
        gated("Llama-3.1-70B", layers: 80, hidden: 8192, heads: 64, keyValueHeads: 8, ffn: 28672, vocabulary: 128256, context: 131072),
        gated("Llama-3.1-405B", layers: 126, hidden: 16384, heads: 128, keyValueHeads: 8, ffn: 53248, vocabulary: 128256, context: 131072),
    ]

    static let qwen: [ModelShape] =
        [
            ("Qwen2.5-0.5B", 24, 896, 14, 2, 4864, 151936, true), ("Qwen2.5-1.5B", 28, 1536, 12, 2, 8960, 151936, true),
            ("Qwen2.5-3B", 36, 2048, 16, 2, 11008, 151936, true), ("Qwen2.5-7B", 28, 3584, 28, 4, 18944, 152064, false),
            ("Qwen2.5-14B", 48, 5120, 40, 8, 13824, 152064, false), ("Qwen2.5-32B", 64, 5120, 40, 8, 27648, 152064, false),
            ("Qwen2.5-72B", 80, 8192, 64, 8, 29568, 152064, false),
        ].map { name, layers, hidden, heads, keyValueHeads, ffn, vocabulary, tied in
            gated(
                name, layers: layers, hidden: hidden, heads: heads, keyValueHeads: keyValueHeads, ffn: ffn, vocabulary: vocabulary,
                context: 32768,
                tied: tied,
                queryBias: true)
        }
        + [
            ("Qwen3-0.6B", 28, 1024, 16, 3072, true), ("Qwen3-1.7B", 28, 2048, 16, 6144, true), ("Qwen3-4B", 36, 2560, 32, 9728, true),
            ("Qwen3-8B", 36, 4096, 32, 12288, false), ("Qwen3-14B", 40, 5120, 40, 17408, false), ("Qwen3-32B", 64, 5120, 64, 25600, false),
        ].map { name, layers, hidden, heads, ffn, tied in
            gated(
                name, layers: layers, hidden: hidden, heads: heads, keyValueHeads: 8, headSize: 128, ffn: ffn, vocabulary: 151936,
                context: 40960,
                tied: tied,
                headNorms: true)
        } + [
            gated(
                "Qwen3-30B-A3B", layers: 48, hidden: 2048, heads: 32, keyValueHeads: 4, headSize: 128, ffn: 768, vocabulary: 151936,
                context: 40960,
                headNorms: true, experts: 128, expertsPerToken: 8),
            gated(
                "Qwen3-235B-A22B", layers: 94, hidden: 4096, heads: 64, keyValueHeads: 4, headSize: 128, ffn: 1536, vocabulary: 151936,
                context: 40960,
                headNorms: true, experts: 128, expertsPerToken: 8),
        ]

    static let mistral: [ModelShape] = [
        gated(
            "Mistral-7B", layers: 32, hidden: 4096, heads: 32, keyValueHeads: 8, ffn: 14336, vocabulary: 32000, context: 32768, window: 4096
        ),
        gated(
            "Mixtral-8x7B", layers: 32, hidden: 4096, heads: 32, keyValueHeads: 8, ffn: 14336, vocabulary: 32000, context: 32768,
            experts: 8,
            expertsPerToken: 2),
    ]

    static let others: [ModelShape] = [
        // HPipe's second model; the paper gives its size only: GPT-3's family has 2.7B with 32 layers of 2560, cut here to 24 for 2.0e9.
        classic("GPT3-2B", layers: 24, hidden: 2560, heads: 32, vocabulary: 50257, positions: 2048, context: 2048),
        deepSeekV3,
    ]

    /// arXiv 2412.19437: latent attention (512 + 64 cached elements per token and layer), 3 dense layers, 58 with 256 experts, 8 per token
    /// and one shared.
    static let deepSeekV3: ModelShape = {
        let hidden = 7168
        let heads = 128
        let queryRank = 1536
        let latent = 512
        let rotary = 64
        let noPosition = 128
        let value = 128
        let attention = AttentionShape(
            headCount: heads, keyValueHeadCount: heads, keySize: latent + rotary, valueSize: latent,
            elements: hidden * queryRank + queryRank + queryRank * heads * (noPosition + rotary) + hidden * (latent + rotary) + latent
                + latent * heads * (noPosition + value) + heads * value * hidden,
            keyValueElements: latent + rotary)
        let dense = FeedForwardShape(size: 18432, elementsPerUnit: 3 * hidden, units: 18432)
        let experts = FeedForwardShape(
            size: 2048, elementsPerUnit: 3 * hidden * 2048, units: 256, sharedElements: 3 * hidden * 2048 + 256 * hidden + 256,
            expertsPerToken: 8)
        return ModelShape(
            name: "DeepSeek-V3", vocabularySize: 129280, contextLength: 163840, hiddenSize: hidden,
            runs: [
                .init(count: 3, layer: LayerShape(attention: attention, feedForward: dense, normElements: 2 * hidden)),
                .init(count: 58, layer: LayerShape(attention: attention, feedForward: experts, normElements: 2 * hidden)),
            ], embeddingElements: 129280 * hidden, outputElements: 129280 * hidden, tied: false, finalNormElements: hidden)
    }()
}
