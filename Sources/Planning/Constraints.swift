public import Plans

/// What the user insists on. Restricts every search; contradictory wishes are refused with both named.
///
/// Two limits on one memory do not contradict each other: both are kept where the smaller one is. The same pin, exclusion or format twice
/// is no contradiction either.
public struct Constraints: Sendable, Equatable {
    public struct Pin: Sendable, Equatable {
        public var layers: ClosedRange<Int>
        /// Label of a device (`gpu0`, `server/gpu1`).
        public var device: String
        public var text: String
    }

    public struct Limit: Sendable, Equatable {
        /// Label of a memory (`host`, `gpu0`, `disk`, `server/host`) or a kind, meaning each of it.
        public var memory: String
        public var bytes: Int
        public var text: String

        /// Whether it is about this memory.
        func names(_ place: Hardware.Memory) -> Bool {
            place.label == memory || place.label.hasSuffix("/" + memory) || place.kind.rawValue == memory
        }
    }

    public var pins: [Pin] = []
    public var limits: [Limit] = []
    /// Labels of devices or names of machines.
    public var excluded: [String] = []
    public var keyValueFormat: KeyValueFormat?
    /// As the user wrote it.
    private var keyValueText = ""

    public init() {}

    /// `pin layers 0-9 = gpu0`, `limit host=8GiB`, `exclude machine2`, `kv 8bit`.
    public mutating func add(_ text: String) throws(ConstraintError) {
        let words = text.split(separator: " ", maxSplits: 1).map(String.init)
        guard words.count == 2 else {
            throw ConstraintError(message: "\"\(text.prefix(80))\": expected pin, limit, exclude or kv with a value")
        }
        switch words[0] {
        case "pin": try pin(words[1])
        case "limit": try limit(words[1])
        case "exclude": excluded.append(words[1])
        case "kv": try keyValue(words[1])
        default: throw ConstraintError(message: "\"\(words[0].prefix(40))\": expected pin, limit, exclude or kv")
        }
    }

    /// `layers 0-9 = gpu0` or `layer 3 = cpu0`.
    public mutating func pin(_ text: String) throws(ConstraintError) {
        let sides = text.split(separator: "=").map { $0.split(separator: " ").joined(separator: " ") }
        let wrong = ConstraintError(message: "\"\(text.prefix(80))\": expected \"layers FIRST-LAST = DEVICE\"")
        guard sides.count == 2 else { throw wrong }
        let left = sides[0].split(separator: " ")
        guard left.count == 2, left[0] == "layers" || left[0] == "layer" else { throw wrong }
        let ends = left[1].split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first >= 0, first <= last else { throw wrong }
        let new = Pin(layers: first...last, device: sides[1], text: text)
        if let other = pins.first(where: { $0.device != new.device && $0.layers.overlaps(new.layers) }) {
            throw ConstraintError(
                message:
                    "\"pin \(other.text)\" and \"pin \(text)\" contradict each other: "
                    + "both name layer \(max(first, other.layers.lowerBound))"
            )
        }
        pins.append(new)
    }

    /// `host=8GiB`.
    public mutating func limit(_ text: String) throws(ConstraintError) {
        let sides = text.split(separator: "=").map { $0.split(separator: " ").joined(separator: " ") }
        guard sides.count == 2, let bytes = Quantity.parse(sides[1], .bytes), bytes >= 0, bytes < 1e18 else {
            throw ConstraintError(message: "\"\(text.prefix(80))\": expected MEMORY=SIZE, for example host=8GiB")
        }
        limits.append(Limit(memory: sides[0], bytes: Int(bytes), text: text))
    }

    public mutating func keyValue(_ text: String) throws(ConstraintError) {
        let format: KeyValueFormat? =
            switch text {
            case "16bit", "f16": .f16
            case "8bit", "q8": .q8
            case "4bit", "q4": .q4
            default: nil
            }
        guard let format else { throw ConstraintError(message: "kv \"\(text.prefix(40))\": expected 16bit, 8bit or 4bit") }
        if let other = keyValueFormat, other != format {
            throw ConstraintError(
                message: "\"kv \(keyValueText.isEmpty ? other.rawValue : keyValueText)\" and \"kv \(text)\" contradict each other")
        }
        keyValueFormat = format
        keyValueText = text
    }
}

/// A wish that cannot be understood, or two that contradict each other.
public struct ConstraintError: Error, Equatable, Sendable, CustomStringConvertible {
    public var message: String

    public init(message: String) { self.message = message }

    public var description: String { message }
}
