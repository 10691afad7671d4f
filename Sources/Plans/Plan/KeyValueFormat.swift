/// How keys and values are stored: blocks of 64 tokens of one KV head (docs/formats.md, Packed layouts).
public enum KeyValueFormat: String, Sendable, CaseIterable {
    case f16
    /// 8-bit with one scale per head and token.
    case q8
    /// 4-bit groups of 64 elements with scale and minimum (FlexGen).
    case q4

    /// Bytes of one block of one KV head with keys and values of `headSize` elements; Int.max where that overflows.
    public func blockBytes(headSize: Int) -> Int { blockBytes(keySize: headSize, valueSize: headSize) }

    /// The same where keys and values differ in size: 64 positions of keys as they are, of values with their size rounded up to 16.
    public func blockBytes(keySize: Int, valueSize: Int) -> Int {
        let tokens = ReplicaSchedule.keyValueBlockTokens
        guard keySize >= 0, valueSize >= 0, keySize < 1 << 40, valueSize < 1 << 40 else { return .max }
        let keys = keySize * tokens, values = (valueSize + 15) / 16 * 16 * tokens
        // A group's scale and minimum; groups do not reach from one token to the next.
        func groups(_ size: Int) -> Int { size > 0 ? (size + 63) / 64 * tokens : 0 }
        switch self {
        case .f16: return 2 * (keys + values)
        case .q8: return keys + values + (keySize > 0 ? 4 * tokens : 0) + (valueSize > 0 ? 4 * tokens : 0)
        case .q4: return (keys + values) / 2 + 4 * (groups(keySize) + groups(valueSize))
        }
    }
}
