import Testing

@Suite struct TextPlaceholder {
    @Test func builds() {}
}
