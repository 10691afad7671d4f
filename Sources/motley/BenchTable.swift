import Checkpoints
import Devices
import Engine
import Models
import Runtime

/// The results as a table like llama-bench's, with the achieved rates beside what this machine can do.
struct BenchTable {
    let model: Model
    let executor: Executor
    let options: LoadOptions
    let results: [BenchResult]

    var text: String {
        let limits = ComputeLimits.measure(threads: options.threads)
        let bandwidth = limits.readBytes
        let name = (model.spec.name ?? model.spec.architecture) + " " + (model.spec.formats.first?.format.name ?? "")
        var rows: [[String]] = [["model", "size", "params", "threads", "parallel", "test", "t/s", "predicted", "GB/s", "GOP/s"]]
        for result in results {
            rows.append([
                name, Size.text(model.weightBytes), ParameterCount.text(model.spec.parameterCount), String(options.threads),
                String(result.test.parallel),
                Self.name(result.test), "\(Size.decimal(result.average, 2)) ± \(Size.decimal(result.standardDeviation, 2))",
                result.predicted.map { Size.decimal($0, 2) } ?? "", Size.decimal(bytesPerSecond(result) / 1e9, 2),
                Size.decimal(operationsPerSecond(result) / 1e9, 1),
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines = rows.map { row in
            "| " + row.indices.map { Self.pad(row[$0], widths[$0], right: $0 > 0) }.joined(separator: " | ") + " |"
        }
        lines.insert(
            "|" + widths.indices.map { String(repeating: "-", count: widths[$0] + 1) + ($0 > 0 ? ":" : "-") }.joined(separator: "|") + "|",
            at: 1)
        var limitsLine =
            "this machine with \(options.threads) threads (\((options.instructionSet ?? .best).name)): "
            + "reads \(Size.decimal(bandwidth / 1e9, 2)) GB/s"
        for peak in limits.peaks { limitsLine += ", \(peak.name) \(Size.decimal(peak.perSecond / 1e9, 0)) GOP/s" }
        lines.append("")
        lines.append(limitsLine)
        for result in results where bandwidth > 0 {
            if result.test.kind == .decode {
                let part = bytesPerSecond(result) / bandwidth
                lines.append("\(Self.name(result.test)) x\(result.test.parallel): \(Size.decimal(part * 100, 0)) % of the read bandwidth")
            } else if let peak = limits.peak(for: model) {
                let part = operationsPerSecond(result) / peak.perSecond
                lines.append(
                    "\(Self.name(result.test)) x\(result.test.parallel): \(Size.decimal(part * 100, 0)) % of the \(peak.name) peak")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func name(_ test: SpeedTest) -> String { test.name + (test.depth > 0 ? " @ d\(test.depth)" : "") }

    /// Bytes of weights read: once per step. A prompt's steps are as long as the executor takes.
    private func bytesPerSecond(_ result: BenchResult) -> Double {
        let tokensPerStep: Double
        switch result.test.kind {
        case .decode: tokensPerStep = Double(result.test.parallel)
        case .prefill: tokensPerStep = Double(min(options.stepTokens, result.test.tokens * result.test.parallel))
        }
        return Double(executor.bytesReadPerStep) * result.average / tokensPerStep
    }

    private func operationsPerSecond(_ result: BenchResult) -> Double {
        let (layers, output) = executor.operationsPerToken
        // Of a prompt only the last token needs the output matrix.
        let outputs = result.test.kind == .decode ? 1 : 1 / Double(max(1, result.test.tokens))
        return result.average * (Double(layers) + Double(output) * outputs)
    }

    private static func pad(_ text: String, _ width: Int, right: Bool) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return right ? space + text : text + space
    }
}
