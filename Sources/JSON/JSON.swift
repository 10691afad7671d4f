/// A JSON value (RFC 8259), in memory.
///
/// Whole numbers that fit are `.integer`, every other number is `.number`. Objects keep the order of their keys. Strings compare by their
/// bytes, not by canonical equivalence as Swift's `String` does: "é" written in one or in two scalars are different keys.
///
///     let configuration = try JSON(parsing: bytes)
///     let layers = configuration["num_hidden_layers"]?.int
public enum JSON: Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)
}

extension JSON: Equatable {
    public static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.integer(let a), .number(let b)), (.number(let b), .integer(let a)): Double(exactly: a) == b
        case (.string(let a), .string(let b)): sameBytes(a, b)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a == b
        default: false
        }
    }
}

/// Equality of the UTF-8 bytes, where `==` on strings would compare by canonical equivalence.
@inline(__always)
func sameBytes(_ a: String, _ b: String) -> Bool {
    let a = a.utf8
    let b = b.utf8
    return a.count == b.count && a.elementsEqual(b)
}
