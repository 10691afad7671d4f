extension Checkpoint {
    /// Bytes of all tensors.
    public var totalBytes: Int { tensors.reduce(0) { $0 + $1.bytes.count } }

    /// Elements of all tensors.
    public var elementCount: Int { tensors.reduce(0) { $0 &+ $1.elementCount } }

    /// Tensors, elements and bytes by the name of their format, most bytes first.
    public var formats: [(name: String, tensors: Int, elements: Int, bytes: Int)] {
        var sums: [String: (tensors: Int, elements: Int, bytes: Int)] = [:]
        for tensor in tensors {
            let sum = sums[tensor.formatName, default: (0, 0, 0)]
            sums[tensor.formatName] = (sum.tensors + 1, sum.elements &+ tensor.elementCount, sum.bytes + tensor.bytes.count)
        }
        return sums.map { (name: $0.key, tensors: $0.value.tensors, elements: $0.value.elements, bytes: $0.value.bytes) }
            .sorted { ($1.bytes, $0.name) < ($0.bytes, $1.name) }
    }
}
