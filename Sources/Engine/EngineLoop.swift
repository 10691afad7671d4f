import Plans
import Runtime
import Scheduling

/// What the engine thread does, without the thread: requests in, steps, events out. Not shared.
///
/// Up to `stepsInFlight` steps are with the executor; their tokens are chosen and the next step decided when the oldest has run.
///
/// A step of decoding sequences allocates nothing here, unless text or log-probabilities are asked for.
final class EngineLoop {
    private let executor: any StepExecutor
    private let sampler: Sampler
    private var scheduler: Scheduler
    private var steps: StepsInFlight
    private var generations: [RequestID: Generation] = [:]
    private var requests: [GenerationID: RequestID] = [:]
    private let contextLength: Int
    private let modelContextLength: Int

    init(executor: any StepExecutor, options: EngineOptions) {
        self.executor = executor
        sampler = Sampler(vocabularySize: executor.vocabularySize)
        steps = StepsInFlight(executor: executor)
        let schedule = executor.schedule.limited(
            sequences: options.sequences, stepTokens: options.stepTokens, sliceTokens: options.sliceTokens,
            stepsInFlight: options.stepsInFlight,
            sharesPrefixes: options.sharesPrefixes)
        scheduler = Scheduler(schedule: schedule)
        contextLength = min(options.contextLength, schedule.capacityTokens)
        modelContextLength = max(options.modelContextLength, contextLength)
    }

    /// Whether there is nothing to do until a request comes: also no step in flight, whose requests may all have been cancelled.
    var isIdle: Bool { scheduler.isIdle && steps.isEmpty }
    var statistics: SchedulerStatistics { scheduler.statistics }

    /// Takes a request in; a request that cannot be carried out fails here, before any work.
    func submit(_ request: GenerationRequest, id: GenerationID, onEvent: @escaping @Sendable (GenerationEvent) -> Void) {
        do throws(GenerationError) {
            let maximumTokens = try check(request)
            let stopMatcher = try StopMatcher(request.stopStrings)
            let generation = Generation(
                id: id, request: request, maximumTokens: maximumTokens, stopMatcher: stopMatcher, vocabularySize: executor.vocabularySize,
                onEvent: onEvent)
            if let reason = generation.endedBefore {
                onEvent(.finished(generation.summary(reason)))
                return
            }
            let scheduled: RequestID
            do throws(SchedulingError) {
                scheduled = try scheduler.submit(
                    SequenceRequest(prompt: request.prompt, generated: request.generated, maximumTokens: maximumTokens))
            } catch {
                throw .invalidParameter(error.description)
            }
            generations[scheduled] = generation
            requests[id] = scheduled
        } catch {
            onEvent(.failed(error))
        }
    }

    /// The most tokens to generate, those generated before among them, once everything about the request is found valid.
    private func check(_ request: GenerationRequest) throws(GenerationError) -> Int {
        guard !request.prompt.isEmpty else { throw .emptyPrompt }
        try executor.check(request.prompt)
        try executor.check(request.generated, from: request.prompt.count)
        try request.sampling.validate(vocabularySize: executor.vocabularySize)
        if let maximum = request.maximumTokens, maximum < 1 {
            throw .invalidParameter("\(maximum) tokens are to be generated; at least 1 must be")
        }
        guard (0...executor.vocabularySize).contains(request.logProbabilities) else {
            throw .invalidParameter(
                "\(request.logProbabilities) log-probabilities per token; from 0 to \(executor.vocabularySize) can be had")
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

    /// Ends everything, for example because the executor failed, and waits for the steps in flight. New requests may follow.
    func fail(_ error: GenerationError) {
        // The requests first: blocks of a sequence that has ended are not taken for computed when its steps are completed.
        for (scheduled, generation) in generations { end(generation, scheduled, .failed(error)) }
        steps.drain()
        while scheduler.inFlightCount > 0 { scheduler.complete() }
    }

    /// Starts as many steps as may be in flight, then waits for the oldest one. False: there is nothing to do.
    func step() -> Bool {
        let ticket: StepTicket
        do {
            while scheduler.next() {
                noteStarts()
                try steps.submit(scheduler.step)
            }
            if steps.isEmpty { return false }
            ticket = try steps.waitForOldest()
        } catch {
            fail(.execution(String(describing: error)))
            return true
        }
        scheduler.complete()
        var row = 0
        for entry in scheduler.completed.entries.indices {
            let scheduled = scheduler.request(ofCompletedEntry: entry)
            let rows = scheduler.completed.entries[entry].logits.count
            // A request may have ended while the step was in flight.
            if let generation = generations[scheduled] {
                if rows > 0 {
                    advance(generation, scheduled, executor.logits(ticket, row: row))
                } else {
                    let end = scheduler.completed.entries[entry].start + scheduler.completed.entries[entry].tokens.count
                    let total = generation.request.prompt.count + generation.request.generated.count
                    generation.onEvent(.prefilled(tokens: min(end, total), of: total))
                }
            }
            row += rows
        }
        return true
    }

    /// Notes of the step just decided when its requests began.
    private func noteStarts() {
        let now = MonotonicClock.seconds()
        for entry in scheduler.step.entries.indices {
            let id = scheduler.request(ofEntry: entry)
            if let generation = generations[id], generation.startSeconds == nil {
                generation.startSeconds = now
                generation.sharedTokens = scheduler.sharedCount(of: id) ?? 0
            }
        }
    }

    private func advance(_ generation: Generation, _ scheduled: RequestID, _ logits: UnsafeBufferPointer<Float>) {
        do throws(GenerationError) {
            let token = try sampler.sample(logits, state: generation.sampling)
            let best = try sampler.logProbabilities(logits, count: generation.request.logProbabilities)
            var own: Double?
            if !best.isEmpty {
                // A drawn token need not be among the most likely ones.
                own = best.first { $0.token == token }?.logProbability
                if own == nil { own = try sampler.logProbability(of: token, logits) }
            }
            if let reason = generation.accept(token, logProbabilities: best, logProbability: own) {
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
