import Testing

@Suite struct SchedulingPlaceholder {
    @Test func builds() {}
}
