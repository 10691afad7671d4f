import CKernels
import Devices
import Models
import Plans

/// The paged KV cache of a stage's share: for every layer that attends there, blocks of 64 tokens, each with the share's KV heads.
final class KeyValueCache {
    let share: KeyValueShare
    /// By layer of the model; layers without a cache have none.
    private var layers: [Int: Operation.Cache] = [:]
    private let buffer: Buffer

    /// The share's KV heads.
    var heads: Range<Int> { share.heads }

    /// - Parameter attention: the layers that attend, by their number in the model.
    /// - Throws: `MemoryError`, `RuntimeError`.
    init(_ share: KeyValueShare, attention: [(layer: Int, spec: AttentionSpec)], blockCount: Int, memory: any Memory) throws {
        self.share = share
        let format = try share.format.kernelFormat, heads = share.heads
        let attention = attention.filter { share.layers.contains($0.layer) }
        guard let bytes = Self.byteCount(attention.map(\.spec), heads: heads, format: share.format, blocks: blockCount) else {
            throw RuntimeError.outOfMemory(what: "the KV cache", needed: .max, available: 0)
        }
        buffer = try memory.allocate(bytes, for: .keyValue)
        var offset = 0
        for (layer, spec) in attention {
            let head = share.format.blockBytes(headSize: spec.headSize), block = head * heads.count
            layers[layer] = Operation.Cache(
                BufferRange(buffer, offset: offset, byteCount: block * blockCount), format: format, blockStride: block, headStride: head)
            offset += block * blockCount
        }
    }

    func holds(layer: Int) -> Bool { layers[layer] != nil }

    /// Bytes of so many blocks; nil where they overflow.
    static func byteCount(_ attention: [AttentionSpec], heads: Range<Int>? = nil, format: KeyValueFormat, blocks: Int) -> Int? {
        var perBlock = 0
        for spec in attention { perBlock &+= format.blockBytes(headSize: spec.headSize) &* (heads?.count ?? spec.keyValueHeadCount) }
        let (bytes, overflow) = perBlock.multipliedReportingOverflow(by: blocks)
        return overflow ? nil : bytes
    }

    /// The part of a layer's cache that holds some of the share's heads.
    /// - Precondition: the layer has a cache, and the heads are the share's.
    func cache(layer: Int, heads part: Range<Int>) -> Operation.Cache {
        guard var cache = layers[layer], heads.contains(part.lowerBound), part.upperBound <= heads.upperBound else {
            preconditionFailure("heads \(part) of layer \(layer) are in no cache here")
        }
        let skipped = (part.lowerBound - heads.lowerBound) * cache.headStride
        cache.range = BufferRange(cache.range.buffer, offset: cache.range.offset + skipped, byteCount: cache.range.byteCount - skipped)
        return cache
    }
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
