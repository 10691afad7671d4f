/// What is wrong with a checkpoint: the file, the tensor or key in it, the fault, and where there is one, the remedy.
public struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// The operating system would not give the file.
        case unreadable
        /// The file contradicts its format or itself.
        case malformed
        /// Something the model needs is not there.
        case missing
        /// Valid, but Motley cannot compute it; carrying on would give wrong answers.
        case unsupported
    }

    public var kind: Kind
    /// Path of the file or directory.
    public var file: String
    /// For example `tensor 'output.weight'` or `key 'llama.block_count'`; nil where the fault is the whole file's.
    public var subject: String?
    public var fault: String
    public var remedy: String?

    public init(_ kind: Kind, file: String, subject: String? = nil, fault: String, remedy: String? = nil) {
        self.kind = kind
        self.file = file
        self.subject = subject
        self.fault = fault
        self.remedy = remedy
    }

    public var description: String {
        var text = file + ": "
        if let subject { text += subject + ": " }
        text += fault
        if let remedy { text += "; " + remedy }
        return text
    }

    /// A name out of a file, quoted for a message: escaped where it could upset a terminal, cut after 80 characters.
    public static func quote(_ name: String) -> String {
        var text = "'"
        for (count, scalar) in name.unicodeScalars.enumerated() {
            if count == 80 { return text + "…'" }
            let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) || scalar.properties.generalCategory == .format
            text += isControl ? "\\u{" + String(scalar.value, radix: 16) + "}" : String(scalar)
        }
        return text + "'"
    }
}
