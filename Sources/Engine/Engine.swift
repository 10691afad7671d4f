/// Runs requests on one executor: a thread of its own owns scheduler, executor and sampler; requests and cancellations come in from any
/// thread, events go out from the engine's.
///
///     let engine = try Engine(options: options) { try Executor(...) }
///     let generation = engine.generate(GenerationRequest(prompt: tokens))
///     while let event = generation.next() { ... }
///
/// Ends its thread when it is released or `stop` is called.
public final class Engine: Sendable {
    private enum Command: Sendable {
        case submit(GenerationRequest, GenerationID, @Sendable (GenerationEvent) -> Void)
        case cancel(GenerationID)
    }

    private struct Inbox: Sendable {
        var commands: [Command] = []
        var isStopping = false
        var lastID = 0
    }

    private enum Start: Sendable {
        case pending
        case running
        case failed(any Error)
    }

    private let inbox: Monitor<Inbox>
    private let thread: SystemThread

    /// Starts the thread, makes the executor on it and waits until it is ready.
    /// - Throws: what `makeExecutor` throws.
    public init(options: EngineOptions, makeExecutor: @escaping @Sendable () throws -> any StepExecutor) throws {
        let inbox = Monitor(Inbox())
        let start = Monitor(Start.pending)
        self.inbox = inbox
        thread = SystemThread {
            do {
                let loop = EngineLoop(executor: try makeExecutor(), options: options)
                start.update { $0 = .running }
                Self.serve(loop, inbox)
            } catch {
                start.update { $0 = .failed(error) }
            }
        }
        let failure: (any Error)? = start.wait { state in
            switch state {
            case .pending: nil
            case .running: .some(nil)
            case .failed(let error): .some(error)
            }
        }
        if let failure {
            thread.join()
            throw failure
        }
    }

    deinit { inbox.update { $0.isStopping = true } }

    /// Starts a request. `onEvent` is called on the engine's thread and must return soon.
    @discardableResult
    public func generate(_ request: GenerationRequest, onEvent: @escaping @Sendable (GenerationEvent) -> Void) -> GenerationID {
        let id: GenerationID? = inbox.update { inbox in
            if inbox.isStopping { return nil }
            inbox.lastID += 1
            inbox.commands.append(.submit(request, GenerationID(rawValue: inbox.lastID), onEvent))
            return GenerationID(rawValue: inbox.lastID)
        }
        guard let id else {
            onEvent(.failed(.stopped))
            return GenerationID(rawValue: 0)
        }
        return id
    }

    /// Ends a request after the step in progress; its last event is `finished` with reason `cancelled`. Unknown ids are ignored.
    public func cancel(_ id: GenerationID) { inbox.update { $0.commands.append(.cancel(id)) } }

    /// Fails what is running and ends the thread; waits for it. Call at most once, not from an event.
    public func stop() {
        inbox.update { $0.isStopping = true }
        thread.join()
    }

    private static func serve(_ loop: EngineLoop, _ inbox: Monitor<Inbox>) {
        while true {
            let isIdle = loop.isIdle
            let commands: [Command]? = inbox.wait { inbox in
                if inbox.isStopping { return .some(nil) }
                if inbox.commands.isEmpty { return isIdle ? nil : .some([]) }
                defer { inbox.commands = [] }
                return inbox.commands
            }
            guard let commands else { break }
            for command in commands {
                switch command {
                case .submit(let request, let id, let onEvent): loop.submit(request, id: id, onEvent: onEvent)
                case .cancel(let id): loop.cancel(id)
                }
            }
            _ = loop.step()
        }
        loop.fail(.stopped)
        let left = inbox.update { inbox in
            defer { inbox.commands = [] }
            return inbox.commands
        }
        for case .submit(_, _, let onEvent) in left { onEvent(.failed(.stopped)) }
    }
}
