import JSON

extension Checkpoint {
    static func openHuggingFace(directory: String) throws(CheckpointError) -> Checkpoint {
        let files = try HuggingFaceFiles(directory: directory)
        var parts: [SafetensorsFile] = []
        var tensors: [TensorEntry] = []
        if let file = try HuggingFaceFiles.file("model.safetensors", in: directory) {
            let part = try SafetensorsFile(file: file)
            parts = [part]
            tensors = part.tensors
        } else if let index = try HuggingFaceFiles.file("model.safetensors.index.json", in: directory) {
            (parts, tensors) = try openShards(index: index, directory: directory)
        } else if files.isEmpty {
            throw CheckpointError(
                .missing, file: directory, fault: "holds no model: neither config.json nor model.safetensors nor tokenizer.json",
                remedy: "name a GGUF file or a Hugging Face directory")
        }
        return try Checkpoint(
            path: directory, metadata: .huggingFace(files), files: parts.map(\.file), headers: parts.map(\.header), tensors: tensors)
    }

    /// A checkpoint of one safetensors file that is mapped already, or in memory.
    public convenience init(safetensors file: MappedFile, files: HuggingFaceFiles) throws(CheckpointError) {
        let part = try SafetensorsFile(file: file)
        try self.init(path: files.directory, metadata: .huggingFace(files), files: [file], headers: [part.header], tensors: part.tensors)
    }

    /// Opens the files an index names and keeps the tensors it places in them.
    private static func openShards(index: MappedFile, directory: String) throws(CheckpointError) -> ([SafetensorsFile], [TensorEntry]) {
        func fault(_ subject: String, _ text: String) -> CheckpointError {
            CheckpointError(.malformed, file: index.path, subject: subject, fault: text)
        }
        guard let map = try HuggingFaceFiles.parse(index)["weight_map"]?.object, !map.isEmpty else {
            throw fault("key 'weight_map'", "is not an object that maps tensors to files")
        }
        var numbers: [String: Int] = [:]
        var parts: [SafetensorsFile] = []
        var placed: [Int: Set<String>] = [:]
        for (tensor, value) in map {
            let subject = "tensor " + CheckpointError.quote(tensor)
            guard let name = value.string else {
                throw fault(subject, "is mapped to \(value.serialized().prefix(40)), not to a file's name")
            }
            // A plain name: an index must not reach outside its directory.
            guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0), name != ".." else {
                throw fault(subject, "is in file \(CheckpointError.quote(name)), which is not a plain file name")
            }
            if numbers[name] == nil {
                numbers[name] = parts.count
                parts.append(
                    try SafetensorsFile(file: try MappedFile(path: HuggingFaceFiles.path(name, in: directory)), fileIndex: parts.count))
            }
            placed[numbers[name] ?? 0, default: []].insert(tensor)
        }
        var tensors: [TensorEntry] = []
        for (number, part) in parts.enumerated() {
            let names = placed[number] ?? []
            let found = part.tensors.filter { names.contains($0.name) }
            if let absent = names.subtracting(found.map(\.name)).min() {
                throw fault("tensor " + CheckpointError.quote(absent), "is not in \(part.file.path), where the index places it")
            }
            tensors.append(contentsOf: found)
        }
        return (parts, tensors)
    }
}
