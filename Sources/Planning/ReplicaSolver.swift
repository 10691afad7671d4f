import Models
import Plans

/// The best pipelines of tensor-parallel groups for a set of devices.
///
/// For every order of the machines (all of few, else nearest neighbours) a dynamic programme over devices and layers (`ChainSearch`): exact
/// in the division into groups of any degree, also over unlike devices of one machine with shares by their speeds, in layer counts, and in
/// what is left out. Sets of like devices between like links are solved once.
final class ReplicaSolver {
    let problem: Problem
    let pools: [DevicePool]
    /// Sequences a replica must have room for.
    let sequences: Double
    let criteria: Criteria
    /// Pools that are searched together: a machine's, or one alone where a machine has many kinds.
    private(set) var blocks: [[Int]] = []
    var blockOf: [Int] = []
    private(set) var groups: [[Group]] = []
    var poolClass: [Int] = []
    var linkClass: [Int] = []
    private var shapes: [[Int]: ReplicaShape] = [:]
    private var located: [[Int]: LocatedShape] = [:]
    private(set) var shapeCount = 0
    /// Groups made of like devices, one device of each kind, and the fastest links between blocks.
    var made: [[Int]: TensorGroup] = [:]
    var singles: [Int: TensorGroup] = [:]
    var hops: [Int: BoundaryLink] = [:]

    /// A group with what it takes of its block's pools.
    struct Group {
        var model: TensorGroup
        var takes: [Int]
        var offset: Int
        var most: [[Int]]
        var lone: (fixed: Double, each: Double, output: Double)
        var work: (fixed: Double, each: Double, output: Double)
    }

    /// A safety: what is solved for so many machines that one set takes long ends with fewer orders.
    let deadline: Deadline

    init(_ problem: Problem, sequences: Double, deadline: Deadline = Deadline(seconds: .infinity)) {
        self.problem = problem
        self.deadline = deadline
        self.sequences = sequences
        pools = DevicePool.all(problem)
        criteria = Criteria(problem, sequences: sequences)
        for machine in Set(pools.map(\.machine)).sorted() {
            let own = pools.indices.filter { pools[$0].machine == machine }
            if own.reduce(1, { min(10_000, $0 * (pools[$1].devices.count + 1)) }) <= 400 {
                blocks.append(own)
            } else {
                blocks += own.map { [$0] }
            }
        }
        blockOf = Array(repeating: 0, count: pools.count)
        for (index, block) in blocks.enumerated() { for pool in block { blockOf[pool] = index } }
        classify()
        groups = blocks.map(makeGroups)
    }

    // MARK: Like sets

    func classify() {
        let hardware = problem.hardware
        func alike(_ a: Int, _ b: Int) -> Bool {
            let (x, y) = (hardware.devices[pools[a].devices[0]], hardware.devices[pools[b].devices[0]])
            let (m, n) = (hardware.profile.machines[x.machine], hardware.profile.machines[y.machine])
            return x.profile.isLike(y.profile) && hardware.memories[x.memory].capacity == hardware.memories[y.memory].capacity
                && m.stepOverhead == n.stepOverhead && m.memory.bytesPerSecond == n.memory.bytesPerSecond
        }
        for pool in pools.indices { poolClass.append((0..<pool).first { alike($0, pool) } ?? pool) }
        var links: [LinkProfile] = []
        for a in pools {
            for b in pools {
                guard a.machine != b.machine else {
                    linkClass.append(-1)
                    continue
                }
                let link = hardware.machineLink(a.machine, b.machine)
                if let found = links.firstIndex(of: link) {
                    linkClass.append(found)
                } else {
                    linkClass.append(links.count)
                    links.append(link)
                }
            }
        }
    }

    func distance(_ a: Int, _ b: Int) -> Double { a == b ? 0 : problem.hardware.machineLink(a, b).seconds(bytes: 65536) }

    /// - Parameter counts: devices taken of each pool.
    /// - Returns: pipelines worth having for these devices, on the trade-off between a lone request's time and what is sustained; no
    ///   choices where the model does not fit.
    func solve(_ counts: [Int]) -> LocatedShape {
        if let found = located[counts] { return found }
        // Like blocks by what is taken of them, so that alike sets have one key.
        func rank(_ pool: Int) -> [Int] {
            let block = blocks[blockOf[pool]]
            return block.map { poolClass[$0] } + [-1] + block.map { counts[$0] } + [blockOf[pool], pool]
        }
        let used = counts.indices.filter { counts[$0] > 0 }.map { (rank($0), $0) }.sorted { $0.0.lexicographicallyPrecedes($1.0) }.map(\.1)
        var key: [Int] = []
        for pool in used { key += [poolClass[pool], counts[pool]] }
        for (index, a) in used.enumerated() { for b in used[(index + 1)...] { key.append(linkClass[a * pools.count + b]) } }
        let shape: ReplicaShape
        if let found = shapes[key] {
            shape = found
        } else {
            shape = ReplicaShape(id: shapeCount, choices: choices(counts, used))
            shapeCount += 1
            shapes[key] = shape
        }
        let result = LocatedShape(shape: shape, pools: used)
        located[counts] = result
        return result
    }
}
