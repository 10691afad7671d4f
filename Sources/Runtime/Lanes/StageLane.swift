import Devices
import Plans

/// A lane of a stage: a device that runs its part of the program, or a way between two memories.
final class StageLane {
    let name: String
    private let phases: [LanePhase]
    private let variants: StepVariants
    /// What `run` commands run.
    private let program: (any DeviceProgram)?
    private let streamer: WeightStreamer?
    /// What copies pass through.
    private let links: [Link]
    private let transfers: [BlockTransfer]
    private let failure = FirstFailure()
    private let trace: (recorder: RunTrace, track: Int32)?
    /// Seconds that it worked: not those that it waited.
    private(set) var busySeconds = 0.0

    init(
        name: String, phases: [LanePhase], variants: StepVariants, program: (any DeviceProgram)? = nil, streamer: WeightStreamer? = nil,
        links: [Link] = [], transfers: [BlockTransfer] = [], trace: RunTrace? = nil
    ) {
        self.trace = trace.map { ($0, $0.track(name)) }
        self.name = name
        self.phases = phases
        self.variants = variants
        self.program = program
        self.streamer = streamer
        self.links = links
        self.transfers = transfers
    }

    /// What went wrong with blocks of keys and values; the steps since are worthless.
    var error: DiskError? { failure.get() }

    /// Does the lane's part of step `number` (the first is 1).
    func run(_ tables: StepTables, step number: UInt32) {
        let needs = variants.needs(of: tables)
        // By index here and below: iterators over arrays allocate in unoptimised builds, and no step may.
        for phase in phases.indices {
            let forLogits = phases[phase].isForLogits
            if forLogits, tables.rowCount == 0 { continue }
            for index in phases[phase].opening.indices { phases[phase].opening[index].receive() }
            if let streamer {
                for index in phases[phase].acquired.indices {
                    streamer.acquire(phases[phase].acquired[index], step: number, needs: needs)
                }
            }
            for part in tables.parts.indices where !forLogits || tables.parts[part].rowCount > 0 {
                let variant = variants.variant(tokens: tables.parts[part].tokenCount, rows: tables.parts[part].rowCount)
                for command in phases[phase].commands[variant].indices {
                    run(phases[phase].commands[variant][command], tables, tables.parts[part], step: number)
                }
            }
            if let streamer {
                for index in phases[phase].released.indices { streamer.release(phases[phase].released[index], needs: needs) }
            }
            for index in phases[phase].closing.indices { phases[phase].closing[index].send() }
        }
    }

    @inline(__always)
    private func run(_ command: LaneCommand, _ tables: StepTables, _ part: MicroBatch, step: UInt32) {
        switch command {
        case .receive(let channel): channel.receive()
        case .send(let channel): channel.send()
        case .run, .copy, .transfer:
            let start = Stopwatch.now()
            work(command, tables, part)
            let end = Stopwatch.now()
            busySeconds += end - start
            if let trace { trace.recorder.add(trace.track, step: step, from: start, to: end) }
        }
    }

    private func work(_ command: LaneCommand, _ tables: StepTables, _ part: MicroBatch) {
        switch command {
        case .receive, .send: break
        case .run(let segment): program?.run(segment, tables, part)
        case .copy(let copy):
            links.move(copy.bytes(tables, part)) { copy.run(tables, part) }
        case .transfer(let number):
            do throws(DiskError) {
                try transfers[number].run(tables, part)
            } catch {
                failure.set(error)
            }
        }
    }
}

/// The first thing that went wrong on another thread.
final class FirstFailure: @unchecked Sendable {
    private let lock = Lock()
    private var error: DiskError?

    func set(_ error: DiskError) {
        lock.lock()
        defer { lock.unlock() }
        if self.error == nil { self.error = error }
    }

    func get() -> DiskError? {
        lock.lock()
        defer { lock.unlock() }
        return error
    }
}

extension StepVariants {
    /// The kinds of a step's micro-batches.
    func needs(of tables: StepTables) -> StepNeeds {
        var needs = StepNeeds()
        for index in tables.parts.indices {
            let part = tables.parts[index], kind: VariantSet = 1 << VariantSet(variant(tokens: part.tokenCount, rows: part.rowCount))
            needs.variants |= kind
            if part.rowCount > 0 { needs.logitsVariants |= kind }
        }
        return needs
    }
}

/// What a step uses of streamed weights: the kinds of its micro-batches, of all and of those that want logits.
struct StepNeeds {
    var variants: VariantSet = 0
    var logitsVariants: VariantSet = 0

    func uses(_ piece: StreamPiece) -> Bool { piece.uses & (piece.isForLogits ? logitsVariants : variants) != 0 }
}
