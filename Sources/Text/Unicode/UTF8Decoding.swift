/// Stands in for a byte that is no part of a valid sequence; such a byte counts as one scalar of one byte.
let replacementScalar: UInt32 = 0xFFFD

/// The scalar at `position` and its length in bytes. Never reads at or beyond `end`; `position` must be below it.
@inline(__always)
func decodeScalar(_ bytes: UnsafePointer<UInt8>, _ position: Int, _ end: Int) -> (value: UInt32, length: Int) {
    let lead = bytes[position]
    if lead < 0x80 { return (UInt32(lead), 1) }
    return decodeMultibyteScalar(bytes, position, end)
}

@inline(never)
func decodeMultibyteScalar(_ bytes: UnsafePointer<UInt8>, _ position: Int, _ end: Int) -> (value: UInt32, length: Int) {
    let lead = bytes[position]
    let left = end - position
    if lead < 0xC2 || left < 2 { return (replacementScalar, 1) }
    let second = UInt32(bytes[position + 1])
    guard second & 0xC0 == 0x80 else { return (replacementScalar, 1) }
    if lead < 0xE0 { return (UInt32(lead & 0x1F) << 6 | second & 0x3F, 2) }
    guard left >= 3 else { return (replacementScalar, 1) }
    let third = UInt32(bytes[position + 2])
    guard third & 0xC0 == 0x80 else { return (replacementScalar, 1) }
    if lead < 0xF0 {
        let value = UInt32(lead & 0x0F) << 12 | (second & 0x3F) << 6 | third & 0x3F
        if value < 0x800 || (0xD800..<0xE000).contains(value) { return (replacementScalar, 1) }
        return (value, 3)
    }
    guard left >= 4, lead < 0xF5 else { return (replacementScalar, 1) }
    let fourth = UInt32(bytes[position + 3])
    guard fourth & 0xC0 == 0x80 else { return (replacementScalar, 1) }
    let value = UInt32(lead & 0x07) << 18 | (second & 0x3F) << 12 | (third & 0x3F) << 6 | fourth & 0x3F
    if value < 0x10000 || value >= ScalarSet.limit { return (replacementScalar, 1) }
    return (value, 4)
}

/// Where the scalar that ends at `position` starts; `position` must be above `start`.
@inline(__always)
func scalarStart(_ bytes: UnsafePointer<UInt8>, before position: Int, from start: Int) -> Int {
    if bytes[position - 1] < 0x80 { return position - 1 }
    var candidate = position - 2
    let lowest = max(start, position - 4)
    while candidate >= lowest {
        if bytes[candidate] & 0xC0 != 0x80 {
            return decodeScalar(bytes, candidate, position).length == position - candidate ? candidate : position - 1
        }
        candidate -= 1
    }
    return position - 1
}

/// Appends the UTF-8 bytes of a scalar value; U+FFFD for a value that is none.
@inline(__always)
func appendScalar(_ value: UInt32, to bytes: inout [UInt8]) {
    if value < 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: value))
    } else if value < 0x800 {
        bytes.append(UInt8(truncatingIfNeeded: 0xC0 | value >> 6))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3F))
    } else if value < 0x10000 {
        let value = (0xD800..<0xE000).contains(value) ? replacementScalar : value
        bytes.append(UInt8(truncatingIfNeeded: 0xE0 | value >> 12))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | value >> 6 & 0x3F))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3F))
    } else {
        let value = min(value, ScalarSet.limit - 1)
        bytes.append(UInt8(truncatingIfNeeded: 0xF0 | value >> 18))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | value >> 12 & 0x3F))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | value >> 6 & 0x3F))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3F))
    }
}
