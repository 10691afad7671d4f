public import CKernels

/// The instruction sets that kernels exist for, by the names people give on a command line.
public enum InstructionSet: String, Sendable, CaseIterable {
    case scalar
    case avx2
    case avx512
    case avx512BF16 = "avx512-bf16"

    public var kernel: mk_isa {
        switch self {
        case .scalar: MK_SCALAR
        case .avx2: MK_AVX2
        case .avx512: MK_AVX512
        case .avx512BF16: MK_AVX512_BF16
        }
    }

    /// For people: `AVX-512 VNNI+BF16`.
    public var name: String { String(cString: mk_isa_name(kernel)) }

    public static var best: InstructionSet { available.last ?? .scalar }

    /// Those this processor can run, ascending.
    public static var available: [InstructionSet] { allCases.filter { $0.kernel.rawValue <= mk_best_isa().rawValue } }
}
