import Devices
public import Plans

/// A step that was submitted; its logits stay valid until as many steps as may be in flight were submitted after it.
public struct StepTicket: Sendable, Equatable {
    /// The executor's first step is 1.
    let number: UInt32
    /// Rows of logits it asked for.
    public let logitsRows: Int
}

extension Executor {
    /// Checks a step and starts it; it may be running when this returns.
    ///
    /// - Throws: `RuntimeError.invalidStep`; nothing was started then.
    /// - Precondition: fewer than `schedule.stepsInFlight` steps are submitted and not waited for.
    public func submit(_ step: Step) throws -> StepTicket {
        precondition(Int(submitted - completed) < schedule.stepsInFlight, "a step too many in flight")
        let rows = try check(step)
        submitted &+= 1
        let tables = tables[Int(submitted &- 1) % tables.count]
        var blocks = 0
        // By index here and below: iterators over arrays allocate in unoptimised builds, and no step may.
        for index in step.entries.indices { blocks += step.entries[index].blocks.count }
        tables.begin(blocks: blocks)
        arrange(step, tables)
        let needs = variants.needs(of: tables)
        for index in stages.indices { stages[index].announce(needs) }
        if lanes.isEmpty {
            stages[0].lanes[0].run(tables, step: submitted)
        } else {
            if oneStepAtATime { for index in lanes.indices { lanes[index].done.wait(submitted &- 1) } }
            for index in lanes.indices { lanes[index].request(submitted) }
        }
        return StepTicket(number: submitted, logitsRows: rows)
    }

    /// Fills the tables: entries in micro-batches of the plan's size, or as many as the devices take at once, in each one pool after
    /// another.
    private func arrange(_ step: Step, _ tables: StepTables) {
        let places = Int(submitted &- 1) % rowPlaces.count
        let size = schedule.block.microBatchCount > 1 ? schedule.block.microBatchSize : Int.max
        // First row of logits of each entry in the order in which they were asked for.
        var first = 0, entry = 0
        repeat {
            tables.beginPart()
            var end = entry, tokens = 0
            while end < step.entries.count, end - entry < size {
                tokens += step.entries[end].tokens.count
                if end > entry, tokens > partTokens { break }
                end += 1
            }
            for pool in schedule.pools.indices {
                var row = first
                for index in entry..<end {
                    let rows = step.entries[index].logits.count
                    if tables.pool(of: step.entries[index].blocks.isEmpty ? 0 : step.entries[index].blocks[0]) == pool {
                        for offset in 0..<rows { rowPlaces[places][row + offset] = Int32(truncatingIfNeeded: tables.rowCount + offset) }
                        tables.add(
                            tokens: step.entries[index].tokens, start: step.entries[index].start, blocks: step.entries[index].blocks,
                            logits: step.entries[index].logits)
                    }
                    row += rows
                }
            }
            for index in entry..<end { first += step.entries[index].logits.count }
            entry = end
        } while entry < step.entries.count
    }

    /// Returns when the step is done; steps are waited for in the order in which they were submitted.
    public func wait(_ ticket: StepTicket) throws {
        precondition(ticket.number == completed &+ 1 && ticket.number <= submitted, "steps are waited for in order")
        for index in lanes.indices { lanes[index].done.wait(ticket.number) }
        completed = ticket.number
        for index in stages.indices { if let error = stages[index].error { throw error } }
    }

    /// Logits (vocabularySize floats) of row `row` of a step that was waited for, rows numbered over all entries in order.
    public func logits(_ ticket: StepTicket, row: Int) -> UnsafeBufferPointer<Float> {
        precondition(row >= 0 && row < ticket.logitsRows && ticket.number <= completed, "no such row of logits")
        precondition(Int(submitted - ticket.number) < tables.count, "logits of a step that others have followed")
        let slot = Int(ticket.number &- 1) % tables.count
        let place = tables[slot].rowBase + Int(rowPlaces[slot][row])
        let base = logitsRows.range.address.assumingMemoryBound(to: Float.self)
        return UnsafeBufferPointer(start: base + place * logitsRows.stride, count: vocabularySize)
    }

    /// Rows of logits the step wants, once every number in it is known to be in range.
    private func check(_ step: Step) throws -> Int {
        var tokens = 0
        var rows = 0
        for index in step.entries.indices {
            let entry = step.entries[index]
            tokens += entry.tokens.count
            rows += entry.logits.count
            let (end, overflow) = entry.start.addingReportingOverflow(entry.tokens.count)
            guard entry.start >= 0, !overflow, end == 0 || (end - 1) / Self.blockTokens < entry.blocks.count else {
                throw RuntimeError.invalidStep("sequence \(entry.sequence) has \(entry.blocks.count) KV blocks for tokens up to \(end)")
            }
            if let limit = positionLimit, end > limit {
                throw RuntimeError.invalidStep("position \(end - 1) is beyond the model's \(limit) positions")
            }
            for at in entry.blocks.indices where entry.blocks[at] < 0 || Int(entry.blocks[at]) >= blockCount {
                throw RuntimeError.invalidStep("KV block \(entry.blocks[at]) does not exist")
            }
            for at in entry.tokens.indices where entry.tokens[at] < 0 || Int(entry.tokens[at]) >= vocabularySize {
                throw RuntimeError.invalidStep("token \(entry.tokens[at]) is not in the vocabulary of \(vocabularySize)")
            }
            for at in entry.logits.indices where entry.logits[at] < 0 || entry.logits[at] >= entry.tokens.count {
                throw RuntimeError.invalidStep("logits of token \(entry.logits[at]) of \(entry.tokens.count)")
            }
        }
        guard tokens <= schedule.stepTokens, rows <= schedule.stepLogits else {
            throw RuntimeError.invalidStep(
                "\(tokens) tokens and \(rows) rows of logits; at most \(schedule.stepTokens) and \(schedule.stepLogits)")
        }
        return rows
    }
}
