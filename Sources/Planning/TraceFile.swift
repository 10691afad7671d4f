public import JSON
public import Plans

/// A recorded series of requests as a table: one line per request, columns by commas.
///
/// A first line with names is understood (`arrival`, `time` or `timestamp`; `prompt`, `input` or `context`; `output` or `generated`,
/// anywhere in the column's name, other columns ignored); without one the columns are arrival, prompt tokens, output tokens. An arrival is
/// in seconds, or a date and time `2024-05-10 00:00:01.25`. Times count from the first request.
public enum TraceFile {
    /// The form a workload's `trace` has: [[seconds, prompt tokens, output tokens], ...].
    public static func json(_ text: String, name: String) throws(FieldError) -> JSON {
        var columns = (arrival: 0, prompt: 1, output: 2)
        var rows: [(arrival: Double, prompt: Int, output: Int)] = []
        for (number, line) in text.split(whereSeparator: \.isNewline).enumerated() {
            let cells = line.split(separator: ",", omittingEmptySubsequences: false).map { trimmed($0) }
            if number == 0, let named = header(cells) {
                columns = named
                continue
            }
            func fail(_ message: String) -> FieldError { FieldError(field: "\(name) line \(number + 1)", message: message) }
            guard max(columns.arrival, columns.prompt, columns.output) < cells.count else {
                throw fail("expected arrival, prompt tokens and output tokens, separated by commas")
            }
            guard let arrival = seconds(cells[columns.arrival]) else {
                throw fail("arrival \"\(cells[columns.arrival].prefix(40))\": expected seconds or a date and time")
            }
            guard let prompt = Int(cells[columns.prompt]), let output = Int(cells[columns.output]), prompt >= 0, output >= 0 else {
                throw fail("expected whole numbers of tokens")
            }
            // A request without a prompt or without a reply costs nothing here.
            if prompt > 0, output > 0 { rows.append((arrival, prompt, output)) }
            guard rows.count <= 10_000_000 else { throw fail("more than 10 million requests") }
        }
        guard let first = rows.map(\.arrival).min() else { throw FieldError(field: name, message: "expected at least one request") }
        return .array(rows.map { [.number($0.arrival - first), .integer($0.prompt), .integer($0.output)] })
    }

    private static func trimmed(_ cell: Substring) -> String {
        var cell = cell.drop { $0 == " " || $0 == "\t" || $0 == "\"" }
        while let last = cell.last, last == " " || last == "\t" || last == "\"" { cell.removeLast() }
        return String(cell)
    }

    private static func header(_ cells: [String]) -> (arrival: Int, prompt: Int, output: Int)? {
        func find(_ words: [String]) -> Int? {
            cells.firstIndex { cell in
                let name = cell.lowercased()
                return words.contains { name.contains($0) }
            }
        }
        guard let arrival = find(["arriv", "time"]), let prompt = find(["prompt", "input", "context"]),
            let output = find(["output", "generated"])
        else {
            return nil
        }
        return (arrival, prompt, output)
    }

    /// Seconds, or a date and time as seconds since 1970 (proleptic Gregorian, no time zone).
    private static func seconds(_ cell: String) -> Double? {
        if let number = Double(cell) { return number.isFinite && abs(number) < 1e12 ? number : nil }
        let parts = cell.split(whereSeparator: { $0 == " " || $0 == "T" })
        guard parts.count == 2 else { return nil }
        let date = parts[0].split(separator: "-").compactMap { Int($0) }
        // A zone at the end ("+00:00", "Z") is the same for all lines: left out.
        let clock = parts[1].prefix { $0 != "+" && $0 != "Z" }.split(separator: ":").compactMap { Double($0) }
        guard date.count == 3, clock.count == 3, (1...9999).contains(date[0]), (1...12).contains(date[1]), (1...31).contains(date[2]) else {
            return nil
        }
        // Days by the civil calendar, years beginning in March.
        let year = date[1] <= 2 ? date[0] - 1 : date[0], month = (date[1] + 9) % 12
        let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + date[2] - 1 - 719_468
        return Double(days) * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    }
}
