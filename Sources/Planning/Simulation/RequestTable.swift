/// Requests of a simulation and what became of them, by number in order of arrival.
struct RequestTable {
    let requests: [Workload.Request]
    /// Tokens produced so far.
    var generated: [Int32]
    /// Seconds at which the first and the last token were produced.
    var firstToken: [Double]
    var lastToken: [Double]
    /// Number of the replica that has it, -1: none.
    var owner: [Int32]
    var hasFailed: [Bool]
    var completedCount = 0
    var failedCount = 0
    var producedTokens = 0

    init(_ requests: [Workload.Request]) {
        self.requests = requests
        generated = Array(repeating: 0, count: requests.count)
        firstToken = Array(repeating: .infinity, count: requests.count)
        lastToken = firstToken
        owner = Array(repeating: -1, count: requests.count)
        hasFailed = Array(repeating: false, count: requests.count)
    }

    /// Tokens to compute before the next one is produced: the prompt, and after a failure what had been generated.
    func contextTokens(_ request: Int) -> Int { requests[request].promptTokens + Int(generated[request]) }

    func missingTokens(_ request: Int) -> Int { requests[request].outputTokens - Int(generated[request]) }

    /// One more token. True: it was the last.
    mutating func produce(_ request: Int, at seconds: Double) -> Bool {
        generated[request] += 1
        producedTokens += 1
        if generated[request] == 1 { firstToken[request] = seconds }
        guard Int(generated[request]) >= requests[request].outputTokens else { return false }
        lastToken[request] = seconds
        completedCount += 1
        return true
    }

    mutating func fail(_ request: Int) {
        guard !hasFailed[request] else { return }
        hasFailed[request] = true
        owner[request] = -1
        failedCount += 1
    }
}
