/// Decompositions, compositions and combining classes, unpacked on first use.
final class CanonicalData: Sendable {
    static let shared = CanonicalData()

    /// Full decompositions, compatibility ones included for `compatible`.
    let canonical: [UInt32: [UInt32]]
    let compatible: [UInt32: [UInt32]]
    let compositions: [UInt64: UInt32]
    let classes: [UInt32: UInt8]
    /// Scalars that a form may change or reorder; all others stay and end what came before.
    let unstableNFC: ScalarTable
    let unstableNFD: ScalarTable
    let unstableNFKC: ScalarTable
    let unstableNFKD: ScalarTable

    private init() {
        var classes: [UInt32: UInt8] = [:]
        var position: UInt32 = 0
        for fields in UnicodeProperties.unpackFields(UnicodeTables.combiningClasses) where fields.count == 3 {
            position += fields[0]
            for _ in 0..<fields[1] {
                classes[position] = UInt8(truncatingIfNeeded: fields[2])
                position += 1
            }
        }
        var oneLevel: [UInt32: (mapping: [UInt32], isCanonical: Bool)] = [:]
        var compositions: [UInt64: UInt32] = [:]
        var seconds: [(start: UInt32, end: UInt32)] = [(0x1161, 0x1176), (0x11A8, 0x11C3)]
        for (value, kind, mapping) in Self.records() {
            oneLevel[value] = (mapping, kind != UInt8(ascii: "~"))
            if kind == UInt8(ascii: "="), mapping.count == 2 {
                compositions[Self.pair(mapping[0], mapping[1])] = value
                seconds.append((mapping[1], mapping[1] + 1))
            }
        }
        func expand(_ value: UInt32, compatible: Bool, depth: Int) -> [UInt32] {
            guard depth < 8, let entry = oneLevel[value], entry.isCanonical || compatible else { return [value] }
            return entry.mapping.flatMap { expand($0, compatible: compatible, depth: depth + 1) }
        }
        var canonical: [UInt32: [UInt32]] = [:]
        var compatible: [UInt32: [UInt32]] = [:]
        for (value, entry) in oneLevel {
            if entry.isCanonical { canonical[value] = expand(value, compatible: false, depth: 0) }
            compatible[value] = expand(value, compatible: true, depth: 0)
        }
        self.classes = classes
        self.compositions = compositions
        self.canonical = canonical
        self.compatible = compatible

        let combining = ScalarSet(runs: classes.keys.map { ($0, $0 + 1) })
        let hangul = ScalarSet(0xAC00...0xD7A3)
        let decomposing = ScalarSet(runs: canonical.keys.map { ($0, $0 + 1) }) | combining | hangul
        unstableNFD = ScalarTable(decomposing)
        unstableNFKD = ScalarTable(decomposing | ScalarSet(runs: compatible.keys.map { ($0, $0 + 1) }))
        func changing(_ map: [UInt32: [UInt32]]) -> ScalarSet {
            ScalarSet(
                runs: map.compactMap { value, full in
                    var scalars = full
                    Self.compose(&scalars, compositions, classes)
                    return scalars == [value] ? nil : (value, value + 1)
                })
        }
        let composing = combining | ScalarSet(runs: seconds)
        unstableNFC = ScalarTable(composing | changing(canonical))
        unstableNFKC = ScalarTable(composing | changing(compatible))
    }

    private static func records() -> [(value: UInt32, kind: UInt8, mapping: [UInt32])] {
        var records: [(value: UInt32, kind: UInt8, mapping: [UInt32])] = []
        var next: UInt32 = 0
        var value: UInt32 = 0
        var kind: UInt8 = 0
        var field: UInt32 = 0
        var mapping: [UInt32] = []
        UnicodeTables.decompositions.withUTF8Buffer { buffer in
            for byte in buffer {
                switch byte {
                case UInt8(ascii: "="), UInt8(ascii: "!"), UInt8(ascii: "~"):
                    value = next + field
                    kind = byte
                    field = 0
                case UInt8(ascii: ","), UInt8(ascii: ";"):
                    mapping.append(field)
                    field = 0
                    if byte == UInt8(ascii: ";") {
                        records.append((value, kind, mapping))
                        mapping = []
                        next = value + 1
                    }
                default:
                    field = field << 4 | UInt32(byte <= UInt8(ascii: "9") ? byte & 15 : byte & 15 + 9)
                }
            }
        }
        return records
    }

    static func pair(_ first: UInt32, _ second: UInt32) -> UInt64 { UInt64(first) << 32 | UInt64(second) }

    /// Canonical composition of decomposed, ordered scalars, in place.
    static func compose(_ scalars: inout [UInt32], _ compositions: [UInt64: UInt32], _ classes: [UInt32: UInt8]) {
        var kept = 0
        var starter = -1
        var lastClass = -1
        for index in scalars.indices {
            let scalar = scalars[index]
            let scalarClass = Int(classes[scalar] ?? 0)
            if starter >= 0, lastClass < scalarClass, let composed = composition(scalars[starter], scalar, compositions) {
                scalars[starter] = composed
                continue
            }
            scalars[kept] = scalar
            if scalarClass == 0 {
                starter = kept
                lastClass = -1
            } else {
                lastClass = scalarClass
            }
            kept += 1
        }
        scalars.removeLast(scalars.count - kept)
    }

    /// The primary composite of two scalars, Hangul syllables included.
    private static func composition(_ first: UInt32, _ second: UInt32, _ compositions: [UInt64: UInt32]) -> UInt32? {
        if (0x1100..<0x1113).contains(first), (0x1161..<0x1176).contains(second) {
            return 0xAC00 + ((first - 0x1100) * 21 + (second - 0x1161)) * 28
        }
        if (0xAC00..<0xD7A4).contains(first), (first - 0xAC00) % 28 == 0, (0x11A8..<0x11C3).contains(second) {
            return first + (second - 0x11A7)
        }
        return compositions[pair(first, second)]
    }
}
