import Models
import Plans

extension KeyValueShare {
    /// What it holds of its layers' keys and values: of the heads, and of the sequences that are in its pool.
    func part(of shape: ModelShape, _ schedule: ReplicaSchedule) -> Double {
        let all = layers.lowerBound < shape.layerCount ? shape.layer(layers.lowerBound).attention.keyValueHeadCount : 1
        let ofSequences = schedule.pools.indices.contains(pool) ? Double(schedule.pools[pool]) / Double(max(1, schedule.blockCount)) : 0
        return Double(heads.count) / Double(max(1, all)) * ofSequences
    }
}
