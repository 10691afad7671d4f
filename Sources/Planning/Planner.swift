import Models
import Plans

/// Finds plans: the entry to everything in this target.
public struct Planner: Sendable {
    public struct Result: Sendable {
        public var best: Evaluation
        /// What else was considered, best first, the best left out.
        public var others: [Evaluation]
        public var strategy: Strategy
        public var planningSeconds: Double
    }

    /// Nothing fits, and the smallest overflow of what was tried.
    public struct NothingFits: Error, Sendable, CustomStringConvertible {
        public var description: String

        public init(description: String) { self.description = description }
    }

    public let problem: Problem

    public init(_ problem: Problem) { self.problem = problem }

    /// - Parameters:
    ///   - timeLimit: seconds after which searches end with what they have.
    ///   - warm: a plan made before, to start from.
    public func plan(_ strategy: Strategy = .auto, timeLimit: Double = 20, warm: Evaluation? = nil) throws(NothingFits) -> Result {
        let deadline = Deadline(seconds: timeLimit)
        let found = strategy.search(problem, deadline: deadline, warm: warm)
        guard var best = found.first, best.fits, best.score.isFinite else {
            // A pin that a strategy cannot keep is the reason, whatever else does not fit.
            let broken = found.first?.overflows.first { $0.contains("is not kept in layer") }
            if let why = strategy.limitOfPins, !problem.pins.isEmpty, found.isEmpty || broken != nil {
                let reason = broken ?? problem.pins.map { "\"pin \($0.text)\"" }.joined(separator: ", ")
                throw NothingFits(description: "strategy \(strategy.rawValue) cannot keep the pins: \(reason); \(why)")
            }
            // Of plans that keep the wishes the one with the least too much; where only seconds are in the way, the first.
            let nearest = found.filter { !$0.fits && $0.excessBytes > 0 }.min {
                ($0.brokenWishes, $0.excessBytes) < ($1.brokenWishes, $1.excessBytes)
            }
            if let first = found.first, first.fits {
                throw NothingFits(
                    description:
                        "\(problem.shape.name) fits with strategy \(strategy.rawValue), but no request would end: "
                        + "a rate, link or latency of the hardware is beyond reason"
                )
            }
            let reason =
                (nearest ?? found.first).map { "\($0.note.isEmpty ? $0.strategy : $0.note): \($0.overflows.joined(separator: "; "))" }
                ?? "no device that can hold any of it"
            throw NothingFits(description: "\(problem.shape.name) does not fit with strategy \(strategy.rawValue): \(reason)")
        }
        best.plan = problem.completed(best.plan)
        return Result(best: best, others: Array(found.dropFirst()), strategy: strategy, planningSeconds: deadline.elapsed)
    }
}

extension Evaluation {
    /// Bytes too much, over all memories.
    var excessBytes: Double {
        prediction.memory.reduce(0) { sum, use in sum + (use.capacity.map { max(0, Double(use.bytes) - Double($0)) } ?? 0) }
    }

    /// What is in the way besides memories.
    var brokenWishes: Int { overflows.count - prediction.memory.count { use in use.capacity.map { use.bytes > $0 } ?? false } }
}
