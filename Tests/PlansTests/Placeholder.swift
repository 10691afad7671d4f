import Testing

@Suite struct PlansPlaceholder {
    @Test func builds() {}
}
