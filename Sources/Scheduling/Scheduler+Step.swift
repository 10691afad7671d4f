import Plans

extension Scheduler {
    /// Decides the next step, or says that nothing can run now: no request is left, every one waits for a token or for a step in flight, or
    /// as many steps are in flight as may be.
    public mutating func next() -> Bool {
        guard inFlightCount < schedule.stepsInFlight else { return false }
        newest = (newest + 1) % flights.count
        clearStep()
        var budget = Budget(tokens: schedule.stepTokens, logits: schedule.stepLogits, prompts: schedule.stepPrompts)
        scheduleDecodes(&budget)
        schedulePrefills(&budget)
        admit(&budget)
        guard !flights[newest].shares.isEmpty else {
            newest = (newest + flights.count - 1) % flights.count
            return false
        }
        inFlightCount += 1
        if flights[newest].decodes { decodingFlights += 1 }
        statistics.steps += 1
        return true
    }

    /// Records that the executor ran the oldest step in flight, now `completed`.
    public mutating func complete() {
        precondition(inFlightCount > 0, "there is no step to complete")
        lastCompleted = (newest + flights.count - inFlightCount + 1) % flights.count
        inFlightCount -= 1
        if flights[lastCompleted].decodes { decodingFlights -= 1 }
        for entry in 0..<flights[lastCompleted].shares.count {
            let (index, count) = (flights[lastCompleted].shares[entry].sequence, flights[lastCompleted].shares[entry].tokens)
            statistics.computedTokens += count
            sequences[index].complete(count)
            if sequences[index].hasEnded {
                if sequences[index].scheduled == 0 {
                    stop(index)
                    forget(index)
                }
            } else if schedule.sharesPrefixes {
                nameBlocks(index)
            }
        }
    }

    /// What a step has left to give.
    struct Budget {
        var tokens: Int
        var logits: Int
        /// Prompts that may still have a slice in the step.
        var prompts: Int
        /// Whether one has already.
        var hasSlice = false
    }

    private mutating func clearStep() {
        while let entry = flights[newest].step.entries.popLast() { spareEntries.append(entry) }
        flights[newest].shares.removeAll(keepingCapacity: true)
    }

    /// One token of every sequence that has one to compute, or of its share of them; room is made by preempting the latest arrivals.
    private mutating func scheduleDecodes(_ budget: inout Budget) {
        flights[newest].decodes = false
        // More steps than groups would each read all the weights for a few sequences.
        guard schedule.stepsInFlight == 1 || decodingFlights < schedule.decodeGroups else { return }
        var left = Int.max
        if schedule.decodeGroups > 1 {
            var decoding = 0
            for index in running where isDecoding(index) { decoding += 1 }
            left = max(1, (decoding + schedule.decodeGroups - 1) / schedule.decodeGroups)
        }
        var place = 0
        while place < running.count, left > 0 {
            let index = running[place]
            if remaining(index) == 1, makeRoom(index, at: place) {
                add(index, &budget)
                flights[newest].decodes = true
                left -= 1
            }
            // One that gave way itself has left its place to the next.
            if place < running.count, running[place] == index { place += 1 }
        }
    }

    /// Looked at in place: scanning copies of whole sequences was a quarter of a step's time.
    @inline(__always) private func remaining(_ index: Int) -> Int {
        sequences.withUnsafeBufferPointer { $0[index].tokens.count - $0[index].computed - $0[index].scheduled }
    }

    @inline(__always) private func isDecoding(_ index: Int) -> Bool {
        sequences.withUnsafeBufferPointer { $0[index].tokens.count - $0[index].computed <= 1 }
    }

    private mutating func schedulePrefills(_ budget: inout Budget) {
        for index in running where remaining(index) > 1 {
            if budget.tokens == 0 || budget.prompts == 0 || !add(index, &budget) { return }
            budget.prompts -= 1
        }
    }

    /// A block for the next position of the sequence at `place` in `running`; false if the sequence has to wait or had to give way itself.
    private mutating func makeRoom(_ index: Int, at place: Int) -> Bool {
        let needed = schedule.blocks(for: sequences[index].computed + 1), pool = sequences[index].pool
        while sequences[index].blocks.count < needed {
            if let block = pools[pool].take() {
                sequences[index].blocks.append(block)
                continue
            }
            // The latest arrival in the pool of which nothing is in flight.
            guard let victim = running[place...].lastIndex(where: { sequences[$0].pool == pool && sequences[$0].scheduled == 0 }) else {
                return false
            }
            // Later ones that are in flight will end or give way: until then this one keeps what it has.
            if victim == place, running[(place + 1)...].contains(where: { sequences[$0].pool == pool }) { return false }
            preempt(running.remove(at: victim))
            if victim == place { return false }
        }
        return true
    }

    private mutating func preempt(_ index: Int) {
        statistics.preemptions += 1
        statistics.preemptedTokens += sequences[index].computed
        runningInPool[sequences[index].pool] -= 1
        stop(index)
        putBack(index)
    }

    /// Adds as much of the sequence as budget and slices allow; its blocks are there already. False: its slice waits for
    /// the next step, and so should all later prompts.
    @discardableResult
    mutating func add(_ index: Int, _ budget: inout Budget) -> Bool {
        let start = sequences[index].computed + sequences[index].scheduled
        let total = sequences[index].tokens.count
        let promptCount = sequences[index].promptCount
        var end = min(total, start + schedule.sliceTokens)
        if start < promptCount {
            // The last cut of the prompt takes with it what a preempted sequence had generated.
            let cut = schedule.cut(after: start, ofPrompt: promptCount)
            if cut < promptCount { end = min(end, cut) }
            // A slice is not cut once more to fill a step, but for one that has a step to itself.
            if !schedule.sliceTables.isEmpty, end - start > budget.tokens, budget.hasSlice { return false }
        }
        end = min(end, start + budget.tokens)
        let firstLogits = max(sequences[index].nextLogits, start)
        if end - firstLogits > budget.logits { end = firstLogits + budget.logits }
        guard end > start else { return true }
        if end - start > 1 { budget.hasSlice = true }

        if describesSteps { describe(index, start..<end, logitsFrom: firstLogits) }
        let logits = max(0, end - firstLogits)
        flights[newest].shares.append(
            Share(request: sequences[index].id, start: start, tokens: end - start, logits: logits, sequence: index))
        sequences[index].scheduled += end - start
        budget.tokens -= end - start
        budget.logits -= logits
        return true
    }

    /// The entry an executor gets.
    private mutating func describe(_ index: Int, _ range: Range<Int>, logitsFrom firstLogits: Int) {
        var entry = spareEntries.popLast() ?? Step.Entry(sequence: 0, start: 0, tokens: [], blocks: [], logits: [])
        entry.sequence = sequences[index].slot
        entry.start = range.lowerBound
        entry.tokens.removeAll(keepingCapacity: true)
        entry.tokens.append(contentsOf: sequences[index].tokens[range])
        entry.blocks.removeAll(keepingCapacity: true)
        if entry.blocks.capacity < sequences[index].blocks.capacity { entry.blocks.reserveCapacity(sequences[index].blocks.capacity) }
        entry.blocks.append(contentsOf: sequences[index].blocks)
        entry.logits.removeAll(keepingCapacity: true)
        var position = firstLogits
        while position < range.upperBound {
            entry.logits.append(position - range.lowerBound)
            position += 1
        }
        flights[newest].step.entries.append(entry)
    }

    /// Names blocks that became full, so that others find them.
    private mutating func nameBlocks(_ index: Int) {
        let size = schedule.blockTokens
        guard (sequences[index].namedBlocks + 1) * size <= sequences[index].computed else { return }
        withdrawPending(index)
        while (sequences[index].namedBlocks + 1) * size <= sequences[index].computed {
            let named = sequences[index].namedBlocks
            let parent = sequences[index].content
            let key = sequences[index].key(ofBlock: named, after: parent, blockTokens: size)
            sequences[index].content = pools[sequences[index].pool].register(
                sequences[index].blocks[named], key: key, tokens: sequences[index].tokens(ofBlock: named, blockTokens: size))
            sequences[index].namedBlocks += 1
        }
        if !sequences[index].isComputed { announcePending(index) }
    }
}
