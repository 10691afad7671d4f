import Plans

/// The way of hidden states from one device to another, and how they are written on it.
struct BoundaryLink: Equatable {
    var link: LinkProfile
    var format: HiddenFormat

    /// Seconds for so many elements.
    func seconds(elements: Double) -> Double { link.seconds(bytes: elements * Double(format.bytes)) }
}

extension Hardware {
    /// From a stage's device to the next stage's; a device has what it computed itself.
    func boundary(_ from: Int, _ to: Int) -> BoundaryLink {
        BoundaryLink(
            link: from == to ? LinkProfile(bytesPerSecond: 1e12, latency: 0) : link(from, to),
            format: HiddenFormat(crossesMachines: devices[from].machine != devices[to].machine))
    }
}
