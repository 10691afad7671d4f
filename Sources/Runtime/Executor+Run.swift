import CKernels
import Devices
import Models
public import Plans

#if canImport(Glibc)
    import Glibc
#endif

extension Executor {
    /// Runs one step. Afterwards `logits(row:)` gives the rows asked for, numbered over all entries in order.
    public func run(_ step: Step) throws {
        logitsRows = 0
        let (tokens, rows) = try check(step)
        guard tokens > 0 else { return }
        let tiles = prepare(step)
        execute(program.embedding, tokens: tokens, tiles: tiles)
        addPositions(step)
        execute(program.layers, tokens: tokens, tiles: tiles)
        guard rows > 0 else { return }
        var token = 0
        var row = 0
        // By index here and below: iterators over arrays allocate in unoptimised builds, and no step may.
        for index in step.entries.indices {
            let entry = step.entries[index]
            for wanted in entry.logits.indices {
                let source = buffers.hidden + (token + entry.logits[wanted]) * buffers.hiddenStride
                (buffers.chosen + row * buffers.hiddenStride).update(from: source, count: buffers.hiddenStride)
                row += 1
            }
            token += entry.tokens.count
        }
        execute(program.output, tokens: rows, tiles: 0)
        logitsRows = rows
    }

    /// Tokens and logits rows of the step, once every number in it is known to be in range.
    private func check(_ step: Step) throws -> (tokens: Int, rows: Int) {
        var tokens = 0
        var rows = 0
        let limit = embedding.positionLimit
        for index in step.entries.indices {
            let entry = step.entries[index]
            tokens += entry.tokens.count
            rows += entry.logits.count
            let end = entry.start + entry.tokens.count
            guard entry.start >= 0, entry.blocks.count * Self.blockTokens >= end else {
                throw RuntimeError.invalidStep("sequence \(entry.sequence) has \(entry.blocks.count) KV blocks for \(end) tokens")
            }
            if let limit, end > limit { throw RuntimeError.invalidStep("position \(end - 1) is beyond the model's \(limit) positions") }
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
        guard tokens <= options.maximumStepTokens, rows <= options.maximumLogits else {
            throw RuntimeError.invalidStep(
                "\(tokens) tokens and \(rows) rows of logits; at most \(options.maximumStepTokens) and \(options.maximumLogits)")
        }
        return (tokens, rows)
    }

    /// Embeddings, rotations, KV slots and attention tiles of every token; returns the number of tiles.
    private func prepare(_ step: Step) -> Int {
        let projected = model.embedding.projection != nil
        let target = projected ? buffers.embedded : buffers.hidden
        let stride = projected ? buffers.embeddedStride : buffers.hiddenStride
        var tableSize = 0
        for index in step.entries.indices { tableSize += step.entries[index].blocks.count }
        reserveBlockTable(tableSize)
        var token = 0
        var tile = 0
        var blocks = 0
        let attention = model.layers[0].attention
        let perTile = Int(mk_attention_tile_tokens(Int64(attention.headCount / max(1, attention.keyValueHeadCount))))
        for number in step.entries.indices {
            let entry = step.entries[number]
            let table = blockTable + blocks
            for index in 0..<entry.blocks.count { table[index] = entry.blocks[index] }
            blocks += entry.blocks.count
            for index in 0..<entry.tokens.count {
                let position = entry.start + index
                embedding.embed(token: entry.tokens[index], into: target + (token + index) * stride)
                buffers.blockOfToken[token + index] = table[position / Self.blockTokens]
                buffers.slotOfToken[token + index] = Int32(position % Self.blockTokens)
                rotate(position: position, row: token + index)
            }
            var from = 0
            while from < entry.tokens.count {
                let count = min(perTile, entry.tokens.count - from)
                buffers.tiles[tile] = mk_attention_tile(
                    blocks: UnsafePointer(table), position: Int64(entry.start + from), token: Int64(token + from), count: Int64(count))
                tile += 1
                from += count
            }
            token += entry.tokens.count
        }
        return tile
    }

    private func reserveBlockTable(_ count: Int) {
        guard count > blockTableCapacity else { return }
        blockTable.deallocate()
        blockTableCapacity = count * 2
        blockTable = .allocate(capacity: blockTableCapacity)
    }

    private func rotate(position: Int, row: Int) {
        guard case .rotary(let rotary) = model.positions else { return }
        let half = rotary.dimensions / 2
        let cosine = buffers.cosine + row * half, sine = buffers.sine + row * half
        rotary.inverseFrequencies.withUnsafeBufferPointer { frequencies in
            for pair in 0..<half {
                let angle = Double(position) * frequencies[pair]
                cosine[pair] = Float(cos(angle) * rotary.magnitude)
                sine[pair] = Float(sin(angle) * rotary.magnitude)
            }
        }
    }

    private func addPositions(_ step: Step) {
        guard embedding.positionLimit != nil else { return }
        let scratch = UnsafeMutableRawPointer(buffers.scratch).assumingMemoryBound(to: Float.self)
        var token = 0
        for number in step.entries.indices {
            let entry = step.entries[number]
            for index in 0..<entry.tokens.count {
                embedding.addPosition(
                    entry.start + index, to: buffers.hidden + (token + index) * buffers.hiddenStride, width: model.hiddenSize, scratch: scratch,
                    isa: cpu.instructionSet)
            }
            token += entry.tokens.count
        }
    }

    /// Steps this small pack and store on the calling thread: waking the workers costs more.
    private static let inlineTokens: Int64 = 4

    private func execute(_ operations: [Operation], tokens: Int, tiles: Int) {
        let tokens = Int64(tokens)
        for index in operations.indices {
            switch operations[index] {
            case .pack(let job):
                job.pointee.tokens = tokens
                job.pointee.next = 0
                tokens <= Self.inlineTokens ? mk_run_pack(job, 0, 1) : cpu.run(mk_run_pack, job)
            case .product(let job):
                job.pointee.tokens = tokens
                job.pointee.next = 0
                cpu.run(mk_run_product, job)
            case .store(let job):
                job.pointee.tokens = tokens
                job.pointee.next = 0
                tokens <= Self.inlineTokens ? mk_run_store(job, 0, 1) : cpu.run(mk_run_store, job)
            case .attention(let job):
                job.pointee.tile_count = Int64(tiles)
                job.pointee.next = 0
                cpu.run(mk_run_attention, job)
            }
        }
    }
}
