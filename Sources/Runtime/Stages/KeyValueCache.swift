import CKernels
import Devices
import Models
import Plans

/// The paged KV cache of a stage's share: for every layer that attends there, blocks of 64 tokens, each with the share's KV heads, in a
/// memory or in a scratch file on disk.
final class KeyValueCache {
    let share: KeyValueShare
    let format: mk_kv_format
    /// Bytes of a block of each layer, heads one after another, and of a head in it.
    private var shapes: [Int: (block: Int, head: Int)] = [:]
    /// Where each layer's blocks begin; layers without a cache have no place.
    private var offsets: [Int: Int] = [:]
    private let place: Place

    private enum Place {
        case memory(Buffer)
        case disk(ScratchFile)
    }

    /// The share's KV heads.
    var heads: Range<Int> { share.heads }
    var isOnDisk: Bool { if case .disk = place { true } else { false } }

    /// - Parameters:
    ///   - attention: the layers that attend, by their number in the model.
    ///   - memory: nil: a scratch file in `directory`.
    /// - Throws: `MemoryError`, `DiskError`, `RuntimeError`.
    init(
        _ share: KeyValueShare, attention: [(layer: Int, spec: AttentionSpec)], blockCount: Int, memory: (any Memory)?, directory: String
    ) throws {
        self.share = share
        format = try share.format.kernelFormat
        let attention = attention.filter { share.layers.contains($0.layer) }
        guard let bytes = Self.byteCount(attention.map(\.spec), heads: share.heads, format: share.format, blocks: blockCount) else {
            throw RuntimeError.outOfMemory(what: "the KV cache", needed: .max, available: 0)
        }
        var offset = 0
        for (layer, spec) in attention {
            let head = share.format.blockBytes(headSize: spec.headSize), block = head * share.heads.count
            shapes[layer] = (block, head)
            offsets[layer] = offset
            let (size, overflow) = (memory == nil ? Self.paddedOnDisk(block) : block).multipliedReportingOverflow(by: blockCount)
            guard !overflow, size < Int.max - offset else {
                throw RuntimeError.outOfMemory(what: "the KV cache", needed: .max, available: 0)
            }
            offset += size
        }
        if let memory {
            place = .memory(try memory.allocate(bytes, for: .keyValue))
        } else {
            place = .disk(try ScratchFile(directory: directory, byteCount: offset))
        }
    }

    func holds(layer: Int) -> Bool { offsets[layer] != nil }

    /// Bytes of so many blocks; nil where they overflow.
    static func byteCount(_ attention: [AttentionSpec], heads: Range<Int>? = nil, format: KeyValueFormat, blocks: Int) -> Int? {
        var perBlock = 0
        for spec in attention { perBlock &+= format.blockBytes(headSize: spec.headSize) &* (heads?.count ?? spec.keyValueHeadCount) }
        let (bytes, overflow) = perBlock.multipliedReportingOverflow(by: blocks)
        return overflow ? nil : bytes
    }

    /// Bytes of a layer's block.
    /// - Precondition: the layer has a cache.
    func blockBytes(layer: Int) -> Int { shapes[layer]?.block ?? 0 }

    /// The part of a layer's cache that holds some of the share's heads, where it lives.
    /// - Precondition: the layer has a cache in a memory, and the heads are the share's.
    func cache(layer: Int, heads part: Range<Int>) -> Operation.Cache {
        guard case .memory(let buffer) = place, let offset = offsets[layer], let shape = shapes[layer] else {
            preconditionFailure("layer \(layer) has no cache in memory here")
        }
        return cache(layer: layer, heads: part, in: BufferRange(buffer, offset: offset), blockStride: shape.block)
    }

    /// The same in an area to which blocks are brought, `blockStride` bytes apart.
    func cache(layer: Int, heads part: Range<Int>, in range: BufferRange, blockStride: Int) -> Operation.Cache {
        guard let shape = shapes[layer], heads.contains(part.lowerBound), part.upperBound <= heads.upperBound else {
            preconditionFailure("heads \(part) of layer \(layer) are in no cache here")
        }
        let skipped = (part.lowerBound - heads.lowerBound) * shape.head
        return Operation.Cache(
            BufferRange(range.buffer, offset: range.offset + skipped, byteCount: range.byteCount - skipped), format: format,
            blockStride: blockStride, headStride: shape.head)
    }

    /// Copies a block of a layer to `target`, which has room for it padded to pages.
    func read(layer: Int, block: Int, into target: UnsafeMutableRawPointer) throws(DiskError) {
        let bytes = blockBytes(layer: layer), offset = offsets[layer] ?? 0
        switch place {
        case .memory(let buffer):
            target.copyMemory(from: BufferRange(buffer, offset: offset).address + block * bytes, byteCount: bytes)
        case .disk(let file):
            let padded = Self.paddedOnDisk(bytes)
            try file.read(padded, at: offset + block * padded, into: target)
        }
    }

    /// Copies a block of a layer from `source`, which has it padded to pages.
    func write(layer: Int, block: Int, from source: UnsafeRawPointer) throws(DiskError) {
        let bytes = blockBytes(layer: layer), offset = offsets[layer] ?? 0
        switch place {
        case .memory(let buffer):
            (BufferRange(buffer, offset: offset).address + block * bytes).copyMemory(from: source, byteCount: bytes)
        case .disk(let file):
            let padded = Self.paddedOnDisk(bytes)
            try file.write(padded, at: offset + block * padded, from: source)
        }
    }

    /// Bytes of a block in a file, and in areas to which it is brought.
    static func paddedOnDisk(_ bytes: Int) -> Int { (bytes + DirectFile.alignment - 1) / DirectFile.alignment * DirectFile.alignment }
}

extension KeyValueFormat {
    var kernelFormat: mk_kv_format {
        get throws {
            switch self {
            case .f16: MK_KV_F16
            case .q8: MK_KV_Q8
            case .q4: throw RuntimeError.unsupported("a 4-bit KV cache on the CPU")
            }
        }
    }
}
