import Plans

/// Devices of one kind in one machine: interchangeable.
struct DevicePool: Sendable {
    var machine: Int
    var devices: [Int]

    /// The pools of a problem's main devices, in the order of devices.
    static func all(_ problem: Problem) -> [DevicePool] {
        let hardware = problem.hardware
        var pools: [DevicePool] = []
        for device in problem.mainDevices {
            let own = hardware.devices[device]
            let found = pools.firstIndex { pool in
                let other = hardware.devices[pool.devices[0]]
                return pool.machine == own.machine && other.profile.isLike(own.profile)
                    && hardware.memories[other.memory].capacity == hardware.memories[own.memory].capacity
            }
            if let found {
                pools[found].devices.append(device)
            } else {
                pools.append(DevicePool(machine: own.machine, devices: [device]))
            }
        }
        return pools
    }
}
