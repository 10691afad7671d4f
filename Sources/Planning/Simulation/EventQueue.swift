/// What happens next: events by time, equal times in the order they were scheduled.
struct EventQueue {
    enum Kind: UInt8 {
        /// The first stage of a pipeline is free for the next step.
        case firstStageFree
        /// The oldest step in flight left the last stage.
        case stepEnd
        /// A replica of a new plan has its weights.
        case ready
    }

    struct Event {
        var seconds: Double
        var order: UInt64
        var replica: Int
        var kind: Kind

        static func < (a: Event, b: Event) -> Bool { a.seconds != b.seconds ? a.seconds < b.seconds : a.order < b.order }
    }

    private var heap: [Event] = []
    private var scheduled: UInt64 = 0

    var next: Double { heap.first?.seconds ?? .infinity }

    mutating func schedule(_ kind: Kind, of replica: Int, at seconds: Double) {
        scheduled += 1
        var place = heap.count
        let event = Event(seconds: seconds, order: scheduled, replica: replica, kind: kind)
        heap.append(event)
        while place > 0 {
            let parent = (place - 1) / 2
            guard event < heap[parent] else { break }
            heap[place] = heap[parent]
            place = parent
        }
        heap[place] = event
    }

    mutating func pop() -> Event? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        var place = 0
        while true {
            var child = 2 * place + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < last else { break }
            heap[place] = heap[child]
            place = child
        }
        heap[place] = last
        return first
    }
}
