import JSON
import Testing

@testable import Engine

/// What is refused before any work, and what is kept of an input.
@Suite struct BatchInputTests {
    private func complaints(_ text: String) throws -> [String] {
        let files = try BatchFiles()
        try files.writeInput(text)
        do {
            _ = try BatchInput(path: files.input)
            return []
        } catch BatchError.badInput(_, let complaints, let more) {
            return complaints + (more > 0 ? ["\(more) more"] : [])
        }
    }

    @Test func linesThatNobodyCouldAnswerAreNamed() throws {
        let good = BatchFiles.line("a", #"{"prompt": "x"}"#)
        #expect(try complaints(good) == [])
        #expect(try complaints("") == [])
        let found = try complaints(
            good + "\n  \r\n" + "{\"custom_id\": \"b\"\n" + "[1]\n" + "{}\n" + "{\"custom_id\": null}\n" + "{\"custom_id\": 5}\n"
                + "{\"custom_id\": \"\"}\n" + "{\"custom_id\": \"c\"} {}\n" + "{\"custom_id\": \"\u{1}\"}\n" + good)
        #expect(found.count == 9)
        for (complaint, (line, word)) in zip(
            found,
            [
                (4, "invalid JSON"), (5, "no JSON object"), (6, "lacks custom_id"), (7, "lacks custom_id"), (8, "no string"), (9, "empty"),
                (10, "more follows"), (11, "invalid JSON"), (12, "line 1"),
            ])
        { #expect(complaint.hasPrefix("line \(line): ") && complaint.contains(word), "\(complaint)") }
        #expect(try complaints(good + "\u{FF}").isEmpty == false)
        // Nothing but the custom_id is looked at: the rest is for answers.
        #expect(try complaints("{\"custom_id\": \"a\"}\n{\"custom_id\": \"b\", \"body\": 5}") == [])
    }

    @Test func duplicatesNameBothLines() throws {
        let text = "\n\n{\"custom_id\": \"a\"}\n\n{\"custom_id\": \"é\"}\n{\"custom_id\": \"e\u{301}\"}\n{\"custom_id\": \"\\u00e9\"}\n"
        #expect(try complaints(text) == ["line 7: custom_id \"é\" is that of line 5 too"])
        let many = (0..<3000).map { "{\"custom_id\": \"\($0 % 1500)\"}\n" }.joined()
        let found = try complaints(many)
        #expect(found.count == 21 && found[0] == "line 1501: custom_id \"0\" is that of line 1 too" && found[20] == "1480 more")
    }

    @Test func filesThatAreNoneAreRefused() throws {
        let files = try BatchFiles()
        for path in [files.directory, files.directory + "/nothing", "/dev/null"] {
            #expect(throws: BatchError.self) { _ = try BatchInput(path: path) }
        }
    }

    /// Lines of every length around the scanner's buffer, read again in any order.
    @Test func linesAreReadAgain() throws {
        let files = try BatchFiles()
        let lengths = [0, 1, 7, (1 << 20) - 60, 1 << 20, (1 << 20) + 1, 3 << 20, 5]
        let text = lengths.enumerated().map { index, length in
            "{\"custom_id\": \"\(index)\", \"body\": \"\(String(repeating: "x", count: length))\"}" + (index % 2 == 0 ? "\n" : "\r\n\n")
        }.joined()
        try files.writeInput(String(text.dropLast(1)))
        let input = try BatchInput(path: files.input)
        #expect(input.count == lengths.count)
        for index in [7, 0, 6, 3, 5, 1, 4, 2] {
            let line = try input.line(index)
            #expect(line.customID == "\(index)" && line.members["body"]?.string?.utf8.count == lengths[index])
        }
        // A file that has changed is noticed.
        try files.writeInput(String(repeating: "{}\n", count: 5 << 20))
        #expect(throws: BatchError.self) { _ = try input.line(1) }
        try files.writeInput("")
        #expect(throws: BatchError.self) { _ = try input.line(1) }
    }

    @Test func idsAreFoundAgain() {
        var table = CustomIDTable()
        for number in 0..<5000 { #expect(table.add("id \(number)") == nil) }
        for number in 0..<5000 { #expect(table.find("id \(number)") == number) }
        #expect(table.find("id 5000") == nil && table.add("id 77") == 77 && table.count == 5000)
    }

    @Test func theCacheHasRoomForUsualLinesAndTheLongest() {
        var need = BatchNeed()
        for _ in 0..<100 { need.add(bytes: 300, maximumTokens: 100) }
        need.add(bytes: 9000, maximumTokens: 1000)
        #expect(need.longest == 10_000)
        #expect(need.cacheTokens(sequences: 1, context: 10_000) == 10_000)
        let many = need.cacheTokens(sequences: 64, context: 10_000)
        #expect(many > 64 * 200 && many < 64 * 400)
        // A length that nobody means, and none at all.
        need.add(bytes: 10, maximumTokens: .max)
        #expect(need.longest < 1 << 25)
    }

    @Test func hashesAreTheSameEverywhere() {
        #expect(StableHash.value(of: "request-1") == StableHash.value(of: "request-1"))
        #expect(StableHash.value(of: "request-1") != StableHash.value(of: "request-1", seed: 1))
        #expect(BatchAnswer.identifier("request-1") == "bd3bf0c72e84ab15")
    }
}
