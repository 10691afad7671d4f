/// What the kernels compute, by the names `motley bench ops` uses.
public enum KernelOperation: String, CaseIterable, Sendable {
    case product
    /// A product whose columns may be cut, and the sum of its parts.
    case chunkedProduct = "chunked-product"
    case packInput = "pack-input"
    case packWeights = "pack-weights"
    case attention
    case keyValueStore = "kv-store"
    case rmsNorm = "rms-norm"
    case layerNorm = "layer-norm"
    case activation
    case rotation = "rotate"
    case addition = "add"
    case logSumExp = "log-sum-exp"
    case dequantisation = "dequantise"
}
