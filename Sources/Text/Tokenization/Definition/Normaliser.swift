/// One step of what happens to a text before it is split into words.
public enum Normaliser: Sendable {
    public enum Form: String, Sendable { case nfc = "NFC", nfd = "NFD", nfkc = "NFKC", nfkd = "NFKD" }

    case form(Form)
    case lowercase
    /// Put before a text that is not empty.
    case prepend(String)
    case replace(String, with: String)
    case replacePattern(String, with: String)
    case strip(left: Bool, right: Bool)
    /// Removes non-spacing marks.
    case stripAccents
    /// Writes every byte as a character of the byte-level alphabet.
    case byteLevel
    /// SentencePiece's compiled character map.
    case characterMap(CharacterMap)
    /// Removes spaces at both ends and all but one of neighbouring ones.
    case collapseSpaces
}
