import Glibc
import JSON

extension BatchJob {
    /// A request that the engine has.
    private struct Running {
        var customID: String
        var request: OpenAIRequest
        var id: GenerationID
        var collector: Collector
    }

    /// What has come of a request: written on the engine's thread, read once its end is in the inbox.
    private final class Collector: @unchecked Sendable {
        var reply = Reply()
        var failure: GenerationError?
    }

    /// Requests that wait in the engine, so that one that ends is followed at once.
    private var window: Int { options.parallel + max(2, options.parallel / 2) }

    /// Answers everything that has no answer yet; returns early where it was cancelled.
    /// - Throws: `BatchError.interrupted` where the work cannot go on.
    public func run() throws(BatchError) -> BatchProgress {
        var running: [Int: Running] = [:]
        do {
            var next = 0
            while true {
                while running.count < window, next < input.count, !isCancelled {
                    if !output.isDone[next] { running[next] = try start(next) }
                    next += 1
                }
                note { $0.running = running.count }
                if running.isEmpty || isCancelled { break }
                // All of them first: what has ended is not waited for again, whatever becomes of its answer.
                let ended = waitForEnds().compactMap { running.removeValue(forKey: $0) }
                for request in ended { try finish(request) }
            }
        } catch {
            abandon(running)
            throw error
        }
        abandon(running)
        note { $0.running = 0 }
        return progress
    }

    private var isCancelled: Bool { inbox.update { $0.isCancelled } }

    private func waitForEnds() -> [Int] {
        inbox.wait { inbox in
            if inbox.ended.isEmpty, !inbox.isCancelled { return nil }
            defer { inbox.ended = [] }
            return inbox.ended
        }
    }

    /// Hands a line's request to the engine, or answers it at once where there is something wrong with it: then nil.
    private func start(_ index: Int) throws(BatchError) -> Running? {
        let line = try input.line(index)
        do {
            let request = try line.request()
            var settings = request.settings(options.defaults)
            if request.sampling.seed == nil { settings.sampling.seed = seed(line.customID) }
            let generation = try request.prompt(for: model).request(settings)
            let collector = Collector()
            let id = engine.generate(generation) { [inbox, figures] event in
                do throws(GenerationError) { try collector.reply.add(event) } catch { collector.failure = error }
                switch event {
                case .token: figures.update { $0.generatedTokens += 1 }
                case .finished, .failed: inbox.update { $0.ended.append(index) }
                case .prefilled: break
                }
            }
            return Running(customID: line.customID, request: request, id: id, collector: collector)
        } catch {
            let fault =
                error as? OpenAIError ?? (error as? GenerationError).map { OpenAIError($0) } ?? OpenAIError(String(describing: error))
            try write(BatchAnswer(customID: line.customID, outcome: .failure(fault)))
            return nil
        }
    }

    /// The seed of a line that names none: below 2^53, so that every reader of JSON reads it as it is.
    private func seed(_ customID: String) -> UInt64 { StableHash.value(of: customID, seed: options.seed) >> 11 }

    private func finish(_ running: Running) throws(BatchError) {
        let reply = running.collector.reply
        switch running.collector.failure {
        case .execution(let what): throw .interrupted(what)
        case .stopped: throw .interrupted(GenerationError.stopped.description)
        case let failure?: try write(BatchAnswer(customID: running.customID, outcome: .failure(OpenAIError(failure))))
        case nil:
            guard let summary = reply.summary else { return }
            let response = OpenAIResponse(
                to: running.request, id: BatchAnswer.identifier(running.customID), created: time(nil), model: model.responseName,
                reply: reply, summary: summary)
            do {
                let body = try response.json(text: model.text)
                note { $0.promptTokens += summary.promptTokens }
                try write(BatchAnswer(customID: running.customID, outcome: .success(body)))
            } catch { throw error as? BatchError ?? .interrupted(String(describing: error)) }
        }
    }

    private func write(_ answer: BatchAnswer) throws(BatchError) {
        try output.append(answer.json.serialized())
        note { progress in
            progress.written += 1
            if case .failure = answer.outcome { progress.failed += 1 }
        }
    }

    /// Ends what runs and waits for it: nothing of it is written.
    private func abandon(_ running: [Int: Running]) {
        var left = Set(running.keys)
        for request in running.values { engine.cancel(request.id) }
        while !left.isEmpty {
            let ended = inbox.wait { inbox -> [Int]? in
                if inbox.ended.isEmpty { return nil }
                defer { inbox.ended = [] }
                return inbox.ended
            }
            left.subtract(ended)
        }
    }
}
