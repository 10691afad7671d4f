/// The best chain of tensor-parallel groups through machines in a given order: a dynamic programme over (machine, devices used there,
/// layers placed).
///
/// Exact for the order: any division of each machine's devices into groups, any layer counts, any devices, groups or machines left out. A
/// stage of n layers costs `fixed` + n `each`, so the best predecessor of every layer count is a sliding window's minimum: O(machines x
/// device states x groups x layers), tens of microseconds for a machine of eight equal devices.
struct ChainSearch {
    /// A group as this search sees it.
    struct Option {
        /// Index of the group in the caller's table.
        var group: Int
        /// What it adds to the machine's state: devices used, in the mixed radix of the machine's pools.
        var offset: Int
        var takes: [Int]
        var fixed: Double
        var each: Double
        /// What the last stage pays beside its layers.
        var output: Double
        /// Layers it may have, by which ends of the model it holds (`TensorGroup.Ends` raw values).
        var most: [Int]
    }

    struct Machine {
        /// Devices by pool.
        var counts: [Int]
        var options: [Option]
        /// Seconds between two groups of this machine.
        var hop: Double

        var states: Int { counts.reduce(1) { $0 * ($1 + 1) } }
    }

    struct Chain: Equatable {
        struct Link: Equatable {
            /// Index into the machines given.
            var machine: Int
            var group: Int
            var layers: Int
        }

        var links: [Link]
        var cost: Double
    }

    let layers: Int

    /// - Parameters:
    ///   - order: machines in the order of the pipeline.
    ///   - hop: seconds from the machine at one index of `order` to one at a later.
    func best(_ order: [Machine], hop: (Int, Int) -> Double) -> Chain? {
        let width = layers + 1
        // What is known when leaving a machine: least cost and state by layers.
        var leaving: [(cost: [Double], state: [Int])] = []
        var tables: [Table] = []
        var entered: [[Int]] = []
        var queue = Array(repeating: 0, count: width)
        for (index, machine) in order.enumerated() {
            var entry = Array(repeating: Double.infinity, count: width)
            var from = Array(repeating: -1, count: width)
            entry[0] = 0
            for earlier in 0..<index {
                let between = hop(earlier, index)
                for count in 1..<max(1, layers) {
                    let cost = leaving[earlier].cost[count] + between
                    if cost < entry[count] { (entry[count], from[count]) = (cost, earlier) }
                }
            }
            let table = fill(machine, entry: entry, queue: &queue)
            var cost = Array(repeating: Double.infinity, count: width), state = Array(repeating: 0, count: width)
            for s in 1..<max(1, table.states) {
                for count in 1..<width where table.cost[s * width + count] < cost[count] {
                    (cost[count], state[count]) = (table.cost[s * width + count], s)
                }
            }
            leaving.append((cost, state))
            tables.append(table)
            entered.append(from)
        }
        guard let last = order.indices.min(by: { leaving[$0].cost[layers] < leaving[$1].cost[layers] }), leaving[last].cost[layers].isFinite
        else {
            return nil
        }
        var links: [Chain.Link] = []
        var machine = last, count = layers, state = leaving[last].state[layers]
        while true {
            while state > 0 {
                let step = tables[machine].step[state * width + count]
                let option = order[machine].options[Int(step >> 16)], placed = Int(step & 0xffff)
                links.append(.init(machine: machine, group: option.group, layers: placed))
                state -= option.offset
                count -= placed
            }
            guard count > 0 else { break }
            machine = entered[machine][count]
            state = leaving[machine].state[count]
        }
        return Chain(links: links.reversed(), cost: leaving[last].cost[layers])
    }

    private func fits(_ used: [Int], _ more: [Int], _ counts: [Int]) -> Bool {
        for index in counts.indices where used[index] + more[index] > counts[index] { return false }
        return true
    }

    private struct Table {
        var states: Int
        var cost: [Double]
        /// How a state was reached: option << 16 | layers placed.
        var step: [Int32]
    }

    private func fill(_ machine: Machine, entry: [Double], queue: inout [Int]) -> Table {
        let width = layers + 1, states = machine.states
        var cost = Array(repeating: Double.infinity, count: states * width)
        var step = Array(repeating: Int32(0), count: states * width)
        for count in 0..<width { cost[count] = entry[count] }
        // Devices used of each pool, by state.
        var used: [[Int]] = []
        for state in 0..<states {
            var rest = state
            used.append(
                machine.counts.map { count in
                    defer { rest /= count + 1 }
                    return rest % (count + 1)
                })
        }
        cost.withUnsafeMutableBufferPointer { cost in
            step.withUnsafeMutableBufferPointer { step in
                queue.withUnsafeMutableBufferPointer { queue in
                    for state in 0..<states {
                        let row = state * width
                        var least = width, most = -1
                        for count in 1..<max(1, layers) where cost[row + count] < .infinity {
                            least = min(least, count)
                            most = count
                        }
                        guard state == 0 || most >= 0 else { continue }
                        for number in machine.options.indices {
                            let option = machine.options[number]
                            guard fits(used[state], option.takes, machine.counts) else { continue }
                            let target = (state + option.offset) * width
                            let fixed = option.fixed + (state == 0 ? 0 : machine.hop)
                            let code = Int32(number) << 16
                            func relax(_ count: Int, _ value: Double, _ placed: Int) {
                                if value < cost[target + count] {
                                    (cost[target + count], step[target + count]) = (value, code | Int32(placed))
                                }
                            }
                            if state == 0 && cost[row] < .infinity {
                                if layers > 1 {
                                    for placed in 1..<max(2, min(option.most[1], layers - 1) + 1) where placed <= option.most[1] {
                                        relax(placed, cost[row] + fixed + Double(placed) * option.each, placed)
                                    }
                                }
                                if option.most[3] >= layers {
                                    relax(layers, cost[row] + fixed + Double(layers) * option.each + option.output, layers)
                                }
                            }
                            guard most >= 0 else { continue }
                            // Before the last layer: the best of the window of layer counts that the group can continue from.
                            let window = option.most[0]
                            if window > 0 {
                                var head = 0, tail = 0
                                for count in (least + 1)..<max(least + 1, layers) {
                                    let arriving = count - 1
                                    if arriving <= most {
                                        let key = cost[row + arriving] - Double(arriving) * option.each
                                        if key < .infinity {
                                            while tail > head, cost[row + queue[tail - 1]] - Double(queue[tail - 1]) * option.each >= key {
                                                tail -= 1
                                            }
                                            queue[tail] = arriving
                                            tail += 1
                                        }
                                    }
                                    while head < tail, queue[head] < count - window { head += 1 }
                                    guard head < tail else { continue }
                                    let before = queue[head]
                                    relax(count, cost[row + before] + fixed + Double(count - before) * option.each, count - before)
                                }
                            }
                            for before in max(
                                least, layers - option.most[2])..<max(max(least, layers - option.most[2]), min(most + 1, layers))
                            {
                                let value = cost[row + before]
                                if value < .infinity {
                                    relax(layers, value + fixed + Double(layers - before) * option.each + option.output, layers - before)
                                }
                            }
                        }
                    }
                }
            }
        }
        return Table(states: states, cost: cost, step: step)
    }
}
