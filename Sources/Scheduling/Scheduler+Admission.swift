import Plans

extension Scheduler {
    /// Lets waiting requests in, earliest first, while slots, blocks and budget last.
    ///
    /// A request whose next block some running sequence is computing right now waits a step and then shares it; later arrivals may pass it.
    /// One for which there is no room holds up all later ones.
    mutating func admit(_ budget: inout Budget) {
        var deferred = 0
        if schedule.admitsInBlocks {
            if running.isEmpty { isFilling = true }
            guard isFilling else { return }
        }
        // Budgets are there again in the next step; a lack of slots or room ends the block.
        defer { if freeSlots.isEmpty { isFilling = false } }
        while budget.tokens > 0, budget.logits > 0, budget.prompts > 0, !freeSlots.isEmpty, deferred < schedule.sequences {
            // Deferred requests are the last `deferred` of `returned`, by arrival before everything else that waits.
            let index: Int
            if returned.count > deferred {
                index = returned[returned.count - 1 - deferred]
            } else if arrivalsHead < arrivals.count {
                index = arrivals[arrivalsHead]
                arrivalsHead += 1
                putBack(index)
                compactArrivals()
            } else {
                return
            }
            switch attach(index) {
            case .admitted:
                returned.remove(at: returned.count - 1 - deferred)
                enterRunning(index)
                if !add(index, &budget) { return }
                budget.prompts -= 1
            case .deferred:
                deferred += 1
            case .noRoom:
                isFilling = false
                return
            }
        }
    }

    private enum Attachment {
        case admitted
        case deferred
        case noRoom
    }

    /// Gives a waiting sequence its blocks, of the first pool that has room for it.
    private mutating func attach(_ index: Int) -> Attachment {
        let total = max(sequences[index].tokens.count, sequences[index].promptCount + sequences[index].maximumTokens)
        for pool in pools.indices where schedule.blocks(for: total) <= pools[pool].count {
            switch attach(index, to: pool) {
            case .noRoom: continue
            case let attachment: return attachment
            }
        }
        return .noRoom
    }

    /// Gives a waiting sequence its blocks of a pool: known ones for its beginning, new ones for the rest of what it has.
    private mutating func attach(_ index: Int, to pool: Int) -> Attachment {
        let size = schedule.blockTokens
        let total = sequences[index].tokens.count
        // The last token is computed in any case, and so is what logits are wanted of.
        let shareable = schedule.sharesPrefixes ? min(total - 1, sequences[index].nextLogits) : 0
        var content = BlockPool.rootContent
        var matched = 0
        var reclaimed = 0
        while (matched + 1) * size <= shareable {
            let key = sequences[index].key(ofBlock: matched, after: content, blockTokens: size)
            guard let found = pools[pool].find(key, tokens: sequences[index].tokens(ofBlock: matched, blockTokens: size)) else {
                if pending[pool][key] != nil {
                    sequences[index].blocks.removeAll(keepingCapacity: true)
                    return .deferred
                }
                break
            }
            sequences[index].blocks.append(found.block)
            if pools[pool].isCached(found.block) { reclaimed += 1 }
            content = found.content
            matched += 1
        }
        // Beside other sequences a block of growth for each is left free, so that admission does not at once lead to preemption.
        let needed = schedule.blocks(for: total) - matched
        guard needed + reclaimed + runningInPool[pool] <= pools[pool].availableCount else {
            sequences[index].blocks.removeAll(keepingCapacity: true)
            return .noRoom
        }
        for block in sequences[index].blocks { pools[pool].retain(block) }
        for _ in 0..<needed {
            guard let block = pools[pool].take() else { preconditionFailure("counted blocks are missing") }
            sequences[index].blocks.append(block)
        }
        sequences[index].pool = pool
        runningInPool[pool] += 1
        sequences[index].computed = matched * size
        sequences[index].namedBlocks = matched
        sequences[index].content = content
        sequences[index].sharedTokens = matched * size
        statistics.sharedTokens += matched * size
        announcePending(index)
        return .admitted
    }

    private mutating func enterRunning(_ index: Int) {
        guard let slot = freeSlots.popLast() else { preconditionFailure("no slot is free") }
        sequences[index].slot = slot
        var place = running.count
        while place > 0, sequences[running[place - 1]].id > sequences[index].id { place -= 1 }
        running.insert(index, at: place)
    }

    /// Into `returned`, which is ordered from the latest arrival to the earliest.
    mutating func putBack(_ index: Int) {
        var place = returned.count
        while place > 0, sequences[returned[place - 1]].id < sequences[index].id { place -= 1 }
        returned.insert(index, at: place)
    }

    private mutating func compactArrivals() {
        guard arrivalsHead > 64, arrivalsHead * 2 > arrivals.count else { return }
        arrivals.removeFirst(arrivalsHead)
        arrivalsHead = 0
    }
}
