import Checkpoints
import Models
import Plans

/// The four papers' main experiments under this cost model, as a page: published figure, the strategy named after the system, what `auto` gives, and a word where they differ.
public struct Reproduction {
    /// Scenarios by file name without `.json`.
    let scenarios: (String) throws -> Scenario
    /// Seconds one search may take.
    let timeLimit: Double

    public init(timeLimit: Double = 20, scenarios: @escaping (String) throws -> Scenario) {
        self.scenarios = scenarios
        self.timeLimit = timeLimit
    }

    public func page() throws -> String {
        var page = """
            # Reproduction

            The main experiments of the four systems under our cost model (docs/cost-model.md), written by `make reproduce`. Nothing here was measured on these machines: every figure but the published ones is a prediction, made
            with declared hardware (the files in `Scenarios/`). The model is never bent to hit a figure; where they differ, the reason is named.


            """
        page += try flexGen() + heteGen() + hexGenCase() + hexGenPools() + hPipe()
        return page
    }

    private func best(_ scenario: Scenario, _ strategy: Strategy) -> Evaluation? {
        guard let problem = try? Problem(scenario) else { return nil }
        return try? Planner(problem).plan(strategy, timeLimit: timeLimit).best
    }

    private func rate(_ evaluation: Evaluation?) -> String {
        evaluation?.prediction.throughputTokensPerSecond.map { Text.digits($0) } ?? "does not fit"
    }

    private func row(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }

    private func head(_ cells: [String]) -> String { row(cells) + row(cells.map { _ in "---" }) }

    // MARK: FlexGen

    private func flexGen() throws -> String {
        var text = "## FlexGen: one T4, 208 GB host memory, NVMe (arXiv 2303.06865, table 2)\n\nOutput tokens per second, 32 output tokens.\n\n"
        text += head(["model", "prompt", "format", "published", "flexgen", "auto", "auto's plan"])
        let published: [(String, Int, [(String, [Double])])] = [
            ("flexgen-t4-opt6.7b", 512, [("f16", [25.26]), ("4-bit", [29.12])]),
            ("flexgen-t4-opt6.7b", 1024, [("f16", [13.72]), ("4-bit", [13.18])]),
            ("flexgen-t4-opt30b", 512, [("f16", [7.32]), ("4-bit", [8.38])]), ("flexgen-t4-opt30b", 1024, [("f16", [3.50]), ("4-bit", [3.98])]),
            ("flexgen-t4-opt175b", 512, [("f16", [0.69]), ("4-bit", [1.12])]), ("flexgen-t4-opt175b", 1024, [("f16", [0.35]), ("4-bit", [0.42])]),
        ]
        for (name, prompt, rows) in published {
            for (format, figures) in rows {
                var scenario = try scenarios(name)
                scenario.workload.prompt = .fixed(prompt)
                if format == "4-bit" {
                    scenario.model = scenario.model.stored(in: .q4_0)
                    scenario.constraints.keyValueFormat = .q4
                }
                let own = best(scenario, .flexgen), auto = best(scenario, .auto)
                text += row([
                    scenario.model.name, String(prompt), format, Text.digits(figures[0]), rate(own), rate(auto),
                    auto.map { "\($0.strategy): \($0.note)" } ?? "-",
                ])
            }
        }
        return text + """

            The published model itself, with its constants, gives 7.136 tokens/s for OPT-30B at 48 x 3 (worked example, in the tests). Ours gives more where their loop waits: it issues a layer's whole load with the first
            micro-batch and synchronises after each one, while our executor streams ahead; and where their constants are lower than the hardware's (decode attention on the GPU at 0.079 TFLOP/s is a kernel's rate, not the
            T4's bandwidth). 4-bit gains more here than published: our products unpack groups inside the kernel, theirs decompressed whole tensors first.


            """
    }

    // MARK: HeteGen

    private func heteGen() throws -> String {
        var text =
            "## HeteGen: one A10, batch 1, prompt 512, 64 tokens (arXiv 2403.01164)\n\nOutput tokens per second. Published: up to 3.17x (317 %) of the best of FlexGen, DeepSpeed and Accelerate.\n\n"
        text += head(["model", "streaming only", "processor only", "hetegen", "auto", "hetegen / streaming", "hetegen's plan"])
        for name in ["hetegen-a10-opt6.7b", "hetegen-a10-opt13b", "hetegen-a10-opt30b"] {
            let scenario = try scenarios(name)
            func without(_ device: String) -> Scenario {
                var other = scenario
                other.constraints.excluded.append(device)
                return other
            }
            let streaming = best(without("cpu0"), .hetegen), processor = best(without("gpu0"), .auto), own = best(scenario, .hetegen),
                auto = best(scenario, .auto)
            let gain = (own?.prediction.throughputTokensPerSecond ?? 0) / (streaming?.prediction.throughputTokensPerSecond ?? .infinity)
            text += row([scenario.model.name, rate(streaming), rate(processor), rate(own), rate(auto), "\(Text.fixed(gain, 2))x", own?.note ?? "-"])
        }
        return text + """

            OPT-6.7B fits an A10, so there is nothing to share. The gain over streaming that is possible at all is 1 + v_cpu / v_link, here 1 + 45/25 = 2.8 for what is not resident; 3.17x needs a baseline that does not overlap
            transfers with computing, which ours does.


            """
    }

    // MARK: HexGen

    private func hexGenCase() throws -> String {
        let scenario = try scenarios("hexgen-casestudy")
        let problem = try Problem(scenario)
        var text =
            "## HexGen: case study, 4 A6000 + 2 A5000 + 2 A4000, Llama-2-70B (arXiv 2311.11514)\n\nSeconds per output token at batch 1.\n\n"
            + head(["layout", "seconds", "against the best"])
        var lines: [(String, Evaluation?)] = [("best of all (hexgen)", best(scenario, .hexgen)), ("auto", best(scenario, .auto))]
        func layout(_ groups: [([Int], Int)]) -> Evaluation? {
            var next = 0
            let stages = groups.map { devices, layers in
                next += layers
                return problem.residentStage(devices, layers: next - layers..<next)
            }
            return problem.finish([stages], strategy: .hexgen, note: "")
        }
        lines.append(("published: TP 4/2/2 with 48/20/12 layers", layout([([0, 1, 2, 3], 48), ([4, 5], 20), ([6, 7], 12)])))
        lines.append(("PP 8, layers by memory", best(scenario, .memory)))
        lines.append(("PP 8, equal layers", best(scenario, .even)))
        lines.append(("PP 2 x TP 4 (the second group over two machines)", layout([([0, 1, 2, 3], 60), ([4, 5, 6, 7], 20)])))
        let least = lines[0].1?.score ?? 1
        for (name, evaluation) in lines {
            let fits = evaluation?.fits ?? false
            text += row([
                name, fits ? Text.seconds(evaluation?.score ?? .infinity) : "does not fit",
                fits ? "\(Text.fixed((evaluation?.score ?? 0) / least, 2))x" : "-",
            ])
        }
        return text + """

            Tensor parallelism over the four A6000 alone is best and the other four GPUs are left out: bytes are then read by four devices at once, while every further stage adds its time. The published 4/2/2 layout beats the
            chain of eight by 2.5x (published: up to 2x). Its 19x over PP 2 x TP 4 is not there: under this model the two are about equal, and it would take several milliseconds per exchange to separate them, which links
            of 0.2 ms do not have.


            """
    }

    private func hexGenPools() throws -> String {
        var text = "## HexGen: pools against 16 A100 (Llama-2-70B, prompt 128, 32 tokens, continuous batching)\n\n"
        text += head(["pool", "price per hour", "rate in time (99 %, scale 5), requests/s", "shortest deadline at 2 requests/s (99 %)", "replicas"])
        var rates: [String: Double] = [:], deadlines: [String: Double] = [:]
        for name in ["hexgen-homogeneous", "hexgen-full", "hexgen-half"] {
            let scenario = try scenarios(name)
            guard let start = best(scenario, .hexgen) else { continue }
            func attains(_ plan: Plan, rate: Double, deadline: Double?) -> Bool {
                var other = scenario
                other.workload.demand = .rate(rate)
                if let deadline { other.objective = .slo(.deadline(deadline)) }
                guard let problem = try? Problem(other), let value = try? problem.evaluate(plan).prediction.sloAttainment else { return false }
                return value >= 0.99
            }
            // The plan is made for each rate by doubling, then its own limit is found by bisection.
            var reached = 0.0
            for rate in [2.0, 8, 32, 128] {
                var other = scenario
                other.workload.demand = .rate(rate)
                guard let plan = best(other, .hexgen)?.plan else { continue }
                var low = 0.0, high = 1024.0
                for _ in 0..<16 {
                    let middle = (low + high) / 2
                    if attains(plan, rate: middle, deadline: nil) { low = middle } else { high = middle }
                }
                reached = max(reached, low)
                if low < rate / 4 { break }
            }
            var low = 0.0, high = 100.0
            for _ in 0..<20 {
                let middle = (low + high) / 2
                if attains(start.plan, rate: 2, deadline: middle) { high = middle } else { low = middle }
            }
            (rates[name], deadlines[name]) = (reached, high)
            text += row([
                scenario.hardware.name, start.pricePerHour.map { Text.digits($0) } ?? "-", Text.digits(reached), Text.seconds(high), start.note,
            ])
        }
        if let a = rates["hexgen-full"], let b = rates["hexgen-homogeneous"], b > 0, let c = deadlines["hexgen-full"],
            let d = deadlines["hexgen-homogeneous"], c > 0
        {
            text += "\nFull price against 16 A100: rate \(Text.fixed(a / b, 2))x, deadline \(Text.fixed(d / c, 2))x (published: up to 4x and 2.3x). "
        }
        return text + """
            Prices are of the machines a plan uses. With continuous batching the A100s win: a batch reads the weights once for all its sequences, so their bandwidth per request is what counts no longer, and their fast links make
            tensor parallelism cheap. The published ratios compare request by request without batching, where aggregate bandwidth (1.99x) is what counts; 4x needs a fixed overhead per layer or a weak baseline.


            """
    }

    // MARK: HPipe

    private func hPipe() throws -> String {
        var text = "## HPipe: 4 P100 and 2 RTX 3090, 1 Gbit/s between, 2048 tokens\n\nSeconds to the first tokens of the batch.\n\n"
        text += head([
            "model", "one after another", "GPipe, equal layers", "GPipe, balanced layers", "hpipe", "auto", "hpipe / one after another", "published",
        ])
        for (name, published) in [("hpipe-llama7b", "20.3 s to 2.24 s (9.1x)"), ("hpipe-gpt3-2b", "-")] {
            let scenario = try scenarios(name)
            let problem = try Problem(scenario)
            let even = best(scenario, .even), own = best(scenario, .hpipe), auto = best(scenario, .auto)
            /// The same stages with the batch as micro-batches of one sequence, prompts whole.
            func gpipe(_ evaluation: Evaluation?) -> Evaluation? {
                guard var plan = evaluation?.plan else { return nil }
                plan.replicas[0].block = BlockGeometry(microBatchSize: 1, microBatchCount: problem.togetherSequences)
                plan.replicas[0].sliceTables = []
                return try? problem.evaluate(plan)
            }
            func seconds(_ evaluation: Evaluation?) -> String { evaluation?.prediction.timeToFirstTokenSeconds.map { Text.seconds($0) } ?? "-" }
            text += row([
                scenario.model.name, seconds(even), seconds(gpipe(even)), seconds(gpipe(own)), seconds(own), seconds(auto),
                "\(Text.fixed((even?.score ?? 0) / (own?.score ?? 1), 1))x", published,
            ])
        }
        return text + """

            Published against GPipe: 2.06-2.28x, against GPipe with balanced layers 1.5-1.65x. The model knows no loss of efficiency of small slices beyond launches and the roofline, so it cuts finer than the paper did.

            """
    }
}
