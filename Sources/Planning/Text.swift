import Plans

/// Numbers as people read them.
enum Text {
    static func bytes(_ count: Int) -> String {
        let value = Double(count)
        for (unit, size) in [("TiB", 1_099_511_627_776.0), ("GiB", 1_073_741_824), ("MiB", 1_048_576), ("KiB", 1024)]
        where abs(value) >= size {
            return "\(digits(value / size)) \(unit)"
        }
        return "\(count) B"
    }

    static func seconds(_ value: Double) -> String {
        if !value.isFinite { return "never" }
        if value >= 100 { return "\(digits(value)) s" }
        if value >= 1 { return "\(digits(value)) s" }
        if value >= 1e-3 { return "\(digits(value * 1e3)) ms" }
        return "\(digits(value * 1e6)) us"
    }

    static func percent(_ share: Double) -> String { "\(digits(share * 100)) %" }

    /// Three significant digits, no exponent.
    static func digits(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        let size = abs(value)
        let places = size >= 100 ? 0 : size >= 10 ? 1 : 2
        return fixed(value, places)
    }

    static func fixed(_ value: Double, _ places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        guard abs(value) * scale < 9e18 else { return "\(value)" }
        let whole = Int((abs(value) * scale).rounded())
        let sign = value < 0 && whole > 0 ? "-" : ""
        guard places > 0 else { return sign + String(whole) }
        let fraction = String(whole % Int(scale))
        return sign + String(whole / Int(scale)) + "." + String(repeating: "0", count: places - fraction.count) + fraction
    }

    /// Columns aligned: the first to the left, the others to the right.
    static func table(_ rows: [[String]], indent: String = "  ") -> String {
        guard let columns = rows.map(\.count).max() else { return "" }
        var widths = Array(repeating: 0, count: columns)
        for row in rows { for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) } }
        return rows.map { row in
            var line = indent
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                line += (column > 0 ? "  " : "") + (column == 0 ? cell + space : space + cell)
            }
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}
