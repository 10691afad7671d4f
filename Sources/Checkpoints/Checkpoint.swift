/// A model's files, opened and checked: tensors by name, and what came with them. GGUF files and Hugging Face directories look the same
/// from here.
///
/// Tensor data stays mapped in its files for as long as the checkpoint lives; pointers from `bytes(of:)` are valid as long.
public final class Checkpoint: Sendable {
    public enum Metadata: Sendable {
        case gguf(GGUFMetadata)
        case huggingFace(HuggingFaceFiles)
    }

    /// The file or directory as the user named it.
    public let path: String
    public let metadata: Metadata
    /// The files that hold tensors; `TensorEntry.file` counts them.
    public let files: [MappedFile]
    /// In the order of the files. Empty where only a vocabulary came.
    public let tensors: [TensorEntry]
    /// The part of each file before its tensors.
    let headers: [Range<Int>]
    private let positions: [String: Int]

    /// Opens a GGUF file (any part of a split one) or a Hugging Face directory.
    public static func open(path: String) throws(CheckpointError) -> Checkpoint {
        if try MappedFile.isDirectory(path) { return try openHuggingFace(directory: path) }
        if path.hasSuffix(".safetensors") {
            throw CheckpointError(
                .unsupported, file: path, fault: "is one file of a model", remedy: "name the directory that holds it and its config.json")
        }
        return try openGGUF(path: path)
    }

    init(path: String, metadata: Metadata, files: [MappedFile], headers: [Range<Int>], tensors: [TensorEntry]) throws(CheckpointError) {
        var positions: [String: Int] = [:]
        positions.reserveCapacity(tensors.count)
        for (position, tensor) in tensors.enumerated() {
            if let other = positions.updateValue(position, forKey: tensor.name) {
                throw CheckpointError(
                    .malformed, file: files[tensor.file].path, subject: "tensor " + CheckpointError.quote(tensor.name),
                    fault: "is also in \(files[tensors[other].file].path)")
            }
        }
        self.path = path
        self.metadata = metadata
        self.files = files
        self.headers = headers
        self.tensors = tensors
        self.positions = positions
    }

    /// The tensor of that name.
    public func tensor(_ name: String) -> TensorEntry? { positions[name].map { tensors[$0] } }

    /// The tensor's elements as stored. The address may be unaligned; it stays valid while the checkpoint lives.
    /// - Precondition: `tensor` is one of this checkpoint's.
    public func bytes(of tensor: TensorEntry) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: files[tensor.file].bytes[tensor.bytes])
    }

    /// Tells the system that a tensor's bytes will not be needed soon, so that its pages stop counting as this process's memory.
    public func discard(_ tensor: TensorEntry) { files[tensor.file].discard(tensor.bytes) }

    /// Asks the system to read a tensor ahead of use.
    public func prefetch(_ tensor: TensorEntry) { files[tensor.file].prefetch(tensor.bytes) }
}
