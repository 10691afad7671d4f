import Models
import Plans

/// HexGen's case study (arXiv 2311.11514): one replica on three unlike machines.
extension Reproduction {
    func hexGenCase() throws -> String {
        let scenario = try scenarios("hexgen-casestudy")
        let problem = try Problem(scenario)
        func layout(_ groups: [([Int], Int)]) -> Evaluation? {
            var next = 0
            let stages = groups.map { devices, layers in
                next += layers
                return problem.residentStage(devices, layers: next - layers..<next)
            }
            return problem.finish([stages], strategy: .hexgen, note: "")
        }
        let all = Self.caseStudyLayouts(problem)
        let best = best(scenario, .hexgen), published = layout([([0, 1, 2, 3], 48), ([4, 5], 20), ([6, 7], 12)])
        let least = best?.score ?? 1
        func place(_ score: Double) -> String { "\(all.filter { $0.score < score * (1 - 1e-9) }.count + 1) of \(all.count)" }
        let bestOfThree = all.filter { $0.note == "4/2/2" }.map(\.score).min() ?? .infinity
        let lines: [(String, Evaluation?)] = [
            ("best of all (hexgen)", best), ("auto", self.best(scenario, .auto)),
            ("TP 4 on the A6000 alone, 80 layers", layout([([0, 1, 2, 3], 80)])),
            ("TP 4/2, 60/20 layers, the A4000 unused", layout([([0, 1, 2, 3], 60), ([4, 5], 20)])),
            ("published: TP 4/2/2, 48/20/12 layers", published),
            ("PP 8, layers by memory", self.best(scenario, .memory)), ("PP 8, equal layers", self.best(scenario, .even)),
            ("PP 2 x TP 4, 60/20 layers (the second group over two machines)", layout([([0, 1, 2, 3], 60), ([4, 5, 6, 7], 20)])),
            ("PP 2 x TP 4, 40/40 layers", layout([([0, 1, 2, 3], 40), ([4, 5, 6, 7], 40)])),
        ]
        var text = """
            ## HexGen: case study, 4 A6000 + 2 A5000 + 2 A4000, Llama-2-70B (arXiv 2311.11514)

            Seconds per output token at batch 1, 128 prompt and 64 output tokens. Places are among the \(all.count) layouts that fit (every
            division of each machine into groups of 1, 2 or 4, every order of machines, any left out, layers by dynamic programming).


            """
        text += head(["layout", "seconds", "against the best", "place"])
        for (name, evaluation) in lines {
            let fits = evaluation?.fits ?? false, score = evaluation?.score ?? .infinity
            text += row([
                name, fits ? Text.seconds(score) : "does not fit: \(evaluation?.overflows.first ?? "no device holds its share")",
                fits ? "\(Text.fixed(score / least, 2))x" : "-", fits ? (name.hasPrefix("PP") ? "-" : place(score)) : "-",
            ])
        }
        let chain = self.best(scenario, .memory)?.score ?? 1
        return text + """

            Tensor parallelism over the four A6000 alone is best and the other four GPUs are left out: bytes are then read by four devices
            at once, while every further stage adds its time. The published groups 4/2/2 are at best \(Text.fixed(bestOfThree / least, 2))x
            of it (with nearly all layers on the A6000); as published they beat the chain of eight by
            \(Text.fixed(chain / (published?.score ?? 1), 2))x (published: up to 2x). What runs out of memory in the paper does here: TP 8
            needs \(Text.bytes(problem.shape.parameterCount * 2 / 8)) on every card and the A4000 have 16 GiB, PP 8 and PP 2 x TP 4 with
            equal layers overflow as listed. The published 19x over PP 2 x TP 4 is not there: with layers that fit it is about equal, and it
            would take some 4 ms per exchange to separate them, which links of 0.2 ms do not have.


            """
    }

    /// Every layout of whole divisions, with its groups in order as note and its best layers.
    static func caseStudyLayouts(_ problem: Problem) -> [(note: String, score: Double)] {
        let tables = NodeTables(problem: problem)
        let pools = DevicePool.all(problem)
        func divisions(_ count: Int, _ most: Int) -> [[Int]] {
            guard count > 0 else { return [[]] }
            return [4, 2, 1].filter { $0 <= min(count, most) }.flatMap { size in divisions(count - size, size).map { [size] + $0 } }
        }
        var found: [(String, Double)] = []
        for order in ReplicaSolver.permutations(Array(pools.indices)).flatMap({ order in (1...order.count).map { Array(order.prefix($0)) } }
        ) {
            var chains: [[[Int]]] = [[]]
            for pool in order {
                let devices = pools[pool].devices
                chains = chains.flatMap { chain in
                    divisions(devices.count, 4).map { sizes in
                        var next = 0
                        return chain
                            + sizes.map { size in
                                next += size
                                return Array(devices[next - size..<next])
                            }
                    }
                }
            }
            for chain in chains {
                let name = chain.map { String($0.count) }.joined(separator: "/") + "@" + order.map(String.init).joined()
                guard !found.contains(where: { $0.0 == name }) else { continue }
                let nodes = tables.nodes(chain, load: problem.decisiveLoad(), sequences: 1)
                guard
                    let split = LayerSplit.leastSum(
                        nodes.map { [.infinity] + $0.seconds.dropFirst() }, layers: problem.shape.layerCount,
                        bound: .greatestFiniteMagnitude),
                    !split.counts.contains(0),
                    let evaluation = problem.finish([tables.stages(nodes, split.counts)], strategy: .hexgen, note: ""),
                    evaluation.fits
                else { continue }
                found.append((name, evaluation.score))
            }
        }
        return found.map { (note: String($0.0.prefix { $0 != "@" }), score: $0.1) }
    }
}
