import ArgumentParser
import CKernels
import Devices
import Engine
import JSON

/// `motley bench ops`: every kernel against its reference, and how fast it is beside what this machine can do.
struct BenchOpsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ops", abstract: "Checks and times every operation, format and instruction set of the CPU kernels.",
        discussion: """
            Each row says how far an operation is from its reference in plain double-precision arithmetic, over many shapes (relative to \
            the size of what is added up), and how fast it runs on one shape beside the measured limits of this machine. Needs no model. \
            The exit status is 1 where a kernel does not conform.
            """)

    @Option(
        name: .long, help: "One operation: \(KernelOperation.allCases.map(\.rawValue).joined(separator: ", ")).",
        transform: { name in
            guard let operation = KernelOperation(rawValue: name) else { throw ValidationError("there is no operation '\(name)'.") }
            return operation
        })
    var op: KernelOperation?

    @Option(help: "One format (Q4_K, f16...), activation or other variant, as the table names it.")
    var format: String?

    @Option(help: "Instruction set: best, all, scalar, avx2, avx512, avx512-bf16.")
    var isa: InstructionSetChoice = .best

    @Option(help: "Tokens at once, separated by commas.")
    var tokens = CountList([1, 8, 512])

    @Option(help: "Rows of timed matrices.")
    var rows = 4096

    @Option(help: "Columns of timed matrices, and elements of timed vectors.")
    var columns = 4096

    @Option(name: [.customShort("t"), .long], help: "Worker threads (default: the processor's cores).")
    var threads: Int?

    @Option(help: "Where the random inputs of the checks come from.")
    var seed: UInt64 = 1

    @Flag(help: "Check every shape there is, and time nothing.")
    var check = false

    @Flag(help: "Print JSON only.")
    var json = false

    func validate() throws {
        for value in tokens.values where !(1...8192).contains(value) {
            throw ValidationError("--tokens is \(value); it must be from 1 to 8192.")
        }
        for (name, value) in [("rows", rows), ("columns", columns)] where !(256...65536).contains(value) || value % 256 != 0 {
            throw ValidationError("--\(name) is \(value); it must be a multiple of 256 from 256 to 65536.")
        }
        if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads is \(threads); it must be from 1 to 1024.") }
        let variants = (op.map { [$0] } ?? KernelOperation.allCases).flatMap(KernelTimer.variants)
        if let format, !variants.contains(where: { Self.equal($0, format) }) {
            throw ValidationError("--format is \(format); there are \(Set(variants).sorted().joined(separator: ", ")).")
        }
        if let set = isa.instructionSet, !Conformance.instructionSets.contains(set) {
            throw ValidationError("--isa is \(isa.rawValue), which this processor does not have.")
        }
    }

    func run() throws {
        let sets = isa == .all ? Conformance.instructionSets : [isa.instructionSet ?? mk_best_isa()]
        var conforms = true
        var results: [JSON] = []
        var table = OperationTable(isCheck: check)
        let bar = ProgressBar(check ? "checking" : "measuring")
        let forms = self.forms
        var limits: [(set: mk_isa, limits: MachineLimits)] = []
        for (turn, set) in sets.enumerated() {
            guard let cpu = CPU(threads: threads ?? ProcessorTopology.coreCount, instructionSet: set) else {
                throw CommandError("the worker threads could not be started")
            }
            let timer = KernelTimer(cpu: cpu, rows: rows, columns: columns)
            let machine = check ? nil : MachineLimits.measure(cpu)
            if let machine { limits.append((set, machine)) }
            for (index, form) in forms.enumerated() {
                bar.update((Double(turn) + Double(index) / Double(forms.count)) / Double(sets.count))
                let finding = finding(form.operation, form.variant, set)
                for fault in finding.faults.prefix(5) {
                    conforms = false
                    Console.error("motley: \(String(cString: mk_isa_name(set))): \(fault)")
                }
                var timings: [KernelTiming] = []
                if !check { timings = tokens.values.compactMap { timer.time(form.operation, variant: form.variant, tokens: $0) } }
                table.add(form.operation, form.variant, set, finding, timings, machine)
                results += OperationTable.json(form.operation, form.variant, set, finding, timings, machine)
            }
        }
        bar.finish()
        if json {
            Console.outputLine(JSON.array(results).serialized())
        } else {
            Console.output(table.text(limits: limits, threads: threads ?? ProcessorTopology.coreCount))
        }
        if !conforms { throw ExitCode(1) }
    }

    /// Operations and variants asked for.
    private var forms: [(operation: KernelOperation, variant: String)] {
        (op.map { [$0] } ?? KernelOperation.allCases).flatMap { operation in
            KernelTimer.variants(operation).filter { variant in format.map { Self.equal($0, variant) } ?? true }.map { (operation, $0) }
        }
    }

    private func finding(_ operation: KernelOperation, _ variant: String, _ set: mk_isa) -> OperationTable.Checked {
        var checked = OperationTable.Checked()
        for instance in Conformance.cases(operation, check ? .thorough : .representative, seed: seed) where instance.variant == variant {
            for found in Conformance.check(instance, [set]) {
                checked.cases += 1
                checked.faults += found.faults.map { "\(instance): \($0)" }
                // Written so that NaN stays.
                if !(found.largestError <= checked.largestError) { checked.largestError = found.largestError }
            }
        }
        return checked
    }

    private static func equal(_ a: String, _ b: String) -> Bool { a.lowercased() == b.lowercased() }
}

/// Which instruction sets to look at.
enum InstructionSetChoice: String, ExpressibleByArgument, CaseIterable {
    case best, all, scalar, avx2, avx512
    case avx512BF16 = "avx512-bf16"

    /// nil where the name stands for several, or for whatever is best.
    var instructionSet: mk_isa? { InstructionSet(rawValue: rawValue)?.kernel }
}
