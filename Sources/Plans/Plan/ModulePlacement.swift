/// The shards of one module; together they cover it exactly once, in ascending order.
public struct ModulePlacement: Sendable, Equatable {
    public var module: Module
    public var shards: [Shard]

    public init(module: Module, shards: [Shard]) {
        self.module = module
        self.shards = shards
    }
}
