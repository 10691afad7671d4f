/// One step from tokens back to text.
public enum TokenDecoder: Sendable {
    /// Characters of the byte-level alphabet become bytes.
    case byteLevel
    /// `<0x0A>` becomes its byte.
    case byteFallback
    case replace(String, with: String)
    /// Removes up to `left` of `content` from the start and `right` from the end of every token, or of the whole text after `fuse`.
    case strip(content: String, left: Int, right: Int)
    case fuse
    /// `replacement` becomes a space; in the first token it disappears if `dropsFirst`.
    case metaspace(replacement: String, dropsFirst: Bool)
    /// A space between tokens: what the format means by no decoder at all.
    case joinWithSpaces
}
