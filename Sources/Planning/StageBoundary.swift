import Plans

/// What is between two stages: the devices that talk, and every link that is the fastest for some message.
struct StageBoundary {
    /// Hardware's indices: the ends of the link that is the fastest for a short message.
    let sender: Int
    let receiver: Int
    let link: BoundaryLink
    /// Other links may be faster for longer messages.
    private let alternatives: [BoundaryLink]

    /// Bytes of the message that decides which devices talk: hidden states of a token or two.
    static let shortMessage = 16384.0

    init(from: [Int], to: [Int], hardware: Hardware) {
        var best: (sender: Int, receiver: Int, link: BoundaryLink)?
        var links: [BoundaryLink] = []
        for a in from {
            for b in to {
                let found = hardware.boundary(a, b)
                if found.link.seconds(bytes: Self.shortMessage) < best?.link.link.seconds(bytes: Self.shortMessage) ?? .infinity {
                    best = (a, b, found)
                }
                let isBeaten = links.contains {
                    $0.link.bytesPerSecond >= found.link.bytesPerSecond && $0.link.latency <= found.link.latency
                }
                if !isBeaten { links.append(found) }
            }
        }
        sender = best?.sender ?? 0
        receiver = best?.receiver ?? 0
        link = best?.link ?? BoundaryLink(link: LinkProfile(bytesPerSecond: 1, latency: 60), format: .f16)
        alternatives = links
    }

    /// Seconds for so many elements of hidden states.
    func seconds(elements: Double) -> Double { alternatives.reduce(.infinity) { min($0, $1.seconds(elements: elements)) } }

    var planned: Boundary { Boundary(sender: DeviceID(sender), receiver: DeviceID(receiver), format: link.format) }
}
