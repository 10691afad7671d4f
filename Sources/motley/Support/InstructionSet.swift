import CKernels

/// The instruction set the kernels run with.
enum InstructionSet {
    static var name: String { "CPU" }
}
