import Devices
import Models
import Plans

/// Everything a stage's programs write besides the KV cache, each made when a program first wants it. Rows are padded to 16 floats; pages
/// are touched only as far as steps are large.
///
/// *Step-wide* buffers hold all tokens of all steps in flight: what crosses from one lane to another is in them, so that no micro-batch
/// overwrites what another still needs. The others are a device's own, for one micro-batch at a time.
final class StageBuffers {
    private enum Place: Hashable {
        case query, key, value, attended, gate, up, embedded
        /// Of all heads of a layer: where projections and attention are on different devices.
        case stepQuery, stepKey, stepValue, stepAttended
        case projected
    }

    private struct Key: Hashable {
        var place: Place
        var memory: MemoryID
    }

    private struct PartsKey: Hashable {
        var from: DeviceID
        var memory: MemoryID
    }

    private let slice: StageSlice
    private let devices: LocalDevices
    private let limits: StepLimits
    private let slots: Int
    private let shared: StepBuffers
    private var rows: [Key: Rows] = [:]
    private var partsByKey: [PartsKey: Parts] = [:]

    /// Widest query, key and inner rows that one shard has, and of all heads of a layer.
    private var queryWidth = 0, keyWidth = 0, innerWidth = 0, allQueries = 0, allKeys = 0

    init(slice: StageSlice, devices: LocalDevices, limits: StepLimits, slots: Int, shared: StepBuffers) {
        self.slice = slice
        self.devices = devices
        self.limits = limits
        self.slots = slots
        self.shared = shared
        for placement in slice.modules {
            switch placement.module {
            case .attention(let layer):
                let attention = slice.model.layers[layer].attention
                for shard in placement.shards {
                    queryWidth = max(queryWidth, attention.queryElements(of: shard.range).count)
                    keyWidth = max(keyWidth, attention.keyElements(of: shard.range).count)
                }
                allQueries = max(allQueries, attention.headCount * attention.headSize)
                allKeys = max(allKeys, attention.keyValueHeadCount * attention.headSize)
            case .feedForward: for shard in placement.shards { innerWidth = max(innerWidth, shard.range.count) }
            case .embedding, .shared, .output: continue
            }
        }
    }

    // MARK: A device's own

    func query(_ device: DeviceID) throws -> Rows { try own(.query, device, queryWidth) }
    func key(_ device: DeviceID) throws -> Rows { try own(.key, device, keyWidth) }
    func value(_ device: DeviceID) throws -> Rows { try own(.value, device, keyWidth) }
    func attended(_ device: DeviceID) throws -> Rows { try own(.attended, device, queryWidth) }
    func gate(_ device: DeviceID) throws -> Rows { try own(.gate, device, innerWidth) }
    func up(_ device: DeviceID) throws -> Rows { try own(.up, device, innerWidth) }
    /// Embeddings before a projection to the hidden size.
    func embedded(_ device: DeviceID) throws -> Rows { try own(.embedded, device, slice.model.embedding.size) }

    // MARK: Step-wide

    func hidden(_ device: DeviceID) throws -> Rows { try shared.hidden(slice.memory(of: device)) }
    func chosen(_ device: DeviceID) throws -> Rows { try shared.chosen(slice.memory(of: device)) }
    func logits(_ memory: MemoryID) throws -> Rows { try shared.logits(memory) }
    /// Rows whose logits are wanted after a projection back from the hidden size.
    func projected(_ device: DeviceID) throws -> Rows { try step(.projected, device, slice.model.embedding.size, rows: limits.logits) }
    func stepQuery(_ device: DeviceID) throws -> Rows { try step(.stepQuery, device, allQueries, rows: limits.stepTokens) }
    func stepKey(_ device: DeviceID) throws -> Rows { try step(.stepKey, device, allKeys, rows: limits.stepTokens) }
    func stepValue(_ device: DeviceID) throws -> Rows { try step(.stepValue, device, allKeys, rows: limits.stepTokens) }
    func stepAttended(_ device: DeviceID) throws -> Rows { try step(.stepAttended, device, allQueries, rows: limits.stepTokens) }

    /// Sums of the parts that a device computes, where it computes them or in the memory of the device that adds them.
    func parts(of device: DeviceID, in memory: MemoryID) throws -> Parts {
        let key = PartsKey(from: device, memory: memory)
        if let made = partsByKey[key] { return made }
        let stride = StepBuffers.padded(slice.model.hiddenSize)
        let range = try StepBuffers.make(
            limits.stepTokens * slots, stride, MemoryLayout<Double>.stride, in: devices.memory(memory), for: .activations)
        let parts = Parts(range, stride: stride)
        partsByKey[key] = parts
        return parts
    }

    private func own(_ place: Place, _ device: DeviceID, _ columns: Int) throws -> Rows {
        try make(place, slice.memory(of: device), columns, rows: limits.tokens, isStepWide: false)
    }

    private func step(_ place: Place, _ device: DeviceID, _ columns: Int, rows: Int) throws -> Rows {
        try make(place, slice.memory(of: device), columns, rows: rows * slots, isStepWide: true)
    }

    private func make(_ place: Place, _ memory: MemoryID, _ columns: Int, rows count: Int, isStepWide: Bool) throws -> Rows {
        let key = Key(place: place, memory: memory)
        if let made = rows[key] { return made }
        let range = try StepBuffers.make(count, columns, MemoryLayout<Float>.stride, in: devices.memory(memory), for: .activations)
        let made = Rows(range, stride: StepBuffers.padded(columns), isStepWide: isStepWide)
        rows[key] = made
        return made
    }
}

/// The step-wide buffers that all stages share: hidden states, and the rows whose logits are wanted.
///
/// A micro-batch is in one stage at a time, so that stages of one memory need no copies of their own.
final class StepBuffers {
    private enum Place: Hashable {
        case hidden, chosen, logits
    }

    private struct Key: Hashable {
        var place: Place
        var memory: MemoryID
    }

    private let model: ModelSpec
    private let devices: LocalDevices
    private let limits: StepLimits
    private let slots: Int
    private var rows: [Key: Rows] = [:]

    init(model: ModelSpec, devices: LocalDevices, limits: StepLimits, slots: Int) {
        self.model = model
        self.devices = devices
        self.limits = limits
        self.slots = slots
    }

    func hidden(_ memory: MemoryID) throws -> Rows { try make(.hidden, memory, model.hiddenSize, limits.stepTokens) }
    func chosen(_ memory: MemoryID) throws -> Rows { try make(.chosen, memory, model.hiddenSize, limits.logits) }
    func logits(_ memory: MemoryID) throws -> Rows { try make(.logits, memory, model.vocabularySize, limits.logits, for: .logits) }

    private func make(_ place: Place, _ memory: MemoryID, _ columns: Int, _ count: Int, for purpose: MemoryPurpose = .activations) throws
        -> Rows
    {
        let key = Key(place: place, memory: memory)
        if let made = rows[key] { return made }
        let range = try Self.make(count * slots, columns, MemoryLayout<Float>.stride, in: devices.memory(memory), for: purpose)
        let made = Rows(range, stride: Self.padded(columns), isStepWide: true)
        rows[key] = made
        return made
    }

    static func padded(_ count: Int) -> Int { (count + 15) / 16 * 16 }

    /// - Throws: `MemoryError`.
    static func make(_ rows: Int, _ columns: Int, _ size: Int, in memory: any Memory, for purpose: MemoryPurpose) throws(MemoryError)
        -> BufferRange
    {
        let (count, overflow) = rows.multipliedReportingOverflow(by: padded(columns))
        let (bytes, more) = count.multipliedReportingOverflow(by: size)
        guard !overflow, !more, bytes < Int.max - 4096 else {
            throw MemoryError(memory: memory.name, purpose: purpose, needed: .max, available: memory.ledger.available)
        }
        // Kernels may read a vector beyond the last row.
        return BufferRange(try memory.allocate(bytes + 4096, for: purpose))
    }
}
