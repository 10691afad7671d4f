/// What a GPU may be given of a module that it shares with the processor.
struct OffloadUnits: Equatable {
    /// Whole grains.
    var grains: Int
    /// Of the module.
    var share: Double
}
