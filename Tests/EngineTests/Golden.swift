import Engine
import Foundation
import JSON
import Plans
import Runtime
import Testing

/// A tiny model of Tests/Goldens and what transformers says it says: Tools/make_goldens/README.md.
struct Golden: Sendable, CustomTestStringConvertible {
    var name: String
    var path: String
    var expected: JSON

    var testDescription: String { name }

    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
        "Goldens"
    )
    .path

    static let all: [Golden] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasSuffix(".expected.json") }.sorted().compactMap { file in
            guard let bytes = FileManager.default.contents(atPath: directory + "/" + file),
                let expected = try? JSON(parsing: [UInt8](bytes)),
                let name = expected["name"]?.string, let model = expected["model"]?.string
            else { return nil }
            return Golden(name: name, path: directory + "/" + model, expected: expected)
        }
    }()

    static func named(_ name: String) throws -> Golden {
        guard let golden = all.first(where: { $0.name == name }) else { throw CocoaError(.fileNoSuchFile) }
        return golden
    }

    func integers(_ key: String) -> [Int32] { (expected[key]?.array ?? []).compactMap { $0.int.map { Int32($0) } } }

    var prompt: [Int32] { integers("prompt") }
    var argmax: [Int32] { integers("argmax") }
    var format: String { expected["format"]?.string ?? "" }

    /// How far logits may be off: that of an engine that rounds activations to 8 bits, to bfloat16, or not at all, doubled.
    var tolerance: (largest: Double, rms: Double) {
        let kind = ["F32": "f16", "F16": "bf16", "BF16": "bf16"][format] ?? "int8"
        let drift = expected["drift"]?[kind]
        return (largest: 2.5 * (drift?["largest"]?.double ?? 0), rms: 2 * (drift?["rms"]?.double ?? 0))
    }

    func executor(threads: Int = 1, contextLength: Int = 128, keyValueFormat: KeyValueFormat = .f16, stepTokens: Int = 512) throws
        -> Executor
    {
        let model = try Model(path: path)
        return try model.makeExecutor(
            LoadOptions(
                threads: threads, contextLength: min(contextLength, model.contextLength), sequences: 4, keyValueFormat: keyValueFormat,
                stepTokens: stepTokens, stepLogits: 64))
    }
}

extension Executor {
    /// Logits after every token, computed in slices of the given length.
    func allLogits(_ tokens: [Int32], slice: Int, firstBlock: Int = 0) throws -> [[Float]] {
        var rows: [[Float]] = []
        var start = 0
        let blocks = (0..<(tokens.count + Self.blockTokens - 1) / Self.blockTokens).map { Int32($0 + firstBlock) }
        while start < tokens.count {
            let end = min(start + slice, tokens.count)
            try run(
                Step(entries: [
                    Step.Entry(
                        sequence: 0, start: start, tokens: Array(tokens[start..<end]), blocks: blocks, logits: Array(0..<(end - start)))
                ]))
            for row in 0..<(end - start) { rows.append(Array(logits(row: row))) }
            start = end
        }
        return rows
    }
}

extension [Float] {
    /// The largest value's first place.
    var best: Int32 { Int32(indices.max { self[$0] < self[$1] || (self[$0] == self[$1] && $0 > $1) } ?? 0) }
}
