import Testing

@Suite struct CheckpointsPlaceholder {
    @Test func builds() {}
}
