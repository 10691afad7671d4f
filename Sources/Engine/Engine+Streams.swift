/// A running request, for a thread that waits for its events.
public final class GenerationStream: Sendable {
    public let id: GenerationID
    private let queue: Monitor<[GenerationEvent]>
    private let engine: Engine

    init(id: GenerationID, queue: Monitor<[GenerationEvent]>, engine: Engine) {
        self.id = id
        self.queue = queue
        self.engine = engine
    }

    /// Waits for events and gives them in order; the last one is `finished` or `failed`, after which none must be waited for.
    public func next() -> [GenerationEvent] {
        queue.wait { events in
            if events.isEmpty { return nil }
            defer { events.removeAll(keepingCapacity: true) }
            return events
        }
    }

    public func cancel() { engine.cancel(id) }
}

extension Engine {
    /// Starts a request whose events a thread will wait for.
    public func generate(_ request: GenerationRequest) -> GenerationStream {
        let queue = Monitor([GenerationEvent]())
        let id = generate(request) { event in queue.update { $0.append(event) } }
        return GenerationStream(id: id, queue: queue, engine: self)
    }

    /// Starts a request as an asynchronous sequence; ending the iteration early cancels the request.
    public func events(_ request: GenerationRequest) -> AsyncStream<GenerationEvent> {
        AsyncStream { continuation in
            let id = generate(request) { event in
                continuation.yield(event)
                switch event {
                case .finished, .failed: continuation.finish()
                case .token, .prefilled: break
                }
            }
            continuation.onTermination = { [weak self] reason in
                if case .cancelled = reason { self?.cancel(id) }
            }
        }
    }
}
