import CKernels
import Devices
import Testing

/// Every operation under every instruction set this machine has, against the references in plain Swift.
@Suite struct ConformanceTests {
    @Test(arguments: KernelOperation.allCases) func kernelsMatchTheReference(_ operation: KernelOperation) {
        let cases = Conformance.cases(operation), sets = Conformance.instructionSets
        #expect(!cases.isEmpty)
        for instance in cases {
            for (set, finding) in zip(sets, Conformance.check(instance, sets)) where !finding.faults.isEmpty {
                Issue.record("\(String(cString: mk_isa_name(set))): \(instance): \(finding.faults.joined(separator: "; "))")
            }
        }
    }

    /// A harness that finds nothing is no harness: the same seed twice, and another seed, give what they must.
    @Test func casesFollowFromTheSeed() {
        let one = Conformance.cases(.product, seed: 7), again = Conformance.cases(.product, seed: 7)
        #expect(one.map(\.description) == again.map(\.description))
        #expect(Conformance.cases(.attention, .thorough).count > Conformance.cases(.attention).count)
    }
}
