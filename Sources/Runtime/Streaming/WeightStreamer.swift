import CKernels
import Checkpoints
import Devices
import Models

#if canImport(Glibc)
    import Glibc
#endif

/// Reads the weights that a stage does not keep from the checkpoint, packs them on the way, and hands them over in program order.
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
    private let chunks: [[StreamChunk]]
    private let files: [DirectFile]
    private let slots: [BufferRange]
    private let rawBuffers: [Buffer]
    private let scratchBytes: Int
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var threads: [pthread_t] = []

    // Behind the mutex.
    private var state: [Slot]
    /// What is read next.
    private var nextStep: UInt32 = 1
    private var nextPiece = 0
    private var nextChunk = 0
    /// Steps whose needs are known, and the last ones among them that want logits. One that does cannot end before its pieces were read, so
    /// that as many are remembered as may be in flight; steps that do not may be any number ahead of what is read.
    private var knownSteps: UInt32 = 0
    private var wantingLogits: [UInt32]
    private var wantingCount = 0
    private var isStopping = false
    private var failure: DiskError?
    private var waited = 0.0
    private var readBytes = 0

    /// - Parameters:
    ///   - window: bytes of the ring; at least two of the largest piece.
    ///   - readers: threads that read and pack.
    ///   - stepsInFlight: steps that may be announced before the first of them ends.
    /// - Throws: `MemoryError`, `DiskError`, `RuntimeError`.
    init(
        _ pieces: [StreamPiece], checkpoint: Checkpoint, memory: any Memory, window: Int, readers: Int, stepsInFlight: Int
    ) throws {
        self.pieces = pieces
        var chunks: [[StreamChunk]] = []
        for piece in pieces { chunks.append(try StreamChunk.chunks(of: piece, checkpoint: checkpoint)) }
        self.chunks = chunks
        files = try checkpoint.files.map { try DirectFile(path: $0.path) }
        let largest = pieces.map(\.byteCount).max() ?? 0
        let count = min(pieces.count, window / max(1, largest))
        guard count >= min(2, pieces.count) else {
            throw RuntimeError.invalidPlan("a window of \(window) bytes; two pieces of \(largest) bytes must fit")
        }
        var slots: [BufferRange] = []
        for _ in 0..<count { slots.append(BufferRange(try memory.allocate(largest, for: .staging))) }
        self.slots = slots
        let raw = chunks.joined().map { DirectFile.room(for: $0.bytes.count) }.max() ?? 0
        scratchBytes = chunks.joined().map(\.scratchBytes).max() ?? 0
        var buffers: [Buffer] = []
        for _ in 0..<max(1, readers) { buffers.append(try memory.allocate(raw + scratchBytes, for: .staging)) }
        rawBuffers = buffers
        state = Array(repeating: Slot(), count: count)
        wantingLogits = Array(repeating: 0, count: stepsInFlight + 1)
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
        let range = slots[piece % slots.count], offset = range.offset + pieces[piece].offsets[part]
        return pieces[piece].parts[part].matrix(in: BufferRange(range.buffer, offset: offset))
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

    /// Says whether the next step wants logits; its pieces may be read from now on.
    func announce(wantsLogits: Bool) {
        locked {
            knownSteps += 1
            guard wantsLogits else { return }
            wantingLogits[wantingCount % wantingLogits.count] = knownSteps
            wantingCount += 1
        }
    }

    /// Waits until a piece of a step is in its slot. After a failure it returns at once.
    func acquire(_ piece: Int, step: UInt32) {
        let slot = piece % slots.count
        let start = Self.seconds()
        locked {
            while failure == nil,
                !(state[slot].step == step && state[slot].piece == piece && state[slot].chunksLeft == 0 && state[slot].isInUse)
            {
                pthread_cond_wait(changed, mutex)
            }
            waited += Self.seconds() - start
        }
    }

    /// The piece's slot may be written again.
    func release(_ piece: Int) { locked { state[piece % slots.count].isInUse = false } }

    /// What went wrong while reading; the steps since are worthless.
    var error: DiskError? { locked { failure } }

    /// Seconds that programs waited for weights, and bytes read so far.
    var figures: (waitingSeconds: Double, bytes: Int) { locked { (waited, readBytes) } }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return body()
    }

    private static func seconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
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
        let raw = BufferRange(rawBuffers[number]).address
        while let (piece, chunk) = take() {
            let work = chunks[piece][chunk]
            var fault: DiskError?
            do throws(DiskError) {
                let skipped = try files[work.file].read(work.bytes.count, at: work.bytes.lowerBound, into: raw)
                pack(work, from: raw + skipped, scratch: raw + (rawBuffers[number].byteCount - scratchBytes), slot: piece % slots.count)
            } catch {
                fault = error
            }
            locked {
                readBytes += work.bytes.count
                if let fault, failure == nil { failure = fault }
                state[piece % slots.count].chunksLeft -= 1
            }
        }
    }

    private func pack(_ chunk: StreamChunk, from source: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer, slot: Int) {
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
        job.destination = (slots[slot].address + chunk.destination).assumingMemoryBound(to: UInt8.self)
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
            if pieces[nextPiece].isForLogits {
                // Only the step itself says whether it wants logits.
                if knownSteps < nextStep {
                    pthread_cond_wait(changed, mutex)
                    continue
                }
                if !wantingLogits.contains(nextStep) {
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
                state[slot] = Slot(step: nextStep, piece: nextPiece, chunksLeft: chunks[nextPiece].count, isInUse: true)
            }
            let taken = (nextPiece, nextChunk)
            nextChunk += 1
            if nextChunk == chunks[nextPiece].count { advance() }
            return taken
        }
    }

    /// On to the next piece.
    private func advance() {
        nextChunk = 0
        nextPiece += 1
        if nextPiece == pieces.count {
            nextPiece = 0
            nextStep += 1
        }
    }
}
