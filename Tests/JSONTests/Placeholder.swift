import Testing

@Suite struct JSONPlaceholder {
    @Test func builds() {}
}
