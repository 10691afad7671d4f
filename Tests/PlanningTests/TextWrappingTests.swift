import Testing

@testable import Planning

struct TextWrappingTests {
    @Test func proseIsFilledAndTheRestIsLeft() {
        let table = "# a heading of more than twenty\n\n| a row of more | than twenty |\n"
        #expect(Text.wrapped(table + "one two three four five\n\nsix\n", width: 20) == table + "one two three four\nfive\n\nsix\n")
        #expect(Text.wrapped("one two three four five", width: 9) == "one two\nthree\nfour five")
        #expect(Text.wrapped("one two\nthree", width: 20) == "one two three")
        #expect(Text.wrapped("a verylongwordindeed b", width: 9) == "a\nverylongwordindeed\nb")
    }

    @Test func noLineBeginsLikeAListItem() {
        #expect(Text.wrapped("one is 2 - 1", width: 8) == "one is 2 -\n1")
        #expect(Text.wrapped("it is 12. No", width: 5) == "it is 12.\nNo")
    }
}
