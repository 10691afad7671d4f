import Testing

@testable import Engine

@Suite struct StopMatcherTests {
    /// Feeds a text cut everywhere; gives what was shown and whether it stopped.
    private func run(_ text: String, _ stops: [String], pieces: Int) throws -> (String, Bool) {
        var matcher = try StopMatcher(stops)
        var shown = ""
        var rest = Substring(text)
        while !rest.isEmpty {
            let (part, isStopped) = matcher.feed(String(rest.prefix(pieces)))
            shown += part
            if isStopped { return (shown, true) }
            rest = rest.dropFirst(pieces)
        }
        return (shown + matcher.flush(), false)
    }

    @Test(arguments: 1...5) func theFirstStopStringEnds(pieces: Int) throws {
        #expect(try run("hello world", ["wor"], pieces: pieces) == ("hello ", true))
        #expect(try run("aaab", ["aab"], pieces: pieces) == ("a", true))
        #expect(try run("a###b", ["####", "##b"], pieces: pieces) == ("a#", true))
        #expect(try run("ends wit", ["with"], pieces: pieces) == ("ends wit", false))
        #expect(try run("grüße\n\nmehr", ["\n\n"], pieces: pieces) == ("grüße", true))
        #expect(try run("日本語テキスト", ["テキ"], pieces: pieces) == ("日本語", true))
        #expect(try run("nothing", [], pieces: pieces) == ("nothing", false))
    }

    @Test func whatMayBeginAStopIsHeldBack() throws {
        var matcher = try StopMatcher(["</s>"])
        #expect(matcher.feed("a <").shown == "a ")
        #expect(matcher.feed("/").shown == "")
        #expect(matcher.feed("x").shown == "</x")
    }

    @Test func limitsAreKept() {
        #expect(throws: GenerationError.self) { try StopMatcher([""]) }
        #expect(throws: GenerationError.self) { try StopMatcher([String(repeating: "x", count: 2000)]) }
        #expect(throws: GenerationError.self) { try StopMatcher(Array(repeating: "x", count: 65)) }
    }
}
