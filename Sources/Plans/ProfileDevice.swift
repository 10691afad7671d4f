public import Checkpoints
public import Models

/// Something that computes, the memory it computes from, and its link to the host's memory.
public struct DeviceProfile: Sendable, Equatable {
    public enum Origin: String, Sendable, CaseIterable {
        case measured
        case declared
    }

    public var name: String
    /// Stable identity inside its machine: `pci:0000:65:00.0` or `uuid:...` of a GPU; nil where it is not known (catalogue devices).
    public var key: String?
    public var kind: PlannedDevice.Kind
    /// The device's own memory. A CPU computes from its machine's memory and has none of its own: nil.
    public var memory: MemoryProfile?
    /// Bytes per second it reads weights and keys with.
    public var readBytesPerSecond: Double
    /// Attainable operations per second of matrix products by the kind of numbers multiplied (a multiplication and an addition count two).
    public var operations: OperationRates
    /// Measured rates of the real kernels; a format without a table is planned by the roofline of the two figures above.
    public var rates: [TensorFormat: RateTable]
    /// Attainable operations per second of attention over many positions, where `attentionRates` has no table.
    public var attentionOperations: Double
    /// Measured operations per second of attention whose keys and values lie in a cache, by format of the KV cache and by how many query
    /// rows share a key (query heads per KV head x new tokens of a sequence): one token of a model without groups is 1, a prompt is
    /// thousands.
    public var attentionRates: [KeyValueFormat: RateTable]
    /// Bytes per second at which attention reads keys and values that lie in no cache; nil: `readBytesPerSecond`.
    public var attentionBytesPerSecond: Double?
    /// Measured elements per second that go through a vector operation (norm, rounding of inputs, activation, rotation, store), by tokens
    /// of a step; nil: not counted.
    public var vectorRates: RateTable?
    /// From host memory to the device and back; nil for a CPU.
    public var link: DeviceLink?
    /// To another device of the same machine directly (NVLink); nil: through the host by `link`.
    public var peer: LinkProfile?
    /// Seconds to start one kernel.
    public var launch: Double
    public var pricePerHour: Double?
    public var origin: Origin
    /// Where the figures come from.
    public var source: String

    public init(
        name: String, key: String? = nil, kind: PlannedDevice.Kind, memory: MemoryProfile?, readBytesPerSecond: Double,
        operations: OperationRates,
        rates: [TensorFormat: RateTable] = [:], attentionOperations: Double? = nil, attentionRates: [KeyValueFormat: RateTable] = [:],
        attentionBytesPerSecond: Double? = nil, vectorRates: RateTable? = nil, link: DeviceLink? = nil, peer: LinkProfile? = nil,
        launch: Double = 5e-6, pricePerHour: Double? = nil, origin: Origin = .declared, source: String = ""
    ) {
        self.name = name
        self.key = key
        self.kind = kind
        self.memory = memory
        self.readBytesPerSecond = readBytesPerSecond
        self.operations = operations
        self.rates = rates
        self.attentionOperations = attentionOperations ?? operations.half * 0.5
        self.attentionRates = attentionRates
        self.attentionBytesPerSecond = attentionBytesPerSecond
        self.vectorRates = vectorRates
        self.link = link
        self.peer = peer
        self.launch = launch
        self.pricePerHour = pricePerHour
        self.origin = origin
        self.source = source
    }

    /// Whether another device is like this one in everything but its identity.
    public func isLike(_ other: DeviceProfile) -> Bool {
        var other = other
        other.key = key
        return other == self
    }

    /// Seconds to multiply one weight of `format` (stored in `bytesPerElement`) with `tokens` tokens, weights in the device's own memory.
    ///
    /// From the measured table if there is one, else the roofline: reading the weight, or the 2 x tokens operations, whichever takes
    /// longer.
    public func secondsPerElement(format: TensorFormat, bytesPerElement: Double, tokens: Double) -> Double {
        if let table = rates[format] {
            // A checkpoint that mixes formats reads more (or fewer) bytes per weight than its main format has: they take as long per byte
            // as that one's.
            let single = table.secondsPerElement(tokens: 1)
            return table.secondsPerElement(tokens: tokens) + single * max(-0.5, bytesPerElement / format.bytesPerElement - 1)
        }
        return max(bytesPerElement / readBytesPerSecond, 2 * tokens / operations.rate(of: format, kind: kind))
    }

    /// The same of a weight of a checkpoint that mixes formats, on average; nil where a format was not measured.
    public func secondsPerElement(formats: [ModelShape.FormatShare], tokens: Double) -> Double? {
        guard !formats.isEmpty else { return nil }
        var seconds = 0.0
        for part in formats {
            guard let table = rates[part.format] else { return nil }
            seconds += part.share * table.secondsPerElement(tokens: tokens)
        }
        return seconds
    }

    /// Seconds of vector operations on so many elements of each token; 0 where they were not measured.
    public func vectorSeconds(elements: Double, tokens: Double) -> Double {
        vectorRates.map { elements * tokens / $0.operationsPerSecond(tokens: tokens) } ?? 0
    }

    /// Seconds to attend: `bytes` of keys and values read, `operations` of multiplying them, with so many query rows for each key.
    public func attentionSeconds(format: KeyValueFormat, bytes: Double, operations: Double, rows: Double) -> Double {
        let rate = attentionRates[format]?.operationsPerSecond(tokens: rows) ?? attentionOperations
        return max(bytes / (attentionBytesPerSecond ?? readBytesPerSecond), operations / rate)
    }
}

/// Operations per second by what is multiplied.
public struct OperationRates: Sendable, Equatable {
    /// f32 weights.
    public var single: Double
    /// f16 and bf16 weights, and quantised ones on a GPU (unpacked to half precision).
    public var half: Double
    /// Quantised weights on a CPU.
    public var integer: Double

    public init(single: Double, half: Double, integer: Double) {
        self.single = single
        self.half = half
        self.integer = integer
    }

    public func rate(of format: TensorFormat, kind: PlannedDevice.Kind) -> Double {
        switch format {
        case .f32: single
        case .f16, .bf16: half
        default: kind == .cpu ? integer : half
        }
    }
}

/// The way between host memory and a device's memory (PCIe); both directions run at once.
public struct DeviceLink: Sendable, Equatable {
    public var toDevice: Double
    public var fromDevice: Double
    public var latency: Double

    public init(toDevice: Double, fromDevice: Double, latency: Double) {
        self.toDevice = toDevice
        self.fromDevice = fromDevice
        self.latency = latency
    }
}

/// Measured operations per second of a large product at several token counts.
///
/// Always holds: at least one point, token counts ascending, rates positive.
public struct RateTable: Sendable, Equatable {
    public struct Point: Sendable, Equatable {
        public var tokens: Double
        public var operationsPerSecond: Double

        public init(tokens: Double, operationsPerSecond: Double) {
            self.tokens = tokens
            self.operationsPerSecond = operationsPerSecond
        }
    }

    public private(set) var points: [Point]

    /// nil where the invariant does not hold.
    public init?(points: [Point]) {
        guard !points.isEmpty, points.allSatisfy({ $0.tokens >= 1 && $0.operationsPerSecond > 0 && $0.operationsPerSecond.isFinite }) else {
            return nil
        }
        guard zip(points, points.dropFirst()).allSatisfy({ $0.tokens < $1.tokens }) else { return nil }
        self.points = points
    }

    /// Operations per second with so many tokens, by the seconds interpolated; the first point's below it, the last one's beyond.
    public func operationsPerSecond(tokens: Double) -> Double {
        let within = max(points[0].tokens, tokens)
        return 2 * within / secondsPerElement(tokens: within)
    }

    /// Seconds per weight for a product with `tokens` tokens: linear in the token count between points (exact on both arms of a roofline),
    /// the first point's below it, in proportion beyond the last.
    public func secondsPerElement(tokens: Double) -> Double {
        func seconds(_ point: Point) -> Double { 2 * point.tokens / point.operationsPerSecond }
        guard let upper = points.firstIndex(where: { $0.tokens >= tokens }) else {
            let last = points[points.count - 1]
            return seconds(last) * tokens / last.tokens
        }
        guard upper > 0 else { return seconds(points[0]) }
        let (a, b) = (points[upper - 1], points[upper])
        let share = (tokens - a.tokens) / (b.tokens - a.tokens)
        return seconds(a) + (seconds(b) - seconds(a)) * share
    }
}
