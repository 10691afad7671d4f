public import CKernels
import Checkpoints

/// Rounding of input vectors, seen through a product with the identity: exactly the rounded values must come back.
struct PackInputCase: KernelCase {
    let kind: mk_input
    let columns: Int
    let tokens: Int
    let pattern: InputPattern
    let inputs: [Float]

    init(kind: mk_input, columns: Int, tokens: Int, pattern: InputPattern, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        self.kind = kind
        self.columns = columns
        self.tokens = tokens
        self.pattern = pattern
        inputs = pattern.values(rows: tokens, columns: columns, random: &random)
    }

    var operation: KernelOperation { .packInput }
    var variant: String { kind.name }
    var shape: String { "\(columns), \(tokens) tokens, \(pattern)" }

    func expected() -> Expectation {
        var expectation = Expectation(tolerance: Expectation.unit)
        for token in 0..<tokens {
            for value in ReferenceInput(inputs[token * columns..<(token + 1) * columns], kind: kind).values {
                // A dot product of bfloat16 may take subnormal numbers as zero, and does not round exactly as one multiplication.
                expectation.append(value, magnitude: kind == MK_INPUT_BF16 ? abs(value) + 1e-30 : abs(value))
            }
        }
        return expectation
    }

    func outputs(_ instructionSet: mk_isa, memory: GuardedMemory) -> [Float] {
        let format: TensorFormat =
            switch kind {
            case MK_INPUT_F32: .f32
            case MK_INPUT_BF16: .bf16
            case MK_INPUT_Q32: .q8_0
            default: .q6_K
            }
        let identity = RandomMatrix(identityIn: format, columns: columns)
        let padded = (columns + 15) / 16 * 16
        var matrix = mk_matrix()
        matrix.data = UnsafePointer(identity.packed(in: memory))
        matrix.format = format.kernelFormat
        matrix.columns = Int64(columns)
        matrix.groups = Int64(padded / 16)
        let x = memory.make("inputs", inputs)
        let packed = memory.make("packed inputs", mk_input_bytes(instructionSet, kind, Int64(tokens), Int64(columns)), of: UInt8.self)
        mk_pack_input(instructionSet, kind, x, Int64(columns), Int64(tokens), 0, Int64(tokens), Int64(columns), packed)
        let scratch = memory.make("scratch", mk_product_scratch(Int64(columns)), of: UInt8.self)
        let y = memory.make("outputs", tokens * padded, of: Float.self)
        mk_product(instructionSet, &matrix, 0, matrix.groups, packed, Int64(tokens), y, Int64(padded), false, scratch)
        return (0..<tokens).flatMap { token in (0..<columns).map { y[token * padded + $0] } }
    }
}

extension mk_input {
    /// "F32", "BF16", "Q32", "Q256".
    public var name: String {
        switch self {
        case MK_INPUT_F32: "F32"
        case MK_INPUT_BF16: "BF16"
        case MK_INPUT_Q32: "Q32"
        default: "Q256"
        }
    }
}
