/// The working memory of one encoding: taken from the tokenizer's pool and given back, so that nothing is allocated per word.
final class EncodingScratch: @unchecked Sendable {  // Owned by one thread at a time.
    let cache = WordCache()
    var merger = PairMerger()
    var lattice = UnigramModel.Lattice()
    /// One piece in the byte-level alphabet.
    var piece: [UInt8] = []
    /// Per step of splitting, a text that the step has changed.
    var buffers: [[UInt8]]
    /// Per step of splitting. Behind a pointer, as steps call each other while they match.
    let states: UnsafeMutablePointer<PatternState>
    private let stateCount: Int

    init(steps: Int) {
        buffers = Array(repeating: [], count: steps)
        states = .allocate(capacity: max(1, steps))
        states.initialize(repeating: PatternState(), count: max(1, steps))
        stateCount = max(1, steps)
    }

    deinit {
        states.deinitialize(count: stateCount)
        states.deallocate()
    }
}
