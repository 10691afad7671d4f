import Checkpoints
import Devices
import Models
import Plans

/// The weights of a stage: those that it keeps, and those that pass through its window.
final class StageWeights {
    let store: WeightStore
    let streamer: WeightStreamer?
    private let streams: StageStreams

    /// Threads that read and pack: enough that a disk has several requests, and that packing keeps up with it.
    private static let readers = 6

    /// Reserves everything, then reads what is kept.
    /// - Throws: `RuntimeError`, `MemoryError`, `DiskError`.
    init(
        _ slice: StageSlice, checkpoint: Checkpoint, cpu: CPU, memory: any Memory, stepsInFlight: Int, progress: ((Double) -> Void)?
    ) throws {
        let window = slice.stage.streams.first?.window ?? 0
        streams = try StageStreams(slice, window: window)
        streamer =
            streams.pieces.isEmpty
            ? nil
            : try WeightStreamer(
                streams.pieces, checkpoint: checkpoint, memory: memory, window: window, readers: Self.readers,
                stepsInFlight: stepsInFlight)
        var requests = slice.weights
        for part in streams.pieces.flatMap(\.parts) { requests.add(part, isResident: false) }
        store = try WeightStore(requests, checkpoint: checkpoint, cpu: cpu, memory: memory, progress: progress)
    }

    /// - Precondition: the part belongs to the stage.
    func matrix(_ part: LinearPart) -> Matrix {
        guard let streamer, let place = streams.place(of: part) else { return store.matrix(part) }
        return streamer.matrix(place.piece, part: place.part)
    }

    /// The piece that brings a part; nil: it is resident.
    func piece(of part: LinearPart) -> Int? { streams.place(of: part)?.piece }

    /// In which parts a shard of the output matrix is multiplied.
    func outputParts(of output: LinearSpec, rows: Range<Int>) -> [LinearPart] {
        let streamed = streams.outputParts(rows)
        return streamed.isEmpty ? [LinearPart(output, rows: rows)] : streamed
    }
}
