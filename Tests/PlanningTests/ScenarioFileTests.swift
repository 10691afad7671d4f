import Foundation
import JSON
import Plans
import Testing

@testable import Planning

/// The files in Scenarios/: each is read, planned for, and pictured.
struct ScenarioFileTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Scenarios")

    static func load(_ name: String) throws -> Scenario {
        let data = try Data(contentsOf: folder.appendingPathComponent(name + ".json"))
        return try Scenario(reading: FieldReader(JSON(parsing: [UInt8](data))))
    }

    @Test func allFilesAreScenarios() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(".json") }.map {
            String($0.dropLast(5))
        }
        for wanted in [
            "flexgen-t4-opt6.7b", "flexgen-t4-opt30b", "flexgen-t4-opt175b", "hetegen-a10-opt13b", "hetegen-a10-opt30b", "hexgen-casestudy",
            "hexgen-full",
            "hexgen-half", "hexgen-homogeneous", "hpipe-llama7b", "hpipe-gpt3-2b",
        ] { #expect(names.contains(wanted)) }
        for name in names.sorted() {
            let scenario = try Self.load(name)
            #expect(!scenario.name.isEmpty && !scenario.note.isEmpty, "\(name)")
            _ = try Problem(scenario)
        }
    }

    @Test(arguments: ["flexgen-t4-opt30b", "hetegen-a10-opt30b", "hpipe-llama7b", "desktop-llama70b-q4"])
    func plansExplainThemselves(name: String) throws {
        let problem = try Problem(Self.load(name))
        let result = try Planner(problem).plan()
        let text = Explanation(result, of: problem).text
        #expect(text.contains("bottleneck") && text.contains("also considered"))
        let picture = Picture(result, of: problem).svg
        #expect(picture.hasPrefix("<svg") && picture.contains("</svg>") && !picture.contains("nan"))
        let json = result.json
        #expect(json["prediction"]?["throughput_tokens_per_second"]?.double ?? 0 > 0)
        #expect(json["prediction"]?["memory"]?[0]?["place"]?.string != nil)
        #expect(json["strategy"]?.string == "auto" && json["planning_seconds"]?.double != nil)
    }

    @Test func whatIfListsGainsBestFirst() throws {
        let scenario = try Self.load("hetegen-a10-opt30b")
        let result = try Planner(Problem(scenario)).plan(.hetegen)
        let lines = WhatIf(scenario, strategy: .hetegen).lines(baseline: result)
        #expect(lines.contains { $0.change.contains("link") && $0.gain > 1.05 })
        #expect(zip(lines, lines.dropFirst()).allSatisfy { $0.gain >= $1.gain })
    }

    /// What each strategy must at least do on the experiment it comes from, under our model.
    @Test func strategiesBeatTheirBaselines() throws {
        let pipe = try Problem(Self.load("hpipe-llama7b"))
        let even = try Planner(pipe).plan(.even).best, sliced = try Planner(pipe).plan(.hpipe).best
        #expect(even.score / sliced.score > 4)
        let shared = try Planner(Problem(Self.load("hetegen-a10-opt30b"))).plan(.hetegen).best
        var without = try Self.load("hetegen-a10-opt30b")
        without.constraints.excluded = ["cpu0"]
        let streamed = try Planner(Problem(without)).plan(.hetegen).best
        #expect(streamed.score / shared.score > 1.5)
    }
}
