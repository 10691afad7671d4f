/// A reader under test: what to start from, and how to feed it.
struct FuzzTarget: Sendable {
    var name: String
    /// Pieces of the format that mutation may insert.
    var words: [String] = []
    /// Valid inputs.
    var seeds: @Sendable () -> [[UInt8]]
    /// Makes every other input pass the format's outermost check again, so that mutations reach deeper.
    var repair: @Sendable (inout [UInt8]) -> Void = { _ in }
    /// Reads one input and everything reachable from it; true where it was accepted. Must return, whatever the input.
    var run: @Sendable (UnsafeRawBufferPointer) -> Bool

    /// Every target: add yours here.
    static let all: [FuzzTarget] = [gguf, safetensors, config, tokenizer, pattern, template, plan, cluster, workload, scenario, batch]
}
