import CKernels

/// The instruction set the kernels run with.
enum InstructionSet {
    static var name: String { String(cString: mk_isa_name(mk_best_isa())) }
}
