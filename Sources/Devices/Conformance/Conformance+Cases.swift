import CKernels
import Checkpoints

extension Conformance {
    /// How many shapes: a few seconds of an unoptimised build, or all.
    public enum Extent: Sendable { case representative, thorough }

    /// Every case of an operation, the same ones for the same seed.
    public static func cases(_ operation: KernelOperation, _ extent: Extent = .representative, seed: UInt64 = 1) -> [Case] {
        let kernels: [any KernelCase] =
            switch operation {
            case .product: products(extent, seed)
            case .chunkedProduct: chunkedProducts(extent, seed)
            case .packInput: packedInputs(extent, seed)
            case .packWeights: packedWeights(extent, seed)
            case .attention: attention(extent, seed)
            case .keyValueStore: storedKeyValues(extent, seed)
            case .rmsNorm: vectors(extent, seed) { _ in .rmsNorm }
            case .layerNorm: vectors(extent, seed) { .layerNorm(bias: $0 % 2 == 0) }
            case .activation: activations(extent, seed)
            case .rotation: rotations(extent, seed)
            case .addition: vectors(extent, seed) { _ in .addition }
            case .logSumExp: vectors(extent, seed, long: 5000) { _ in .logSumExp }
            case .dequantisation:
                TensorFormat.allCases.flatMap { format in
                    [1, 3].map { DequantisationCase(format: format, columns: $0 * max(format.blockElements, 17), seed: seed + UInt64($0)) }
                }
            }
        return kernels.map(Case.init)
    }

    /// Token counts and, in order, patterns and extras for each; rows not a multiple of 16, columns minimal, odd and longer.
    private static func products(_ extent: Extent, _ seed: UInt64) -> [any KernelCase] {
        let counts = extent == .thorough ? Array(1...40) : [1, 2, 3, 5, 7, 8, 13, 16, 21, 31]
        var cases: [any KernelCase] = []
        var turn = 0
        for format in TensorFormat.allCases {
            let columns: [Int] =
                switch format.blockElements {
                case 1: [1, 3, 17, 64, 131]
                case 32: [32, 96, 160]
                default: [256, 512]
                }
            for tokens in counts {
                let rows = [1, 37, 16, 80, 5, 48][turn % 6]
                // Many rows with many tokens: seconds of reference.
                let most = extent == .thorough ? rows : min(rows, tokens > 8 ? 20 : 80)
                cases.append(
                    ProductCase(
                        format: format, rows: most, columns: columns[turn % columns.count], tokens: tokens,
                        pattern: InputPattern.allCases[turn % InputPattern.allCases.count], bias: turn % 3 == 0, add: turn % 5 < 2,
                        seed: seed &+ UInt64(turn)))
                turn += 1
            }
            if extent == .thorough {
                for pattern in InputPattern.allCases {
                    cases.append(
                        ProductCase(
                            format: format, rows: 33, columns: format.blockElements == 1 ? 1001 : 2048, tokens: 1 + pattern.rawValue,
                            pattern: pattern,
                            bias: false, add: false, seed: seed &+ UInt64(turn)))
                    turn += 1
                }
            }
        }
        return cases
    }

    private static func packedInputs(_ extent: Extent, _ seed: UInt64) -> [any KernelCase] {
        let counts = extent == .thorough ? Array(1...40) : [1, 3, 6, 17, 29]
        var cases: [any KernelCase] = []
        for (kind, columns) in [
            (MK_INPUT_F32, [1, 5, 33]), (MK_INPUT_BF16, [1, 7, 34]), (MK_INPUT_Q32, [32, 96]), (MK_INPUT_Q256, [256]),
        ] {
            for (turn, tokens) in counts.enumerated() {
                cases.append(
                    PackInputCase(
                        kind: kind, columns: columns[turn % columns.count], tokens: tokens,
                        pattern: InputPattern.allCases[(turn + columns.count) % InputPattern.allCases.count], seed: seed &+ UInt64(turn)))
            }
        }
        return cases
    }

    /// Chunks as small as they may be and longer, several and only one, the last one whole or short. Huge inputs are none of these: their
    /// sums are out of range.
    private static func chunkedProducts(_ extent: Extent, _ seed: UInt64) -> [any KernelCase] {
        let patterns = InputPattern.allCases.filter { $0 != .huge }
        var cases: [any KernelCase] = []
        for format in TensorFormat.allCases {
            let block = format.blockElements
            let quantum = block == 1 ? 16 : 2 * block
            for turn in 0..<(extent == .thorough ? 60 : 6) {
                let chunk = quantum * [1, 2, 3, 1, 4][turn % 5]
                // Columns beyond whole chunks.
                let rest = [0, block, quantum - block, 0, quantum][turn % 5] % chunk
                let columns = chunk * (extent == .thorough ? 1 + turn % 6 : [3, 1, 2, 4, 2, 5][turn]) + rest
                cases.append(
                    ChunkedProductCase(
                        format: format, rows: [1, 37, 16, 20][turn % 4], columns: columns, chunk: chunk,
                        tokens: extent == .thorough ? 1 + turn % 40 : [1, 4, 13, 2, 7, 16][turn], pattern: patterns[turn % patterns.count],
                        bias: turn % 3 != 0, add: turn % 2 == 1, seed: seed &+ UInt64(turn)))
            }
        }
        return cases
    }

    /// Random ranges of rows and columns, at an edge and inside.
    private static func packedWeights(_ extent: Extent, _ seed: UInt64) -> [any KernelCase] {
        TensorFormat.allCases.flatMap { format in
            (0..<(extent == .thorough ? 40 : 6)).map { turn in
                PackWeightsCase(format: format, isTransposed: format.blockElements == 1 && turn % 2 == 1, seed: seed &+ UInt64(turn))
            }
        }
    }

    private static func attention(_ extent: Extent, _ seed: UInt64) -> [any KernelCase] {
        // Head size, KV heads, group, tokens, start, window.
        var forms: [(Int, Int, Int, Int, Int, Int)] = [
            (24, 2, 1, 5, 0, 0), (40, 1, 2, 3, 62, 0), (64, 1, 4, 9, 60, 0), (80, 1, 3, 2, 63, 7), (128, 1, 8, 3, 64, 0),
            (16, 1, 16, 2, 127, 0),
            (8, 1, 32, 2, 30, 0), (32, 1, 7, 20, 120, 64), (64, 2, 1, 40, 100, 33), (1, 1, 5, 3, 1, 1), (17, 1, 17, 1, 65, 65),
            (64, 1, 1, 1, 300, 0),
        ]
        if extent == .thorough {
            for (index, headSize) in [24, 40, 64, 80, 96, 128, 256].enumerated() {
                for (other, group) in [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 32].enumerated() {
                    let turn = index + other
                    forms.append(
                        (
                            headSize, 1 + turn % 2, group, [1, 2, 17, 40, 6][turn % 5],
                            [0, 63, 64, 65, 127, 190, 500][(turn * 3 + index) % 7],
                            [0, 0, 1, 63, 64, 65, 200][(turn * 5 + other) % 7]
                        ))
                }
            }
        }
        let patterns: [InputPattern] = [.normal, .huge, .outliers, .zeros, .tiny, .extreme, .vanishing]
        var cases: [any KernelCase] = []
        for (turn, form) in forms.enumerated() {
            for format in [MK_KV_F16, MK_KV_Q8] {
                let shape = AttentionCase.Shape(
                    headSize: form.0, keyValueHeads: form.1, group: form.2, tokens: form.3, start: form.4, window: form.5)
                cases.append(
                    AttentionCase(shape, format: format, pattern: patterns[turn % patterns.count], seed: seed &+ UInt64(turn)))
            }
        }
        return cases
    }

    /// With a window of one position attention gives back what was stored.
    private static func storedKeyValues(_ extent: Extent, _ seed: UInt64) -> [any KernelCase] {
        var cases: [any KernelCase] = []
        for (turn, headSize) in [1, 8, 24, 40, 64, 80, 128].enumerated() {
            for format in [MK_KV_F16, MK_KV_Q8] {
                let shape = AttentionCase.Shape(
                    headSize: headSize, keyValueHeads: 1 + turn % 3, group: 1, tokens: extent == .thorough ? 130 : 67, start: 0, window: 1)
                cases.append(
                    AttentionCase(
                        shape, format: format, pattern: [.normal, .outliers, .tiny, .zeros, .vanishing, .extreme][turn % 6],
                        operation: .keyValueStore, seed: seed &+ UInt64(turn)))
            }
        }
        return cases
    }

    private static let lengths = [1, 5, 16, 24, 33, 64, 80, 128, 770]

    private static func vectors(_ extent: Extent, _ seed: UInt64, long: Int? = nil, _ form: (Int) -> VectorCase.Form) -> [any KernelCase] {
        var cases: [any KernelCase] = []
        for (turn, count) in (lengths + [long].compactMap { $0 } + (extent == .thorough ? [4096, 11008, 50257] : [])).enumerated() {
            for pattern in InputPattern.allCases where extent == .thorough || pattern == .normal || (turn + pattern.rawValue) % 4 == 0 {
                cases.append(VectorCase(form(turn + pattern.rawValue), count: count, pattern: pattern, seed: seed &+ UInt64(turn)))
            }
        }
        return cases
    }

    private static func activations(_ extent: Extent, _ seed: UInt64) -> [any KernelCase] {
        [MK_RELU, MK_SILU, MK_GELU, MK_GELU_TANH].flatMap { kind in vectors(extent, seed) { .activation(kind, gated: $0 % 2 == 0) } }
    }

    private static func rotations(_ extent: Extent, _ seed: UInt64) -> [any KernelCase] {
        var cases: [any KernelCase] = []
        for (turn, size) in [2, 24, 40, 64, 80, 128].enumerated() {
            for interleaved in [false, true] {
                for dimensions in Set([size, size / 4 * 2]).sorted() where dimensions > 0 {
                    cases.append(
                        VectorCase(
                            .rotation(headSize: size, dimensions: dimensions, interleaved: interleaved), count: size * (1 + turn),
                            pattern: InputPattern.allCases[turn % InputPattern.allCases.count], seed: seed &+ UInt64(turn)))
                }
            }
        }
        return cases
    }
}
