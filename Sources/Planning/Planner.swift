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
            let reason =
                found.first.map { "\($0.note.isEmpty ? $0.strategy : $0.note): \($0.overflows.joined(separator: "; "))" }
                ?? "no device that can hold any of it"
            throw NothingFits(description: "\(problem.shape.name) does not fit with strategy \(strategy.rawValue): \(reason)")
        }
        best.plan = problem.completed(best.plan)
        return Result(best: best, others: Array(found.dropFirst()), strategy: strategy, planningSeconds: deadline.elapsed)
    }
}
