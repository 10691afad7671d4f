/// A device that does not exist: what it would have and how fast it would be.
public struct Emulation: Sendable, Equatable {
    /// Its name everywhere: `gpu0`.
    public var name: String
    public var memoryBytes: Int
    /// Bytes per second that it reads its own memory with.
    public var readBytesPerSecond: Double
    /// Operations per second of products (a multiplication and an addition count two).
    public var operationsPerSecond: Double
    /// Its link to the host, each direction: bytes per second, and seconds per request.
    public var linkBytesPerSecond: Double
    public var latency: Double
    /// false: products and attention only wait, and what they would have computed is zeros. For experiments with time alone, at speeds
    /// that a processor cannot compute.
    public var computes: Bool

    public init(
        name: String, memoryBytes: Int, readBytesPerSecond: Double = 300e9, operationsPerSecond: Double = 50e12,
        linkBytesPerSecond: Double = 12e9, latency: Double = 10e-6, computes: Bool = true
    ) {
        self.name = name
        self.memoryBytes = memoryBytes
        self.readBytesPerSecond = readBytesPerSecond
        self.operationsPerSecond = operationsPerSecond
        self.linkBytesPerSecond = linkBytesPerSecond
        self.latency = latency
        self.computes = computes
    }
}

/// Why a text describes no emulated device.
public struct EmulationError: Error, Sendable, CustomStringConvertible {
    public var description: String
}

extension Emulation {
    /// Reads `gpu0: memory=2GiB, read=300GB/s, int8=50TOP/s, link=12GB/s, latency=10us, compute=none`. All fields but `memory` have
    /// defaults; numbers may have a unit or none.
    ///
    /// - Throws: `EmulationError` that says what is wrong.
    public init(parsing text: String) throws(EmulationError) {
        func wrong(_ what: String) -> EmulationError {
            EmulationError(
                description:
                    "\(what) in the emulated device '\(text)'; expected for example "
                    + "'gpu0: memory=2GiB, read=300GB/s, int8=50TOP/s, link=12GB/s, latency=10us, compute=none'")
        }
        guard let colon = text.firstIndex(of: ":") else { throw wrong("no ':' after the name") }
        let name = text[..<colon].trimmed
        guard !name.isEmpty, name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }),
            !["cpu0", "host", "disk0"].contains(name)
        else { throw wrong("no name of its own") }
        self.init(name: String(name), memoryBytes: 0)
        var seen: Set<Substring> = []
        for field in text[text.index(after: colon)...].split(separator: ",", omittingEmptySubsequences: false) {
            guard let equals = field.firstIndex(of: "=") else { throw wrong("'\(field.trimmed)' has no value") }
            let key = field[..<equals].trimmed, value = field[field.index(after: equals)...].trimmed
            guard seen.insert(key).inserted else { throw wrong("'\(key)' is there twice") }
            func number(_ units: [String: Double]) throws(EmulationError) -> Double {
                guard let number = Self.number(value, units: units) else { throw wrong("'\(key)=\(value)'") }
                return number
            }
            switch key {
            case "memory": memoryBytes = Int(try number(Self.sizes))
            case "read": readBytesPerSecond = try number(Self.perSecond(Self.sizes))
            case "int8": operationsPerSecond = try number(Self.perSecond(["OP": 1, "GOP": 1e9, "TOP": 1e12, "MOP": 1e6]))
            case "link": linkBytesPerSecond = try number(Self.perSecond(Self.sizes))
            case "latency":
                latency = value == "0" ? 0 : try number(["s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9])
            case "compute":
                guard value == "none" || value == "all" else { throw wrong("'compute=\(value)'") }
                computes = value == "all"
            default: throw wrong("'\(key)' is no field")
            }
        }
        guard memoryBytes > 0 else { throw wrong("no memory") }
    }

    private static let sizes = [
        "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1024, "MiB": 1_048_576, "GiB": 1_073_741_824, "TiB": 1_099_511_627_776,
    ]

    private static func perSecond(_ units: [String: Double]) -> [String: Double] {
        Dictionary(uniqueKeysWithValues: units.map { ($0.key + "/s", $0.value) })
    }

    /// A number above 0 with one of the units or none; nil for anything else.
    private static func number(_ text: Substring, units: [String: Double]) -> Double? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == "e" || $0 == "E" || $0 == "+" || $0 == "-") }
        let unit = text[digits.endIndex...].trimmed
        guard let value = Double(digits), let scale = unit.isEmpty ? 1 : units[String(unit)] else { return nil }
        let number = value * scale
        return number > 0 && number < 1e18 ? number : nil
    }
}

extension StringProtocol {
    fileprivate var trimmed: SubSequence {
        let start = firstIndex { $0 != " " } ?? endIndex
        let end = lastIndex { $0 != " " }.map { index(after: $0) } ?? start
        return self[start..<end]
    }
}
