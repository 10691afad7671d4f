/// Names of GGML's type numbers beyond `TensorFormat`, so that tensors Motley cannot use can still be listed.
enum GGMLType {
    static func name(_ number: UInt32) -> String {
        TensorFormat(rawValue: number)?.name ?? others[number] ?? "type \(number)"
    }

    private static let others: [UInt32: String] = [
        9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S",
        23: "IQ4_XS",
        24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
    ]

    /// Bytes per element of the plain types that are not `TensorFormat`s.
    static func plainBytes(_ number: UInt32) -> Int? {
        switch number {
        case 24: 1
        case 25: 2
        case 26: 4
        case 27, 28: 8
        default: nil
        }
    }
}
