import Checkpoints
import Models
import Plans

/// HPipe's two hosts (NAACL 2024 industry track).
extension Reproduction {
    func hPipe() throws -> String {
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
