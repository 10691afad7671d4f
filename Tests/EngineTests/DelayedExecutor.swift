import Glibc
import Plans

@testable import Engine
@testable import Runtime

/// The fake model on a thread of its own: a step runs some time after it was submitted, and its logits are overwritten as soon as they may
/// be.
final class DelayedExecutor: StepExecutor {
    struct Failure: Error, CustomStringConvertible { var description: String { "a device is gone" } }

    let keyValueBlockTokens: Int
    let blockCount: Int
    let vocabularySize: Int
    let maximumStepTokens: Int
    let maximumLogits: Int
    let stepsInFlight: Int

    /// Calls of `submit`, from 0, that fail at once, and whose steps fail when it is their turn; then those in flight behind them are lost,
    /// too.
    struct Faults: Sendable {
        var submitted: Set<Int> = []
        var waited: Set<Int> = []
    }

    private struct State: Sendable {
        var queue: [(call: Int, number: Int, step: Step)] = []
        var rows: [Int: [[Float]]] = [:]
        var failed: Set<Int> = []
        var lost = false
        var isEnding = false
    }

    private let state = Monitor(State())
    private let thread: SystemThread
    private let faults: Faults
    private var calls = 0
    private var submitted = 0
    private var waited = 0
    /// Most steps that were in flight at once, and breaches of the protocol.
    private(set) var deepest = 0
    private(set) var breaches: [String] = []
    private let slots: UnsafeMutableBufferPointer<Float>

    init(
        stepsInFlight: Int, blockTokens: Int = 4, blockCount: Int = 64, stepTokens: Int = 32, logits: Int = 16, faults: Faults = Faults()
    ) {
        self.stepsInFlight = stepsInFlight
        self.faults = faults
        keyValueBlockTokens = blockTokens
        self.blockCount = blockCount
        vocabularySize = 50
        maximumStepTokens = stepTokens
        maximumLogits = logits
        slots = .allocate(capacity: stepsInFlight * logits * 50)
        slots.initialize(repeating: .nan)
        let state = state
        thread = SystemThread {
            let model = FakeExecutor(blockTokens: blockTokens, blockCount: blockCount, stepTokens: stepTokens, logits: logits)
            var random = SeededGenerator(state: 1)
            while true {
                let next: (call: Int, number: Int, step: Step)? = state.wait { state in
                    if !state.queue.isEmpty { return .some(state.queue.removeFirst()) }
                    return state.isEnding ? .some(nil) : nil
                }
                guard let next else { return }
                usleep(UInt32.random(in: 0...300, using: &random))
                let fails = faults.waited.contains(next.call)
                let isLost = state.update { state in
                    if fails { state.lost = true }
                    return state.lost
                }
                let rows = isLost ? [] : model.run(next.step)
                state.update { state in
                    if isLost { state.failed.insert(next.number) } else { state.rows[next.number] = rows }
                }
            }
        }
    }

    deinit {
        state.update { $0.isEnding = true }
        thread.join()
        slots.deallocate()
    }

    func submit(_ step: Step) throws -> StepTicket {
        let call = calls
        calls += 1
        if faults.submitted.contains(call) { throw Failure() }
        let number = submitted
        submitted += 1
        if submitted - waited > stepsInFlight { breaches.append("\(submitted - waited) steps in flight") }
        deepest = max(deepest, submitted - waited)
        UnsafeMutableBufferPointer(rebasing: slots[slot(number, row: 0)..<slot(number, row: maximumLogits)]).update(repeating: .nan)
        state.update { $0.queue.append((call, number, step)) }
        return StepTicket(number: UInt32(number), logitsRows: step.entries.reduce(0) { $0 + $1.logits.count })
    }

    func wait(_ ticket: StepTicket) throws {
        let number = Int(ticket.number)
        if number != waited { breaches.append("step \(number) was waited for, not \(waited)") }
        waited += 1
        let rows: [[Float]]? = state.wait { state in
            if state.failed.contains(number) { return .some(nil) }
            return state.rows.removeValue(forKey: number).map { .some($0) }
        }
        // What was lost has been reported: the device is there again for steps that are submitted from now on.
        guard let rows else {
            if submitted == waited { state.update { $0.lost = false } }
            throw Failure()
        }
        for (row, logits) in rows.enumerated() {
            _ = UnsafeMutableBufferPointer(rebasing: slots[slot(number, row: row)...]).update(from: logits)
        }
    }

    func logits(_ ticket: StepTicket, row: Int) -> UnsafeBufferPointer<Float> {
        let start = slot(Int(ticket.number), row: row)
        return UnsafeBufferPointer(rebasing: slots[start..<start + vocabularySize])
    }

    private func slot(_ number: Int, row: Int) -> Int { (number % stepsInFlight * maximumLogits + row) * vocabularySize }
}
