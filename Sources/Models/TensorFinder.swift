import Checkpoints

/// Looks up the tensors a model needs and checks them against what its configuration says.
struct TensorFinder {
    /// Whether a module's bias vector must be there, must not be used, or is used where the file has one.
    enum Bias {
        case absent
        case required
        case optional

        init(_ present: Bool) { self = present ? .required : .absent }
    }

    let checkpoint: Checkpoint

    func has(_ name: String) -> Bool { checkpoint.tensor(name) != nil }

    func entry(_ name: String) throws(CheckpointError) -> TensorEntry {
        guard let entry = checkpoint.tensor(name) else {
            throw CheckpointError(
                .missing, file: checkpoint.path, subject: Self.subject(name), fault: "is needed but not in the checkpoint")
        }
        return entry
    }

    /// A whole tensor whose shape must be `shape`.
    func tensor(_ name: String, shape: [Int]) throws(CheckpointError) -> TensorReference {
        let entry = try entry(name)
        return TensorReference(name: name, format: try format(entry, shape: shape), shape: shape)
    }

    /// A vector or small tensor that must not be quantised.
    func plain(_ name: String, shape: [Int]) throws(CheckpointError) -> TensorReference {
        let reference = try tensor(name, shape: shape)
        guard !reference.format.isQuantised else {
            throw CheckpointError(
                .unsupported, file: checkpoint.path, subject: Self.subject(name),
                fault: "is \(reference.format.name); F32, F16 or BF16 can be used here")
        }
        return reference
    }

    /// `name`.weight (outputs x inputs) and `name`.bias (outputs).
    func linear(_ name: String, outputs: Int, inputs: Int, bias: Bias = .absent) throws(CheckpointError) -> LinearSpec {
        let weight = try tensor(name + ".weight", shape: [outputs, inputs])
        return LinearSpec(outputs: outputs, inputs: inputs, weight: weight, bias: try self.bias(name, outputs, bias))
    }

    /// The rows `rows` of a linear module that the file may fuse with others (`total` rows) and may store inputs x outputs.
    /// Its bias must be there, fused likewise.
    func fusedLinear(_ name: String, rows: Range<Int>, of total: Int, inputs: Int, transposed: Bool) throws(CheckpointError) -> LinearSpec {
        let entry = try entry(name + ".weight")
        let format = try format(entry, shape: transposed ? [inputs, total] : [total, inputs])
        guard !transposed || !format.isQuantised else {
            throw CheckpointError(
                .unsupported, file: checkpoint.path, subject: Self.subject(entry.name),
                fault: "is \(format.name) and stored inputs x outputs")
        }
        var bias = try plain(name + ".bias", shape: [total])
        bias.shape = [rows.count]
        bias.rowOffset = rows.lowerBound
        let weight = TensorReference(
            name: entry.name, format: format, shape: [rows.count, inputs], rowOffset: rows.lowerBound, transposed: transposed)
        return LinearSpec(outputs: rows.count, inputs: inputs, weight: weight, bias: bias)
    }

    /// `name`.weight and, where `bias` says so, `name`.bias, both of `size` elements.
    func norm(_ name: String, _ kind: NormSpec.Kind, size: Int, epsilon: Double, bias: Bias = .absent) throws(CheckpointError) -> NormSpec {
        let weight = try plain(name + ".weight", shape: [size])
        return NormSpec(kind: kind, epsilon: epsilon, weight: weight, bias: try self.bias(name, size, bias))
    }

    private func bias(_ name: String, _ size: Int, _ bias: Bias) throws(CheckpointError) -> TensorReference? {
        switch bias {
        case .absent: return nil
        case .optional where !has(name + ".bias"): return nil
        case .required, .optional: return try plain(name + ".bias", shape: [size])
        }
    }

    /// The format of a tensor Motley can compute with, whose shape in the file must be `shape`.
    func format(_ entry: TensorEntry, shape: [Int]) throws(CheckpointError) -> TensorFormat {
        guard entry.shape == shape else {
            throw CheckpointError(
                .malformed, file: checkpoint.path, subject: Self.subject(entry.name),
                fault: "has shape \(entry.shape), the model's configuration asks for \(shape)")
        }
        guard let format = entry.format else {
            throw CheckpointError(
                .unsupported, file: checkpoint.path, subject: Self.subject(entry.name), fault: "is stored as \(entry.formatName)",
                remedy: "formats that can be used: " + TensorFormat.allCases.map(\.name).joined(separator: ", "))
        }
        return format
    }

    /// A tensor that nothing reads is a part of the model we would leave out.
    func checkAllUsed(by model: ModelSpec) throws(CheckpointError) {
        let used = Set(model.tensors.map(\.name))
        for tensor in checkpoint.tensors where !used.contains(tensor.name) && !Self.isRedundant(tensor) {
            throw CheckpointError(
                .unsupported, file: checkpoint.path, subject: Self.subject(tensor.name),
                fault: "has no place in architecture \(model.architecture)")
        }
    }

    /// Buffers that follow from the configuration, and copies of tied embeddings.
    private static func isRedundant(_ tensor: TensorEntry) -> Bool {
        let name = tensor.name
        return tensor.format == nil && !name.hasSuffix(".weight") && !name.hasSuffix(".bias") || name.hasSuffix("rotary_emb.inv_freq")
            || name.hasSuffix(".attn.bias") || name.hasSuffix(".attn.masked_bias") || name.hasSuffix(".attn_rot_embd")
            || name == "lm_head.weight"
            || name == "rope_freqs.weight"
    }

    static func subject(_ name: String) -> String { "tensor " + CheckpointError.quote(name) }
}

extension TensorFinder {
    /// The values of a small vector.
    func values(_ name: String, count: Int) throws(CheckpointError) -> [Float] {
        let format = try plain(name, shape: [count]).format
        return QuantisedBlocks.dequantise(checkpoint.bytes(of: try entry(name)), format: format) ?? []
    }
}
