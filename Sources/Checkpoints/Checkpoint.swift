/// Placeholder for the opened checkpoint: the Checkpoints author replaces this file.
public final class Checkpoint: Sendable {
    init() {}
}
