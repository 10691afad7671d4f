import Testing

@Suite struct RuntimePlaceholder {
    @Test func builds() {}
}
