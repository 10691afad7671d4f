import CKernels
import Checkpoints
import Devices
import Models

#if canImport(Glibc)
    import Glibc
#endif

/// Brings the weights that a device multiplies and does not keep, from the checkpoint (packed on the way) or from another memory, and hands
/// them over in program order.
///
/// The window is a ring of slots; piece p of a step always comes into slot p modulo their number, so that programs know its address
/// beforehand. A few threads each take the next chunk in program order, read it past the page cache and pack it. They run ahead of the
/// program by as much as there are free slots, into the following step too, which begins with the same pieces.
///
/// Invariant: a slot is written only between `release` of what was in it and `acquire` of what comes, and read only in between.
final class WeightStreamer: @unchecked Sendable {
    private struct Slot {
        /// The piece that is in it or on its way, and in which step; 0: none.
        var step: UInt32 = 0
        var piece = 0
        var chunksLeft = 0
        var isInUse = false
    }

    let pieces: [StreamPiece]
    private let sources: [[StreamSource]]
    private let files: [DirectFile]
    private let slots: [BufferRange]
    /// The way into the slots' memory; empty: it is the host's.
    private let links: [Link]
    /// Of each thread: what was read, what it needs to pack, and what was packed and goes over a link.
    private let rawBuffers: [Buffer]
    private let scratchBuffers: [Buffer]
    private let bounceBuffers: [Buffer]
    private let variants: StepVariants
    private let trace: RunTrace?
    private let name: String
    /// While something is read from files.
    private let reading = BusyTime()
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var threads: [pthread_t] = []

    // Behind the mutex.
    private var state: [Slot]
    /// What is read next.
    private var nextStep: UInt32 = 1
    private var nextPiece = 0
    private var nextChunk = 0
    /// Steps whose needs are known, and the last ones among them that need a piece. One that does cannot end before its pieces were read,
    /// so that as many are remembered as may be in flight; steps that do not may be any number ahead of what is read.
    private var knownSteps: UInt32 = 0
    private var needs: [(step: UInt32, needs: StepNeeds)]
    private var needCount = 0
    private var isStopping = false
    private var failure: DiskError?
    private var waited = 0.0
    private var readBytes = 0

    /// - Parameters:
    ///   - sources: where each piece comes from.
    ///   - window: bytes of the ring; two of the largest piece let it read ahead.
    ///   - links: the way into the device's memory; empty: it is the host's.
    ///   - host: memory for what is read and packed.
    ///   - readers: threads that read and pack.
    ///   - stepsInFlight: steps that may be announced before the first of them ends.
    /// - Throws: `MemoryError`, `DiskError`, `RuntimeError`.
    init(
        _ pieces: [StreamPiece], sources: [[StreamSource]], checkpoint: Checkpoint, memory: any Memory, links: [Link], host: any Memory,
        window: Int, readers: Int, stepsInFlight: Int, variants: StepVariants, name: String, trace: RunTrace?
    ) throws {
        self.pieces = pieces
        self.sources = sources
        self.links = links
        self.variants = variants
        self.name = name
        self.trace = trace
        var chunks: [StreamChunk] = []
        for source in sources.joined() { if case .file(let chunk) = source { chunks.append(chunk) } }
        files = chunks.isEmpty ? [] : try checkpoint.files.map { try DirectFile(path: $0.path) }
        let largest = pieces.map(\.byteCount).max() ?? 0
        let count = min(pieces.count, window / max(1, largest))
        // With one slot nothing is read ahead, but everything runs.
        guard count >= 1 else {
            throw RuntimeError.invalidPlan("a window of \(window) bytes; a piece of \(largest) bytes must fit")
        }
        var slots: [BufferRange] = []
        for _ in 0..<count { slots.append(BufferRange(try memory.allocate(largest, for: .staging))) }
        self.slots = slots
        let raw = chunks.map { DirectFile.room(for: $0.bytes.count) }.max() ?? 0
        let scratch = chunks.map(\.scratchBytes).max() ?? 0
        let bounce = links.isEmpty ? 0 : chunks.map(\.packedBytes).max() ?? 0
        // From a memory one thread keeps up with a link.
        let threads = chunks.isEmpty ? 1 : max(1, readers)
        func buffers(_ bytes: Int) throws(MemoryError) -> [Buffer] {
            var buffers: [Buffer] = []
            for _ in 0..<threads { buffers.append(try host.allocate(bytes, for: .staging)) }
            return buffers
        }
        rawBuffers = try buffers(raw)
        scratchBuffers = try buffers(scratch)
        bounceBuffers = try buffers(bounce)
        state = Array(repeating: Slot(), count: count)
        needs = Array(repeating: (0, StepNeeds()), count: stepsInFlight + 1)
        mutex = .allocate(capacity: 1)
        changed = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(changed)
        mutex.deallocate()
        changed.deallocate()
    }

    /// Where a matrix of a piece is while the piece is held.
    func matrix(_ piece: Int, part: Int) -> Matrix {
        let range = slots[piece % slots.count], offset = range.offset + pieces[piece].offsets[part], linear = pieces[piece].parts[part]
        // Sized when the piece was laid out.
        let bytes = (try? WeightStore.byteCount(linear)) ?? range.byteCount - pieces[piece].offsets[part]
        return linear.matrix(in: BufferRange(range.buffer, offset: offset, byteCount: bytes))
    }

    /// Starts the threads.
    /// - Throws: `DeviceError` where the system refuses one.
    func start() throws {
        for number in rawBuffers.indices {
            let box = Unmanaged.passRetained(Reader(streamer: self, number: number))
            var thread = pthread_t()
            let status = pthread_create(
                &thread, nil,
                { argument in
                    guard let argument else { return nil }
                    let reader = Unmanaged<Reader>.fromOpaque(argument).takeRetainedValue()
                    reader.streamer.read(reader.number)
                    return nil
                }, box.toOpaque())
            guard status == 0 else {
                box.release()
                throw DeviceError(device: "disk", message: "the system refused a thread")
            }
            threads.append(thread)
        }
    }

    /// Ends the threads and waits for them. To be called once `start` was.
    func stop() {
        locked { isStopping = true }
        for thread in threads { pthread_join(thread, nil) }
        threads = []
    }

    /// Says what the next step needs; its pieces may be read from now on.
    func announce(_ step: StepNeeds) {
        locked {
            knownSteps &+= 1
            for index in pieces.indices where step.uses(pieces[index]) {
                needs[needCount % needs.count] = (knownSteps, step)
                needCount += 1
                return
            }
        }
    }

    /// Waits until a piece that a step uses is in its slot. After a failure it returns at once.
    func acquire(_ piece: Int, step: UInt32, needs: StepNeeds) {
        guard needs.uses(pieces[piece]) else { return }
        let slot = piece % slots.count
        let start = Stopwatch.now()
        locked {
            while failure == nil,
                !(state[slot].step == step && state[slot].piece == piece && state[slot].chunksLeft == 0 && state[slot].isInUse)
            {
                pthread_cond_wait(changed, mutex)
            }
            waited += Stopwatch.now() - start
        }
    }

    /// The piece's slot may be written again.
    func release(_ piece: Int, needs: StepNeeds) {
        guard needs.uses(pieces[piece]) else { return }
        locked { state[piece % slots.count].isInUse = false }
    }

    /// What went wrong while reading; the steps since are worthless.
    var error: DiskError? { locked { failure } }

    /// Seconds that programs waited for weights, seconds in which files were read, and bytes of all weights so far.
    var figures: (waitingSeconds: Double, readingSeconds: Double, bytes: Int) { locked { (waited, reading.seconds, readBytes) } }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return body()
    }

    private final class Reader {
        let streamer: WeightStreamer
        let number: Int

        init(streamer: WeightStreamer, number: Int) {
            self.streamer = streamer
            self.number = number
        }
    }

    /// What a thread does: chunk after chunk.
    private func read(_ number: Int) {
        let raw = BufferRange(rawBuffers[number]).address, scratch = BufferRange(scratchBuffers[number]).address
        let bounce = BufferRange(bounceBuffers[number]).address
        let track = trace?.track("\(name), reader \(number)") ?? 0
        while let (piece, chunk) = take() {
            let source = sources[piece][chunk], slot = slots[piece % slots.count].address
            var fault: DiskError?
            let start = trace == nil ? 0 : Stopwatch.now()
            defer { trace?.add(track, step: 0, from: start, to: Stopwatch.now()) }
            switch source {
            case .file(let work):
                do throws(DiskError) {
                    let skipped = try read(work, into: raw)
                    if links.isEmpty {
                        pack(work, from: raw + skipped, scratch: scratch, into: slot + work.destination)
                    } else {
                        pack(work, from: raw + skipped, scratch: scratch, into: bounce)
                        move(bounce, to: slot + work.destination, work.packedBytes)
                    }
                } catch {
                    fault = error
                }
            case .memory(let range, let destination): move(range.address, to: slot + destination, range.byteCount)
            }
            locked {
                readBytes += source.byteCount
                if let fault, failure == nil { failure = fault }
                state[piece % slots.count].chunksLeft -= 1
            }
        }
    }

    private func read(_ chunk: StreamChunk, into raw: UnsafeMutableRawPointer) throws(DiskError) -> Int {
        reading.begin()
        defer { reading.end() }
        return try files[chunk.file].read(chunk.bytes.count, at: chunk.bytes.lowerBound, into: raw)
    }

    private func move(_ source: UnsafeMutableRawPointer, to destination: UnsafeMutableRawPointer, _ bytes: Int) {
        links.move(bytes) { destination.copyMemory(from: source, byteCount: bytes) }
    }

    private func pack(
        _ chunk: StreamChunk, from source: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer,
        into destination: UnsafeMutableRawPointer
    ) {
        var job = mk_packing_job()
        job.format = chunk.format.kernelFormat
        job.source = UnsafePointer(source.assumingMemoryBound(to: UInt8.self))
        job.source_row = Int64(chunk.storedRow)
        job.row_bytes = Int64(chunk.rowBytes)
        job.transposed = chunk.isTransposed
        job.first_row = Int64(chunk.rows.lowerBound)
        job.rows = Int64(chunk.rows.count)
        job.first_column = Int64(chunk.columns.lowerBound)
        job.columns = Int64(chunk.columns.count)
        job.destination = destination.assumingMemoryBound(to: UInt8.self)
        job.scratch = scratch.assumingMemoryBound(to: UInt8.self)
        mk_run_packing(&job, 0, 1)
    }

    /// The next chunk in program order, once its slot is free; nil when the threads are to end.
    private func take() -> (piece: Int, chunk: Int)? {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        while true {
            if isStopping || failure != nil { return nil }
            // What every step uses is read before the step is known.
            if pieces[nextPiece].isForLogits || pieces[nextPiece].uses != variants.all {
                if Int32(bitPattern: knownSteps &- nextStep) < 0 {
                    pthread_cond_wait(changed, mutex)
                    continue
                }
                if !isNeeded(nextPiece, step: nextStep) {
                    advance()
                    continue
                }
            }
            let slot = nextPiece % slots.count
            if nextChunk == 0 {
                if state[slot].isInUse {
                    pthread_cond_wait(changed, mutex)
                    continue
                }
                state[slot] = Slot(step: nextStep, piece: nextPiece, chunksLeft: sources[nextPiece].count, isInUse: true)
            }
            let taken = (nextPiece, nextChunk)
            nextChunk += 1
            if nextChunk == sources[nextPiece].count { advance() }
            return taken
        }
    }

    private func isNeeded(_ piece: Int, step: UInt32) -> Bool {
        for index in needs.indices where needs[index].step == step { return needs[index].needs.uses(pieces[piece]) }
        return false
    }

    /// On to the next piece.
    private func advance() {
        nextChunk = 0
        nextPiece += 1
        if nextPiece == pieces.count {
            nextPiece = 0
            nextStep &+= 1
        }
    }
}
