extension Checkpoint {
    static func openHuggingFace(directory: String) throws(CheckpointError) -> Checkpoint {
        throw CheckpointError(.unsupported, file: directory, fault: "is a directory")
    }
}
