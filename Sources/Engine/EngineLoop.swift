import Plans
import Scheduling

/// What the engine thread does, without the thread: requests in, steps, events out. Not shared.
///
/// A step of decoding sequences allocates nothing here, unless text or log-probabilities are asked for.
final class EngineLoop {
    private let executor: any StepExecutor
    private let sampler: Sampler
    private var scheduler: Scheduler
    private var generations: [RequestID: Generation] = [:]
    private var requests: [GenerationID: RequestID] = [:]
    private let contextLength: Int
    private let modelContextLength: Int

    init(executor: any StepExecutor, options: EngineOptions) {
        self.executor = executor
        sampler = Sampler(vocabularySize: executor.vocabularySize)
        let schedule = executor.schedule.limited(
            sequences: options.sequences, stepTokens: min(options.stepTokens ?? .max, executor.maximumStepTokens),
            stepLogits: executor.maximumLogits, sliceTokens: options.sliceTokens, sharesPrefixes: options.sharesPrefixes)
        scheduler = Scheduler(schedule: schedule)
        contextLength = min(options.contextLength, schedule.capacityTokens)
        modelContextLength = max(options.modelContextLength, contextLength)
    }

    var isIdle: Bool { scheduler.isIdle }
    var statistics: SchedulerStatistics { scheduler.statistics }

    /// Takes a request in; a request that cannot be carried out fails here, before any work.
    func submit(_ request: GenerationRequest, id: GenerationID, onEvent: @escaping @Sendable (GenerationEvent) -> Void) {
        do throws(GenerationError) {
            let maximumTokens = try check(request)
            let stopMatcher = try StopMatcher(request.stopStrings)
            let scheduled: RequestID
            do throws(SchedulingError) {
                scheduled = try scheduler.submit(SequenceRequest(prompt: request.prompt, maximumTokens: maximumTokens))
            } catch {
                throw .invalidParameter(error.description)
            }
            generations[scheduled] = Generation(
                id: id, request: request, maximumTokens: maximumTokens, stopMatcher: stopMatcher, vocabularySize: executor.vocabularySize,
                onEvent: onEvent)
            requests[id] = scheduled
        } catch {
            onEvent(.failed(error))
        }
    }

    /// The most tokens to generate, once everything about the request is found valid.
    private func check(_ request: GenerationRequest) throws(GenerationError) -> Int {
        guard !request.prompt.isEmpty else { throw .emptyPrompt }
        for (position, token) in request.prompt.enumerated() where token < 0 || Int(token) >= executor.vocabularySize {
            throw .invalidToken(id: Int(token), position: position, vocabularySize: executor.vocabularySize)
        }
        try request.sampling.validate(vocabularySize: executor.vocabularySize)
        if let maximum = request.maximumTokens, maximum < 1 {
            throw .invalidParameter("\(maximum) tokens are to be generated; at least 1 must be")
        }
        guard (0...executor.vocabularySize).contains(request.logProbabilities) else {
            throw .invalidParameter("\(request.logProbabilities) log-probabilities per token; from 0 to \(executor.vocabularySize) can be had")
        }
        let room = contextLength - request.prompt.count
        guard room >= 1 else {
            throw .promptTooLong(prompt: request.prompt.count, context: contextLength, modelContext: modelContextLength)
        }
        return min(request.maximumTokens ?? room, room)
    }

    func cancel(_ id: GenerationID) {
        guard let scheduled = requests[id], let generation = generations[scheduled] else { return }
        end(generation, scheduled, .finished(generation.summary(.cancelled)))
    }

    /// Ends everything, for example because the executor failed.
    func fail(_ error: GenerationError) {
        for (scheduled, generation) in generations { end(generation, scheduled, .failed(error)) }
    }

    /// Runs one step. False: there is nothing to do.
    func step() -> Bool {
        guard scheduler.next() else { return false }
        let now = MonotonicClock.seconds()
        for entry in scheduler.step.entries.indices {
            let id = scheduler.request(ofEntry: entry)
            if let generation = generations[id], generation.startSeconds == nil {
                generation.startSeconds = now
                generation.sharedTokens = scheduler.sharedCount(of: id) ?? 0
            }
        }
        do {
            try executor.run(scheduler.step)
        } catch {
            scheduler.complete()
            fail(.execution(String(describing: error)))
            return true
        }
        scheduler.complete()
        var row = 0
        for entry in scheduler.step.entries.indices {
            let scheduled = scheduler.request(ofEntry: entry)
            if scheduler.step.entries[entry].logits.isEmpty {
                if let generation = generations[scheduled] {
                    let end = scheduler.step.entries[entry].start + scheduler.step.entries[entry].tokens.count
                    generation.onEvent(.prefilled(tokens: min(end, generation.request.prompt.count), of: generation.request.prompt.count))
                }
                continue
            }
            let logits = executor.logits(row: row)
            row += scheduler.step.entries[entry].logits.count
            if let generation = generations[scheduled] { advance(generation, scheduled, logits) }
        }
        return true
    }

    private func advance(_ generation: Generation, _ scheduled: RequestID, _ logits: UnsafeBufferPointer<Float>) {
        do throws(GenerationError) {
            let token = try sampler.sample(logits, state: generation.sampling)
            let best = try sampler.logProbabilities(logits, count: generation.request.logProbabilities)
            if let reason = generation.accept(token, logProbabilities: best) {
                end(generation, scheduled, .finished(generation.summary(reason)))
            } else {
                scheduler.append(token, to: scheduled)
            }
        } catch {
            end(generation, scheduled, .failed(error))
        }
    }

    private func end(_ generation: Generation, _ scheduled: RequestID, _ event: GenerationEvent) {
        scheduler.finish(scheduled)
        generations[scheduled] = nil
        requests[generation.id] = nil
        generation.onEvent(event)
    }
}
