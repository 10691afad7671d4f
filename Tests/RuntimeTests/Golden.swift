import Checkpoints
import Devices
import JSON
import Models
import Plans
import Runtime

#if canImport(Glibc)
    import Glibc
#endif

/// A tiny random model of Tests/Goldens and what transformers computes for it.
struct Golden {
    var name: String
    var path: String
    var expected: JSON

    static let directory: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(2)
        return parts.joined(separator: "/") + "/Goldens"
    }()

    static let all: [Golden] = {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".expected.json") { names.append(name) }
        }
        return names.sorted().compactMap { name in
            guard let file = try? MappedFile(path: directory + "/" + name), let json = try? JSON(parsing: file.bytes),
                let model = json["model"]?.string
            else { return nil }
            return Golden(name: json["name"]?.string ?? name, path: directory + "/" + model, expected: json)
        }
    }()

    static func named(_ name: String) -> Golden? { all.first { $0.name == name } }

    var prompt: [Int32] { expected["prompt"]?.array?.compactMap { $0.int.map(Int32.init) } ?? [] }
    var logits: [(position: Int, values: [Double])] {
        (expected["logits"]?.array ?? []).compactMap { row in
            guard let position = row["position"]?.int, let values = row["values"]?.array else { return nil }
            return (position, values.compactMap(\.double))
        }
    }

    func executor(
        threads: Int = 1, stepTokens: Int = 64, format: KeyValueFormat = .f16, blocks: Int = 16, instructionSet: InstructionSet? = nil
    )
        throws -> Executor
    {
        let checkpoint = try Checkpoint.open(path: path)
        let model = try ModelSpec(checkpoint: checkpoint)
        let plan = Plan.resident(
            model: model, threads: threads, keyValueFormat: format, keyValueTokens: blocks * Executor.blockTokens, stepTokens: stepTokens,
            stepLogits: stepTokens)
        return try Executor(plan: plan, model: model, checkpoint: checkpoint, options: .init(instructionSet: instructionSet))
    }
}

extension Executor {
    /// Logits of every token of one sequence, fed in slices of the given sizes (the last one repeats).
    func logits(of tokens: [Int32], slices: [Int], blocks: [Int32]) throws -> [[Float]] {
        var result: [[Float]] = []
        var start = 0
        var turn = 0
        while start < tokens.count {
            let count = min(slices[min(turn, slices.count - 1)], tokens.count - start)
            let entry = Step.Entry(
                sequence: 0, start: start, tokens: Array(tokens[start..<start + count]), blocks: blocks, logits: Array(0..<count))
            try run(Step(entries: [entry]))
            for row in 0..<count { result.append(Array(logits(row: row))) }
            start += count
            turn += 1
        }
        return result
    }
}
