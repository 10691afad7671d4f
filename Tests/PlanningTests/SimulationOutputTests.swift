import Foundation
import FoundationXML
import JSON
import Plans
import Testing

@testable import Planning

/// What is written for other programs can be read by them.
struct SimulationOutputTests {
    static func report(_ demand: Workload.Demand = .rate(20)) throws -> SimulationReport {
        let made = try SimulationTests.pipeline(
            [SimulationTests.fast, SimulationTests.slow], layers: [4, 4], prompt: 100, output: 30, demand: demand, sequences: 16)
        var options = SimulationOptions()
        options.requests = 50
        options.recordsTrace = true
        return try SimulationTests.run(made, options)
    }

    @Test func theReliedOnFormHasExactlyItsKeys() throws {
        let json = try JSON(parsing: Self.report().json.serialized())
        #expect(
            json.object?.map(\.key) == [
                "completed", "throughput_tokens_per_second", "slo_attainment", "ttft_seconds", "tpot_seconds", "utilisation",
            ])
        for key in ["ttft_seconds", "tpot_seconds"] { #expect(json[key]?.object?.map(\.key) == ["p50", "p99"]) }
        #expect(json["utilisation"]?.object?.map(\.key) == ["gpu0", "gpu1"])
        #expect(json["completed"]?.int == 50)
        // One token each: there is no time per further token.
        let made = try SimulationTests.pipeline(
            [SimulationTests.fast], layers: [4], prompt: 100, output: 1, demand: .batch(3), sequences: 3)
        let single = try SimulationTests.run(made)
        #expect(single.json["tpot_seconds"]?["p50"]?.double == 0)
        #expect(single.text.contains("3 requests completed"))
    }

    @Test func theTraceIsWellFormed() throws {
        let report = try Self.report()
        let json = try JSON(parsing: report.trace.chromeJSON)
        let events = try #require(json["traceEvents"]?.array)
        let complete = events.filter { $0["ph"]?.string == "X" }
        #expect(complete.count == 2 * report.replicas[0].steps)
        for event in complete {
            #expect((event["dur"]?.double ?? -1) > 0 && (event["ts"]?.double ?? -1) >= 0 && event["pid"]?.int == 0)
            #expect((1...2).contains(event["tid"]?.int ?? 0) && (event["args"]?["tokens"]?.int ?? 0) > 0)
        }
        #expect(Set(events.compactMap { $0["ph"]?.string }) == ["M", "X", "C"])
        #expect(events.contains { $0["args"]?["name"]?.string == "stage 1: gpu1" })
    }

    @Test func curvesAreDrawnAndMonotone() throws {
        let made = try SimulationTests.pipeline(
            [SimulationTests.slow], layers: [8], prompt: 300, output: 40, demand: .rate(5), sequences: 8)
        var options = SimulationOptions()
        options.requests = 150
        let curves = try AttainmentCurves(made.scenario, problem: made.problem, plan: made.plan, options: options)
        #expect(curves.points.count == AttainmentCurves.shares.count && curves.scales.contains(5))
        for point in curves.points {
            // A looser service level never serves fewer.
            for (a, b) in zip(point.attainment, point.attainment.dropFirst()) { #expect(a <= b) }
            #expect(point.attainment.count == curves.scales.count)
        }
        let column = try #require(curves.scales.firstIndex(of: 5))
        #expect(curves.points[0].attainment[column] > 0.95)
        #expect(curves.points[curves.points.count - 1].attainment[column] < curves.points[0].attainment[column])
        #expect(try #require(curves.rate(attaining: 0.9)) > curves.points[0].rate)
        let svg = CurveChart(curves, title: "a < b & \"c\"").svg
        let parser = XMLParser(data: Data(svg.utf8))
        #expect(parser.parse(), "\(String(describing: parser.parserError))")
        #expect(!svg.contains("nan") && !svg.contains("inf"))
        let json = try JSON(parsing: curves.json.serialized())
        #expect(json["slo_attainment"]?.array?.count == curves.points.count)
        #expect(curves.text.contains("requests/s"))
    }

    @Test func overridesChangeWhatTheySay() {
        let trace = Workload(
            prompt: .values([5]), output: .values([5]),
            demand: .trace((0..<11).map { Workload.Request(arrival: 10 + Double($0), promptTokens: 5, outputTokens: 5) }))
        guard case .trace(let faster) = trace.arriving(rate: 4).demand else { return #expect(Bool(false)) }
        #expect(faster.first?.arrival == 10 && faster.last?.arrival == 12.5)
        #expect(Workload(prompt: .fixed(1), output: .fixed(1), demand: .batch(4)).arriving(rate: 3).demand == .rate(3))
        #expect(Objective.slo(.deadline(3)).scaled(by: 2) == .slo(.deadline(6)))
        #expect(Objective.slo(.scaled(5, device: "T4", count: 2)).scaled(by: 2) == .slo(.scaled(2, device: "T4", count: 2)))
        #expect(Objective.latency.scaled(by: 2) == .latency)
    }

    /// However long it runs, a series stays short, and its mean and peak stay what they were.
    @Test func seriesStayShort() {
        var series = TimeSeries(span: 1e-3, limit: 64)
        var integral = 0.0
        for step in 0..<5000 {
            let now = Double(step) * 0.37
            series.set(Double(step % 7), at: now)
            if step < 4999 { integral += Double(step % 7) * 0.37 }
        }
        series.advance(to: 4999 * 0.37)
        #expect(series.means.count <= 64 && series.peak == 6)
        #expect(abs(series.integral - integral) < 1e-6 * integral)
        let total = zip(series.means.indices, series.means).reduce(0) { sum, entry in
            sum + entry.1 * min(series.span, 4999 * 0.37 - Double(entry.0) * series.span)
        }
        #expect(abs(total - integral) < 1e-6 * integral)
    }
}
