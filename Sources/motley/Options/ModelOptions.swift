public import ArgumentParser
import Checkpoints
public import Devices
import Engine
import Planning
import Glibc
import Plans
import Runtime

/// Formats of the key/value cache on offer.
enum KeyValueChoice: String, ExpressibleByArgument, CaseIterable {
    case f16, q8

    var format: KeyValueFormat { self == .f16 ? .f16 : .q8 }
}

/// Which model.
struct ModelPathOptions: ParsableArguments {
    @Option(name: [.customShort("m"), .long], help: "A GGUF file or a Hugging Face directory (default: the bundled model).")
    var model: String?

    /// The path given, or the bundled model's.
    func path() throws -> String {
        if let model { return model }
        let name = "Models/motley-bundled.gguf"
        var candidates: [String] = []
        if let named = getenv("MOTLEY_BUNDLED_MODEL") { candidates.append(String(cString: named)) }
        candidates.append(name)
        // Beside the executable, and in every directory above it: .build/release/motley lies within the package.
        if var directory = Self.executableDirectory {
            while !directory.isEmpty {
                candidates.append(directory + "/" + name)
                guard let slash = directory.lastIndex(of: "/") else { break }
                directory = String(directory[..<slash])
            }
        }
        if let found = candidates.first(where: { access($0, R_OK) == 0 }) { return found }
        throw CommandError("the bundled model (\(name)) was not found; name a model with --model PATH")
    }

    private static var executableDirectory: String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { buffer in buffer.baseAddress.map { readlink("/proc/self/exe", $0, buffer.count) } ?? 0
            }
        }
        guard count > 0 else { return nil }
        let path = String(decoding: buffer[..<count], as: UTF8.self)
        return path.lastIndex(of: "/").map { String(path[..<$0]) }
    }
}

extension InstructionSet: ExpressibleByArgument {}

/// How to run it.
struct ExecutionOptions: ParsableArguments {
    @Option(name: [.customShort("t"), .long], help: "Worker threads (default: the processor's cores).")
    var threads: Int?

    @Option(name: [.customShort("c"), .long], help: "Tokens of context (default: what is needed, at least 4096 where the model allows).")
    var context: Int?

    @Option(help: "Format of the key/value cache: f16 or q8 (default: f16, or the plan's).")
    var kv: KeyValueChoice?

    @Option(help: "What runs where: a file that motley plan --output or --json wrote (default: everything on the processor).")
    var plan: String?

    @Option(help: "Kernels to use: scalar, avx2, avx512 or avx512-bf16 (default: the best this processor has).")
    var isa: InstructionSet?

    @OptionGroup var limits: LimitOptions

    func validate() throws {
        if let isa, !InstructionSet.available.contains(isa) {
            throw ValidationError("--isa is \(isa.rawValue), which this processor does not have.")
        }
        if let threads, threads < 1 || threads > 1024 { throw ValidationError("--threads is \(threads); it must be from 1 to 1024.") }
        if plan != nil, limits.strategy != nil { throw ValidationError("Give either --plan or --strategy.") }
        if plan != nil, kv != nil { throw ValidationError("--plan says how keys and values are kept; leave --kv out.") }
        if let context, context < 1 { throw ValidationError("--context is \(context); it must be at least 1.") }
    }

    var threadCount: Int { threads ?? ProcessorTopology.coreCount }

    /// How a model is loaded for contexts of so many tokens.
    func loadOptions(context: Int, sequences: Int = 1, stepLogits: Int = 64) throws -> LoadOptions {
        LoadOptions(
            threads: threadCount, contextLength: context, sequences: sequences, keyValueFormat: (kv ?? .f16).format, stepLogits: stepLogits,
            instructionSet: isa, plan: try plan.map { try PlanningInput.plan($0) }, emulated: limits.emulate.map(\.emulation),
            diskDirectory: limits.diskDir, trace: limits.trace.map { _ in RunTrace() })
    }

    /// Loads with a bar where it takes long, and says what runs where.
    func load(_ model: Model, context: Int, prompt: @autoclosure () throws -> Int, output: Int) throws -> (
        model: LoadedModel, plan: MachinePlan?
    ) {
        let planned = try planned(model, objective: .latency, context: context, prompt: prompt(), output: output)
        let options = planned.load
        let bar = ProgressBar("loading")
        defer { bar.finish() }
        let loaded = try LoadedModel(model, options: options) { bar.update($0) }
        bar.finish()
        Console.error(loaded.summary(instructionSet: (isa ?? .best).name))
        return (loaded, planned.machinePlan)
    }
}
