public import Checkpoints

extension ModelSpec {
    /// Describes the model in `checkpoint`, with every tensor's name, shape and format checked.
    ///
    /// - Throws: an error that names the architecture, option, key or tensor where the model cannot be computed exactly as its authors
    ///   meant.
    public init(checkpoint: Checkpoint) throws(CheckpointError) {
        let tensors = TensorFinder(checkpoint: checkpoint)
        switch checkpoint.metadata {
        case .gguf(let metadata): self = try Architecture.describe(metadata, tensors)
        case .huggingFace(let files): self = try Architecture.describe(files, tensors)
        }
        try tensors.checkAllUsed(by: self)
    }
}
