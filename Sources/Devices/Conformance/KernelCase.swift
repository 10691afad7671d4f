import CKernels

/// One operation on one shape with inputs that follow from a seed, and what must come out.
///
/// `expected` is written in plain Swift, in double precision and in the obvious order, from the definition of the operation: it shares no
/// code with the kernels.
protocol KernelCase: Sendable {
    var operation: KernelOperation { get }
    /// The format, activation or kind; empty where an operation has one form.
    var variant: String { get }
    var shape: String { get }

    func expected() -> Expectation
    /// What the kernel gives; all its memory comes from `memory`.
    func outputs(_ instructionSet: mk_isa, memory: GuardedMemory) -> [Float]
    /// Promises beyond the values, each broken one as a sentence: independence of the batch, of tiles, of garbage nearby.
    /// `outputs` are the ones found right, `expected` what they were compared with.
    func brokenPromises(_ instructionSet: mk_isa, memory: GuardedMemory, outputs: [Float], expected: Expectation) -> [String]
}

extension KernelCase {
    func brokenPromises(_ instructionSet: mk_isa, memory: GuardedMemory, outputs: [Float], expected: Expectation) -> [String] { [] }
}

/// What an operation must give: |output - value| <= tolerance * magnitude for each output.
struct Expectation {
    var values: [Double] = []
    /// The size of what was added up: rounding errors are relative to this, not to a sum that cancelled.
    var magnitudes: [Double] = []
    var tolerance: Double

    /// Half a unit in the last place of 1, in single precision.
    static let unit = 1.0 / Double(1 << 24)

    init(tolerance: Double) { self.tolerance = tolerance }

    /// Errors of a sum of `terms` rounded one after another grow like the root of their number.
    static func tolerance(terms: Int) -> Double { unit * (8 + 4 * Double(terms).squareRoot()) }

    mutating func append(_ value: Double, magnitude: Double) {
        values.append(value)
        magnitudes.append(magnitude)
    }
}
