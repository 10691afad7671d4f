import Checkpoints
import Models

extension Model {
    /// What responses call the model: the name its authors gave it, else its file's or directory's.
    public var responseName: String {
        if let name = spec.name, !name.isEmpty { return name }
        let last = checkpoint.path.split(separator: "/").last.map { String($0) } ?? spec.architecture
        return last.hasSuffix(".gguf") ? String(last.dropLast(5)) : last
    }
}
