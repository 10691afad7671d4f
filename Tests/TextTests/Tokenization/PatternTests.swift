import Testing

@testable import Text

/// Patterns against splits worked out by hand or with Oniguruma.
@Suite struct PatternTests {
    static func matches(_ pattern: String, _ text: String) throws -> [String] {
        let pattern = try Pattern(pattern)
        let bytes = Array(text.utf8)
        var state = PatternState()
        state.begin()
        var result: [String] = []
        bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            var from = 0
            while from <= bytes.count, let match = pattern.firstMatch(in: base, lower: 0, from: from, upper: bytes.count, state: &state) {
                result.append(String(decoding: bytes[match.start..<match.end], as: UTF8.self))
                from = max(match.end, match.start + 1)
            }
        }
        return result
    }

    @Test(arguments: [
        (#"\s+(?!\S)|\s+|\S+"#, "a   b \n", ["a", "  ", " ", "b", " \n"]),
        (#"a|ab|c"#, "abc", ["a", "c"]),
        (#"(?:ab|a)(?:c|bcd)"#, "abcd", ["abc"]),
        (#"a+?b|a"#, "aaab", ["aaab"]),
        (#"(?i:'s|'t)"#, "'S 'ſ 't", ["'S", "'ſ", "'t"]),
        (#"[^\W\d_]+"#, "ab1_cd é", ["ab", "cd", "é"]),
        (#"[\p{L}&&[^\p{Lu}]]+"#, "aBcD", ["a", "c"]),
        (#"\p{N}{1,3}"#, "12345", ["123", "45"]),
        (#"\p{N}{2}+"#, "12345", ["1234"]),
        (#"[a-z]++[a-z]"#, "abc", []),
        (#"(?<=x)y|^a|b$"#, "ayxyb", ["a", "y", "b"]),
        (#"\bfoo\b"#, "foo food foo", ["foo", "foo"]),
        (#"[\]\-a]+|\{,3}"#, "a-]{,3}", ["a-]", "{,3}"]),
        (#"\p{Han}+"#, "ab我想cd", ["我想"]),
        (#"[^(\s|[.,]。)]+"#, "ab.c,d|e。", ["ab", "c", "d", "e"]),
    ])
    func finds(_ pattern: String, _ text: String, _ expected: [String]) throws {
        #expect(try Self.matches(pattern, text) == expected)
    }

    @Test(arguments: [
        #"(?:\s+(?#\"#,
        "(", ")", "[", "[b-a]", "a**{", "*a", #"\1"#, #"\p{Nonsense}"#, "(?>a)", "(?!a*)", "(?<=ab)", "(a*)*", "(?=a)+", #"\q"#, "a{1001}",
        "(?:(?:(?:a{1000}){1000}){1000})", String(repeating: "(", count: 1000), #"\x{110000}"#,
    ])
    func refuses(_ pattern: String) {
        #expect(throws: PatternError.self) { try Pattern(pattern) }
    }

    /// Patterns that take plain backtracking exponential or quadratic time.
    @Test(arguments: ["(?:a|a)*b", "(?:a+a+)+b", "a+b", "a*a*a*a*b", "[^b]++b", "(?:aa|a)+?b"])
    func isLinear(_ pattern: String) throws {
        #expect(try Self.matches(pattern, String(repeating: "a", count: 5_000)).isEmpty)
        #expect(try Self.matches(pattern, String(repeating: "a", count: 5_000) + "b").count == 1)
    }
}
