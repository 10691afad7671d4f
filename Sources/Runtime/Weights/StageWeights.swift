import Checkpoints
import Devices
import Models
import Plans

/// The weights of a stage: those that its memories keep, and those that pass through its devices' windows.
final class StageWeights {
    private let slice: StageSlice
    private var stores: [MemoryID: WeightStore] = [:]
    private var streams: [DeviceID: StageStreams] = [:]
    private var streamersByDevice: [DeviceID: WeightStreamer] = [:]
    let streamers: [WeightStreamer]

    /// Threads that read and pack: enough that a disk has several requests, and that packing keeps up with it.
    private static let readers = 6

    /// Sizes and reserves everything.
    /// - Throws: `RuntimeError`, `MemoryError`, `DiskError`.
    init(_ slice: StageSlice, checkpoint: Checkpoint, devices: LocalDevices, stepsInFlight: Int, trace: RunTrace?) throws {
        self.slice = slice
        for (id, memory) in devices.memories {
            stores[id] = try WeightStore(slice.weights(in: id), checkpoint: checkpoint, memory: memory)
        }
        var streamers: [WeightStreamer] = []
        for stream in slice.stage.streams {
            let pieces = try StageStreams(slice, to: stream.device, window: stream.window)
            if pieces.pieces.isEmpty { continue }
            var sources: [[StreamSource]] = []
            for piece in pieces.pieces {
                if slice.disks.contains(piece.home) {
                    sources.append(try StreamChunk.chunks(of: piece, checkpoint: checkpoint).map { .file($0) })
                } else if let store = stores[piece.home] {
                    sources.append(StreamSource.list(piece, in: store))
                }
            }
            let memory = slice.memory(of: stream.device)
            let homes = Set(pieces.pieces.map(\.home)).subtracting(slice.disks)
            // From disk as from host memory the way begins in the host.
            let from = homes.first ?? devices.hostID
            let streamer = try WeightStreamer(
                pieces.pieces, sources: sources, checkpoint: checkpoint, memory: devices.memory(memory),
                links: devices.links(from: from, to: memory), host: devices.host, window: stream.window, readers: Self.readers,
                stepsInFlight: stepsInFlight, variants: slice.variants,
                name: "weights to \(devices.device(stream.device).name)", trace: trace)
            streams[stream.device] = pieces
            streamersByDevice[stream.device] = streamer
            streamers.append(streamer)
        }
        self.streamers = streamers
    }

    /// Bytes of matrices that are kept.
    var matrixBytes: Int { stores.values.reduce(0) { $0 + $1.matrixBytes } }

    /// Reads what is kept; `progress` gets bytes.
    func load(_ checkpoint: Checkpoint, cpu: CPU, progress: (Int) -> Void) throws {
        for id in stores.keys.sorted(by: { $0.rawValue < $1.rawValue }) { try stores[id]?.load(checkpoint, cpu: cpu, progress: progress) }
    }

    /// The matrix as a device multiplies it.
    /// - Precondition: the part belongs to the stage, and the device multiplies it.
    func matrix(_ part: LinearPart, on device: DeviceID) -> Matrix {
        if let place = streams[device]?.place(of: part), let streamer = streamersByDevice[device] {
            return streamer.matrix(place.piece, part: place.part)
        }
        return store(of: device).matrix(part)
    }

    /// Norms, biases and tables that a device uses.
    func store(of device: DeviceID) -> WeightStore {
        guard let store = stores[slice.memory(of: device)] else { preconditionFailure("a device without memory") }
        return store
    }

    func streamer(of device: DeviceID) -> WeightStreamer? { streamersByDevice[device] }

    /// The piece that brings a part to a device; nil: it is there.
    func piece(of part: LinearPart, on device: DeviceID) -> Int? { streams[device]?.place(of: part)?.piece }

    /// In which parts a device multiplies a shard of the output matrix.
    func outputParts(of output: LinearSpec, rows: Range<Int>, on device: DeviceID) -> [LinearPart] {
        let streamed = streams[device]?.outputParts(rows) ?? []
        return streamed.isEmpty ? [LinearPart(output, rows: rows)] : streamed
    }
}
