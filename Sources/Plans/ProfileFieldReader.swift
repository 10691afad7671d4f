public import JSON

/// What is wrong with a field of a file from outside, and where.
public struct FieldError: Error, Equatable, Sendable, CustomStringConvertible {
    /// For example `machines[2].devices[0].memory.capacity`.
    public var field: String
    public var message: String

    public init(field: String, message: String) {
        self.field = field
        self.message = message
    }

    public var description: String { field.isEmpty ? message : "\(field): \(message)" }
}

/// A JSON value and the way to it, read with checks whose errors name the field and what was expected.
public struct FieldReader: Sendable {
    public let value: JSON
    public let path: String

    public init(_ value: JSON, path: String = "") {
        self.value = value
        self.path = path
    }

    public func failure(_ message: String) -> FieldError { FieldError(field: path, message: message) }

    /// Refuses what is no object or has a key that is not among `keys`.
    public func object(keys: [String]) throws(FieldError) -> FieldReader {
        guard let object = value.object else { throw failure("expected an object with \(keys.joined(separator: ", "))") }
        for (key, _) in object where !keys.contains(key) {
            throw FieldError(field: child(key), message: "unknown field; known here: \(keys.joined(separator: ", "))")
        }
        return self
    }

    /// The field `key`, nil where absent or null.
    public func optional(_ key: String) -> FieldReader? {
        guard let found = value[key], !found.isNull else { return nil }
        return FieldReader(found, path: child(key))
    }

    public func required(_ key: String, expected: String) throws(FieldError) -> FieldReader {
        guard let found = optional(key) else { throw FieldError(field: child(key), message: "missing; expected \(expected)") }
        return found
    }

    public func string() throws(FieldError) -> String {
        guard let text = value.string else { throw failure("expected a string") }
        return text
    }

    public func array(limit: Int = 100_000) throws(FieldError) -> [FieldReader] {
        guard let elements = value.array else { throw failure("expected an array") }
        guard elements.count <= limit else { throw failure("has \(elements.count) elements; at most \(limit) are read") }
        return elements.enumerated().map { FieldReader($1, path: "\(path)[\($0)]") }
    }

    public func bool() throws(FieldError) -> Bool {
        guard let flag = value.bool else { throw failure("expected true or false") }
        return flag
    }

    public func integer(in range: ClosedRange<Int>) throws(FieldError) -> Int {
        guard let number = value.int else { throw failure("expected a whole number") }
        guard range.contains(number) else { throw failure("is \(number); expected \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    public func number(in range: ClosedRange<Double>) throws(FieldError) -> Double {
        guard let number = value.double, number.isFinite else { throw failure("expected a number") }
        guard range.contains(number) else { throw failure("is \(number); expected \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    /// A number in base units, or a string with a unit of `dimension`, for example `"16GiB"`.
    public func quantity(_ dimension: Quantity.Dimension, in range: ClosedRange<Double>? = nil) throws(FieldError) -> Double {
        let number: Double
        if let plain = value.double {
            number = plain
        } else if let text = value.string {
            guard let parsed = Quantity.parse(text, dimension) else {
                throw failure(
                    "\"\(text.prefix(40))\" is no \(dimension.name); expected a number or one with a unit, "
                        + "for example \"\(dimension.example)\""
                )
            }
            number = parsed
        } else {
            throw failure("expected \(dimension.name), a number or a string such as \"\(dimension.example)\"")
        }
        let range = range ?? dimension.range
        guard number.isFinite, range.contains(number) else {
            throw failure("is \(number); expected \(dimension.name) from \(range.lowerBound) to \(range.upperBound) in base units")
        }
        return number
    }

    private func child(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}

/// Numbers with units, as people write them into cluster files.
public enum Quantity {
    public enum Dimension: Sendable {
        case bytes
        case bytesPerSecond
        case operationsPerSecond
        case seconds

        public var name: String {
            switch self {
            case .bytes: "a size"
            case .bytesPerSecond: "a bandwidth"
            case .operationsPerSecond: "a rate of operations"
            case .seconds: "a time"
            }
        }

        public var example: String {
            switch self {
            case .bytes: "16GiB"
            case .bytesPerSecond: "12.5GB/s"
            case .operationsPerSecond: "65TFLOP/s"
            case .seconds: "40ms"
            }
        }

        /// What can be meant: from one byte to 1 EiB, and so on; 0 and less are absurd but for times.
        public var range: ClosedRange<Double> {
            switch self {
            case .bytes: 1...1.2e18
            case .bytesPerSecond: 1...1e17
            case .operationsPerSecond: 1...1e21
            case .seconds: 0...1e6
            }
        }

        var units: [(String, Double)] {
            switch self {
            case .bytes: Quantity.byteUnits
            case .bytesPerSecond:
                Quantity.byteUnits.map { ($0.0 + "/s", $0.1) } + [("Gbit/s", 1.25e8), ("Mbit/s", 1.25e5), ("kbit/s", 125)]
            case .operationsPerSecond:
                [("", 1.0), ("K", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12), ("P", 1e15)].flatMap { prefix, factor in
                    ["OP/s", "OPS", "FLOP/s", "FLOPS"].map { (prefix + $0, factor) }
                }
            case .seconds: [("s", 1), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9), ("min", 60), ("h", 3600)]
            }
        }
    }

    static let byteUnits: [(String, Double)] = [
        ("B", 1), ("kB", 1e3), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12),
        ("KiB", 1024), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("TiB", 1_099_511_627_776),
    ]

    /// `"16 GiB"` to bytes; nil where number or unit is not understood. A bare number is in base units.
    public static func parse(_ text: String, _ dimension: Dimension) -> Double? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == "-" || $0 == "+") }
        guard let number = Double(digits) else { return nil }
        let rest = text.dropFirst(digits.count)
        guard let start = rest.firstIndex(where: { $0 != " " }) else { return number }
        if rest.hasPrefix("e") || rest.hasPrefix("E") { return Double(text) }
        let unit = String(rest[start...])
        guard let factor = dimension.units.first(where: { $0.0 == unit })?.1 else { return nil }
        return number * factor
    }
}
