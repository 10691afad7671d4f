import CKernels
import Devices
import Models

/// Everything a step writes besides the KV cache. Rows are padded to 16 floats; pages are touched only as far as steps are large.
final class StepBuffers {
    let hidden: UnsafeMutablePointer<Float>
    let hiddenStride: Int
    /// Embeddings before a projection to the hidden size.
    let embedded: UnsafeMutablePointer<Float>
    let embeddedStride: Int
    let query: UnsafeMutablePointer<Float>
    let key: UnsafeMutablePointer<Float>
    let value: UnsafeMutablePointer<Float>
    let queryStride: Int
    let keyValueStride: Int
    let attended: UnsafeMutablePointer<Float>
    let gate: UnsafeMutablePointer<Float>
    let up: UnsafeMutablePointer<Float>
    let feedForwardStride: Int
    /// Hidden states whose logits are wanted, and the logits.
    let chosen: UnsafeMutablePointer<Float>
    let logits: UnsafeMutablePointer<Float>
    let logitsStride: Int
    let cosine: UnsafeMutablePointer<Float>
    let sine: UnsafeMutablePointer<Float>
    let blockOfToken: UnsafeMutablePointer<Int32>
    let slotOfToken: UnsafeMutablePointer<Int32>
    let tiles: UnsafeMutablePointer<mk_attention_tile>
    /// Packed inputs by `mk_input`; nil where no matrix wants the kind.
    let packed: [UnsafeMutableRawPointer?]
    let scratch: UnsafeMutablePointer<UInt8>
    let scratchStride: Int
    let byteCount: Int
    private let buffers: [HostBuffer]

    init(model: ModelSpec, cpu: CPU, tokens: Int, logitsRows: Int, linears: [LinearSpec], rotaryDimensions: Int) throws {
        var buffers: [HostBuffer] = []
        var total = 0
        func make<Element>(_ count: Int, _ type: Element.Type) throws -> UnsafeMutablePointer<Element> {
            let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
            guard !overflow, let buffer = HostBuffer(byteCount: bytes + 4096) else {
                throw RuntimeError.outOfMemory(what: "step buffers", needed: overflow ? Int.max : bytes, available: 0)
            }
            buffers.append(buffer)
            total += bytes
            return buffer.pointer()
        }
        func padded(_ n: Int) -> Int { (n + 15) / 16 * 16 }
        let queryWidth = model.layers.map { $0.attention.headCount * $0.attention.headSize }.max() ?? 0
        let keyWidth = model.layers.map { $0.attention.keyValueHeadCount * $0.attention.headSize }.max() ?? 0
        let feedForward = model.layers.map(\.feedForward.size).max() ?? 0
        let headSize = model.layers.map(\.attention.headSize).max() ?? 0
        hiddenStride = padded(model.hiddenSize)
        embeddedStride = padded(model.embedding.size)
        queryStride = padded(queryWidth)
        keyValueStride = padded(keyWidth)
        feedForwardStride = padded(feedForward)
        logitsStride = padded(model.vocabularySize)
        hidden = try make(tokens * hiddenStride, Float.self)
        embedded = try make(max(tokens, logitsRows) * embeddedStride, Float.self)
        query = try make(tokens * queryStride, Float.self)
        key = try make(tokens * keyValueStride, Float.self)
        value = try make(tokens * keyValueStride, Float.self)
        attended = try make(tokens * queryStride, Float.self)
        gate = try make(tokens * feedForwardStride, Float.self)
        up = try make(tokens * feedForwardStride, Float.self)
        chosen = try make(logitsRows * hiddenStride, Float.self)
        logits = try make(logitsRows * logitsStride, Float.self)
        cosine = try make(tokens * max(1, rotaryDimensions / 2), Float.self)
        sine = try make(tokens * max(1, rotaryDimensions / 2), Float.self)
        blockOfToken = try make(tokens, Int32.self)
        slotOfToken = try make(tokens, Int32.self)
        tiles = try make(tokens, mk_attention_tile.self)
        let columns = linears.map(\.inputs).max() ?? 0
        var packed: [UnsafeMutableRawPointer?] = [nil, nil, nil, nil]
        let rows = max(tokens, logitsRows)
        for linear in linears {
            let kind = Int(mk_input_kind(linear.weight.format.kernelFormat).rawValue)
            guard packed[kind] == nil else { continue }
            let bytes = mk_input_bytes(cpu.instructionSet, mk_input(rawValue: UInt32(kind)), Int64(rows), Int64(columns + 256))
            packed[kind] = UnsafeMutableRawPointer(try make(Int(bytes), UInt8.self))
        }
        self.packed = packed
        let perWorker = max(
            Int(mk_product_scratch(Int64(columns))), Int(mk_attention_scratch(Int64(headSize))), padded(max(columns, model.hiddenSize)) * 4)
        scratchStride = (perWorker + 4095) / 4096 * 4096
        scratch = try make(scratchStride * cpu.workers, UInt8.self)
        self.buffers = buffers
        byteCount = total
    }
}
