import CKernels
import Devices
import Engine
import JSON

/// The rows of `motley bench ops`.
struct OperationTable {
    /// What the checks of one operation and variant found.
    struct Checked {
        var cases = 0
        var largestError = 0.0
        var faults: [String] = []
    }

    private var rows: [[String]]
    private let isCheck: Bool

    init(isCheck: Bool) {
        self.isCheck = isCheck
        rows = [
            ["operation", "format", "instructions", "checked", "max error"]
                + (isCheck ? [] : ["shape", "tokens", "time", "GOP/s", "GB/s", "of the limit"])
        ]
    }

    mutating func add(
        _ operation: KernelOperation, _ variant: String, _ set: mk_isa, _ checked: Checked, _ timings: [KernelTiming],
        _ limits: MachineLimits?
    ) {
        let error = checked.faults.isEmpty ? Self.scientific(checked.largestError) : "FAULT"
        let first = [operation.rawValue, variant, String(cString: mk_isa_name(set)), String(checked.cases), error]
        if isCheck || timings.isEmpty { rows.append(first + Array(repeating: "", count: isCheck ? 0 : 6)) }
        for timing in timings {
            var limit = ""
            if let limits, let nearest = timing.nearest(limits) { limit = "\(Size.decimal(nearest.fraction * 100, 0)) % \(nearest.name)" }
            rows.append(
                first + [
                    timing.shape, String(timing.tokens), Self.time(timing.seconds),
                    timing.operations > 0 ? Size.decimal(timing.operationsPerSecond / 1e9, 1) : "",
                    Size.decimal(timing.bytesPerSecond / 1e9, 2), limit,
                ])
        }
    }

    /// One object per timed shape, or one per operation where nothing was timed.
    static func json(
        _ operation: KernelOperation, _ variant: String, _ set: mk_isa, _ checked: Checked, _ timings: [KernelTiming],
        _ limits: MachineLimits?
    ) -> [JSON] {
        let first: [(key: String, value: JSON)] = [
            (key: "op", value: .string(operation.rawValue)), (key: "format", value: .string(variant)),
            (key: "isa", value: .string(String(cString: mk_isa_name(set)))), (key: "checked", value: .integer(checked.cases)),
            (key: "max_error", value: checked.largestError.isFinite ? .number(checked.largestError) : .null),
            (key: "conforms", value: .bool(checked.faults.isEmpty)),
            (key: "faults", value: .array(checked.faults.prefix(5).map { .string($0) })),
        ]
        guard !timings.isEmpty else { return [.object(JSONObject(first))] }
        return timings.map { timing in
            let nearest = limits.flatMap { timing.nearest($0) }
            return .object(
                JSONObject(
                    first + [
                        (key: "shape", value: .string(timing.shape)), (key: "tokens", value: .integer(timing.tokens)),
                        (key: "seconds", value: .number(timing.seconds)),
                        (key: "operations_per_second", value: .number(timing.operationsPerSecond)),
                        (key: "bytes_per_second", value: .number(timing.bytesPerSecond)),
                        (key: "limit", value: nearest.map { .string($0.name) } ?? .null),
                        (key: "fraction", value: nearest.map { .number($0.fraction) } ?? .null),
                    ]))
        }
    }

    func text(limits: [(set: mk_isa, limits: MachineLimits)], threads: Int) -> String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines = rows.map { row in
            "| " + row.indices.map { Self.pad(row[$0], widths[$0], right: $0 > 2 && $0 != 5) }.joined(separator: " | ") + " |"
        }
        lines.insert("|" + widths.indices.map { String(repeating: "-", count: widths[$0] + 2) }.joined(separator: "|") + "|", at: 1)
        if !limits.isEmpty { lines.append("") }
        for (set, found) in limits {
            lines.append(
                "\(String(cString: mk_isa_name(set))), \(threads) threads: int8 \(Size.decimal(found.int8 / 1e9, 0)) GOP/s, bf16 "
                    + "\(Size.decimal(found.bfloat16 / 1e9, 0)), f32 \(Size.decimal(found.float32 / 1e9, 0)), reads "
                    + "\(Size.decimal(found.readBytes / 1e9, 2)) GB/s")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func pad(_ text: String, _ width: Int, right: Bool) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return right ? space + text : text + space
    }

    /// Microseconds below a millisecond, else milliseconds.
    private static func time(_ seconds: Double) -> String {
        seconds < 1e-3 ? Size.decimal(seconds * 1e6, 1) + " us" : Size.decimal(seconds * 1e3, 2) + " ms"
    }

    /// "3.1e-07".
    private static func scientific(_ value: Double) -> String {
        guard value > 0, value.isFinite else { return value == 0 ? "0" : "\(value)" }
        var exponent = 0
        var mantissa = value
        while mantissa < 1 {
            mantissa *= 10
            exponent -= 1
        }
        while mantissa >= 9.95 {
            mantissa /= 10
            exponent += 1
        }
        return Size.decimal(mantissa, 1) + "e" + String(exponent)
    }
}
