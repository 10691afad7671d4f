import Plans

extension Problem {
    /// A plan with another block or other slices for one of its replicas, whose schedule is then made anew.
    func changed(_ plan: Plan, replica index: Int, block: BlockGeometry? = nil, sliceTables: [SliceTable]? = nil) -> Plan {
        guard var layout = try? ReplicaLayout(plan.replicas[index], shape: shape) else { return plan }
        if let block { layout.block = block }
        if let sliceTables { layout.sliceTables = sliceTables }
        var plan = plan
        plan.replicas[index] = realiser.replica(layout)
        return plan
    }
}
