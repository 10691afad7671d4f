import Devices
import Engine
import JSON
import Plans

extension MemoryAccount {
    var json: JSON {
        .object(
            JSONObject(
                [(key: "memory", value: .string(name)), (key: "capacity_bytes", value: capacity.map { .integer($0) } ?? .null)]
                    + MemoryPurpose.allCases.map { (key: "\($0.rawValue)_bytes", value: .integer(bytes[$0] ?? 0)) }))
    }
}

/// What a run was planned as, what the cost model says of it, and how it went.
struct RunReport {
    var loaded: LoadedModel
    var plan: MachinePlan?
    var summary: GenerationSummary

    private var prediction: RunPrediction? {
        RunPrediction(
            plan, promptTokens: max(0, summary.promptTokens + summary.continuedTokens - summary.sharedTokens),
            depth: summary.sharedTokens, generatedTokens: summary.generatedTokens)
    }

    var planJSON: JSON { loaded.plan.json }
    var predictedJSON: JSON { prediction?.json ?? .null }

    var achievedJSON: JSON {
        let achieved = loaded.achieved
        return .object(
            JSONObject([
                (key: "prefill_tokens_per_second", value: summary.prefillRate.map { .number($0) } ?? .null),
                (key: "decode_tokens_per_second", value: summary.decodeRate.map { .number($0) } ?? .null),
                (key: "peak_memory_bytes", value: .integer(ProcessMemory.peak)),
                (
                    key: "seconds",
                    value: .object(JSONObject(achieved.busySeconds.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) }))
                ),
                (key: "emulation_late", value: achieved.emulationLate.map { .number($0) } ?? .null),
                (key: "memory", value: .array(loaded.memory.accounts.map(\.json))),
            ]))
    }

    /// Whether decoding was so far from its prediction that the machine is not what was measured: by more than 25 %, over some tokens,
    /// nothing being emulated.
    var isOff: Bool {
        guard summary.generatedTokens >= 16, loaded.achieved.emulationLate == nil, let predicted = prediction?.tokensPerSecond,
            let achieved = summary.decodeRate, achieved > 0
        else { return false }
        return !(0.8...1.25).contains(predicted / achieved)
    }

    /// Prediction beside achievement, for people; nil where nothing was predicted.
    var line: String? {
        guard let prediction else { return nil }
        let late = loaded.achieved.emulationLate.map { share in
            share > 0.01
                ? "; \(Size.decimal(share * 100, 0)) % of the emulated devices' jobs took longer than their figures: their times mean nothing"
                : ""
        }
        func text(_ predicted: Double?, _ achieved: Double?) -> String {
            "\(predicted.map { Size.decimal($0, 1) } ?? "-") (\(achieved.map { Size.decimal($0, 1) } ?? "-"))"
        }
        return "predicted (achieved) tok/s: prefill \(text(prediction.promptTokensPerSecond, summary.prefillRate)), "
            + "decode \(text(prediction.tokensPerSecond, summary.decodeRate))" + (late ?? "")
    }
}
