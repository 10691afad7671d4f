import Testing

@Suite struct KernelsPlaceholder {
    @Test func builds() {}
}
