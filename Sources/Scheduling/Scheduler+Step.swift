import Plans

extension Scheduler {
    /// Decides the next step, or says that nothing can run: no request is left, or every one waits for a token.
    public mutating func next() -> Bool {
        precondition(!isStepOpen, "complete the step first")
        clearStep()
        var budget = Budget(tokens: limits.stepTokens, logits: limits.stepLogits)
        scheduleDecodes(&budget)
        schedulePrefills(&budget)
        admit(&budget)
        isStepOpen = !step.entries.isEmpty
        if isStepOpen { statistics.steps += 1 }
        return isStepOpen
    }

    /// Records that the executor ran `step`.
    public mutating func complete() {
        precondition(isStepOpen, "there is no step to complete")
        isStepOpen = false
        for index in stepSequences {
            let scheduled = sequences[index].scheduled
            sequences[index].scheduled = 0
            sequences[index].computed += scheduled
            sequences[index].nextLogits = max(sequences[index].nextLogits, sequences[index].computed)
            statistics.computedTokens += scheduled
            nameBlocks(index)
        }
    }

    /// What a step has left to give.
    struct Budget {
        var tokens: Int
        var logits: Int
    }

    private mutating func clearStep() {
        while let entry = step.entries.popLast() { spareEntries.append(entry) }
        stepSequences.removeAll(keepingCapacity: true)
    }

    /// One token of every sequence that has one to compute; room is made by preempting the latest arrivals.
    private mutating func scheduleDecodes(_ budget: inout Budget) {
        var place = 0
        while place < running.count {
            let index = running[place]
            if sequences[index].remaining == 1, makeRoom(index) { add(index, &budget) }
            // Preemption takes from the end: whatever stands at `place` now was `index` or is gone.
            place += 1
        }
    }

    private mutating func schedulePrefills(_ budget: inout Budget) {
        for index in running where sequences[index].remaining > 1 {
            if budget.tokens == 0 { return }
            add(index, &budget)
        }
    }

    /// A block for the sequence's next position; false if the sequence itself had to give way.
    private mutating func makeRoom(_ index: Int) -> Bool {
        let needed = limits.blocks(for: sequences[index].computed + 1)
        while sequences[index].blocks.count < needed {
            if let block = pool.take() {
                sequences[index].blocks.append(block)
            } else {
                let victim = running.removeLast()
                preempt(victim)
                if victim == index { return false }
            }
        }
        return true
    }

    private mutating func preempt(_ index: Int) {
        statistics.preemptions += 1
        statistics.preemptedTokens += sequences[index].computed
        stop(index)
        putBack(index)
    }

    /// Adds as much of the sequence as budget and slice length allow; its blocks are there already.
    mutating func add(_ index: Int, _ budget: inout Budget) {
        let start = sequences[index].computed
        var end = start + min(sequences[index].remaining, budget.tokens, limits.sliceTokens)
        let total = sequences[index].tokens.count
        let promptCount = sequences[index].promptCount
        // Logits are wanted from `nextLogits` on in the prompt, and of the last token.
        var firstLogits = sequences[index].nextLogits
        if firstLogits >= promptCount - 1 { firstLogits = max(firstLogits, total - 1) }
        firstLogits = max(firstLogits, start)
        if end - firstLogits > budget.logits { end = firstLogits + budget.logits }
        guard end > start else { return }

        var entry = spareEntries.popLast() ?? Step.Entry(sequence: 0, start: 0, tokens: [], blocks: [], logits: [])
        entry.sequence = sequences[index].slot
        entry.start = start
        entry.tokens.removeAll(keepingCapacity: true)
        entry.tokens.append(contentsOf: sequences[index].tokens[start..<end])
        entry.blocks.removeAll(keepingCapacity: true)
        if entry.blocks.capacity < sequences[index].blocks.capacity { entry.blocks.reserveCapacity(sequences[index].blocks.capacity) }
        entry.blocks.append(contentsOf: sequences[index].blocks)
        entry.logits.removeAll(keepingCapacity: true)
        var position = firstLogits
        while position < end {
            entry.logits.append(position - start)
            position += 1
        }
        step.entries.append(entry)
        stepSequences.append(index)
        sequences[index].scheduled = end - start
        budget.tokens -= end - start
        budget.logits -= max(0, end - firstLogits)
    }

    /// Names blocks that became full, so that others find them.
    private mutating func nameBlocks(_ index: Int) {
        guard limits.sharesPrefixes else { return }
        let size = limits.blockTokens
        guard (sequences[index].namedBlocks + 1) * size <= sequences[index].computed else { return }
        withdrawPending(index)
        while (sequences[index].namedBlocks + 1) * size <= sequences[index].computed {
            let named = sequences[index].namedBlocks
            let parent = sequences[index].content
            let key = sequences[index].key(ofBlock: named, after: parent, blockTokens: size)
            sequences[index].content = pool.register(
                sequences[index].blocks[named], key: key, tokens: sequences[index].tokens(ofBlock: named, blockTokens: size))
            sequences[index].namedBlocks += 1
        }
        if sequences[index].remaining > 0 { announcePending(index) }
    }
}
