public import CKernels

/// Holds every kernel of every instruction set against references in plain Swift: what `motley bench ops --check` and the tests run.
public enum Conformance {
    /// One operation on one shape.
    public struct Case: Sendable, CustomStringConvertible {
        let kernel: any KernelCase

        public var operation: KernelOperation { kernel.operation }
        /// The format, activation or kind.
        public var variant: String { kernel.variant }
        public var shape: String { kernel.shape }
        public var description: String { "\(operation.rawValue) \(variant) (\(shape))" }
    }

    /// What a check found.
    public struct Finding: Sendable {
        /// The largest error relative to the size of what was added up.
        public var largestError = 0.0
        /// What that error may be.
        public var tolerance = 0.0
        /// Everything wrong, as sentences; empty where the kernel conforms.
        public var faults: [String] = []
    }

    /// The instruction sets this machine can run, ascending.
    public static var instructionSets: [mk_isa] { InstructionSet.available.map(\.kernel) }

    /// Runs a case under each of the instruction sets.
    public static func check(_ instance: Case, _ instructionSets: [mk_isa]) -> [Finding] {
        let expected = instance.kernel.expected()
        return instructionSets.map { check(instance.kernel, $0, expected) }
    }

    private static func check(_ kernel: any KernelCase, _ instructionSet: mk_isa, _ expected: Expectation) -> Finding {
        let memory = GuardedMemory()
        let outputs = kernel.outputs(instructionSet, memory: memory)
        var finding = Finding(tolerance: expected.tolerance)
        guard outputs.count == expected.values.count else {
            finding.faults.append("\(outputs.count) outputs instead of \(expected.values.count)")
            return finding
        }
        var wrong = 0
        for index in outputs.indices {
            let distance = abs(Double(outputs[index]) - expected.values[index])
            let error = distance == 0 ? 0 : distance / expected.magnitudes[index]
            // Written so that NaN fails.
            if !(error <= expected.tolerance) {
                wrong += 1
                if wrong == 1 {
                    finding.faults.append(
                        "output \(index) is \(outputs[index]) instead of \(expected.values[index]), "
                            + "\(error) of \(expected.magnitudes[index])"
                    )
                }
            }
            if !(error <= finding.largestError) { finding.largestError = error }
        }
        if wrong > 1 { finding.faults.append("\(wrong) of \(outputs.count) outputs are wrong") }
        if wrong == 0 { finding.faults += kernel.brokenPromises(instructionSet, memory: memory, outputs: outputs, expected: expected) }
        finding.faults += memory.overruns
        return finding
    }
}
