import JSON
import Plans
import Testing

@testable import Planning

struct TraceFileTests {
    private func requests(_ text: String) throws -> [Workload.Request] {
        let workload = try Workload(reading: FieldReader(["trace": try TraceFile.json(text, name: "trace.csv")]))
        guard case .trace(let requests) = workload.demand else { return [] }
        return requests
    }

    @Test func columnsByPositionAndByName() throws {
        let plain = try requests("10,100,5\n12.5, 7 ,1\n11,3,2\n")
        #expect(plain.map(\.arrival) == [0, 1, 2.5] && plain.map(\.promptTokens) == [100, 3, 7])
        let named = try requests(
            "TIMESTAMP,GeneratedTokens,ContextTokens\r\n2023-12-31 23:59:59.5,8,300\r\n2024-01-01 00:00:01.25,9,400\r\n")
        #expect(named.map(\.arrival) == [0, 1.75] && named.map(\.promptTokens) == [300, 400] && named.map(\.outputTokens) == [8, 9])
    }

    @Test(arguments: ["", "a,b,c", "1,2", "1,2,x", "nan,1,1", "2023-13-01 00:00:00,1,1", "1,-2,3"]) func refusals(text: String) {
        #expect(throws: FieldError.self) { try requests(text) }
    }

    @Test func logNormalLengthsHaveTheirMean() {
        let lengths = TokenLengths.logNormal(median: 200, sigma: 1, most: 4096)
        var random = SplitMix(seed: 3)
        let drawn = (0..<100_000).map { _ in lengths.sample(&random) }
        let mean = Double(drawn.reduce(0, +)) / 100_000
        #expect(abs(mean / lengths.mean - 1) < 0.02)
        #expect(drawn.allSatisfy { (1...4096).contains($0) })
        #expect(abs(TokenLengths.logNormal(median: 200, sigma: 0, most: 4096).mean - 200) < 1e-6)
    }
}
