import CKernels
import Devices
import Models
import Plans

/// The paged KV cache of a stage: for every layer `blockCount` blocks of 64 tokens, each with all KV heads of the layer.
final class KeyValueCache {
    struct Layer {
        var base: UnsafeMutablePointer<UInt8>
        var blockStride: Int
        var headStride: Int
    }

    let format: mk_kv_format
    let blockCount: Int
    private(set) var layers: [Layer] = []
    private let buffer: HostBuffer
    let byteCount: Int

    init(model: ModelSpec, format: KeyValueFormat, blockCount: Int) throws {
        self.format = try Self.kernelFormat(format)
        self.blockCount = blockCount
        byteCount = Self.byteCount(model: model, format: format, blocks: blockCount)
        guard let buffer = HostBuffer(byteCount: byteCount) else {
            throw RuntimeError.outOfMemory(what: "the KV cache", needed: byteCount, available: 0)
        }
        self.buffer = buffer
        var base: UnsafeMutablePointer<UInt8> = buffer.pointer()
        for layer in model.layers {
            let head = format.blockBytes(headSize: layer.attention.headSize)
            let block = head * layer.attention.keyValueHeadCount
            layers.append(Layer(base: base, blockStride: block, headStride: head))
            base += block * blockCount
        }
    }

    static func kernelFormat(_ format: KeyValueFormat) throws -> mk_kv_format {
        switch format {
        case .f16: MK_KV_F16
        case .q8: MK_KV_Q8
        case .q4: throw RuntimeError.unsupported("a 4-bit KV cache on the CPU")
        }
    }

    static func byteCount(model: ModelSpec, format: KeyValueFormat, blocks: Int) -> Int {
        var perBlock = 0
        for layer in model.layers {
            perBlock &+= format.blockBytes(headSize: layer.attention.headSize) &* layer.attention.keyValueHeadCount
        }
        let (bytes, overflow) = perBlock.multipliedReportingOverflow(by: blocks)
        return overflow ? Int.max : bytes
    }

    func copyBlock(from source: Int, to destination: Int) {
        for layer in layers {
            (layer.base + destination * layer.blockStride).update(from: layer.base + source * layer.blockStride, count: layer.blockStride)
        }
    }
}
