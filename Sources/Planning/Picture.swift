import Models
import Plans

/// A plan as one SVG: what runs where, the memories it fills, and a step over time.
public struct Picture {
    let problem: Problem
    let result: Planner.Result
    /// Devices the plan uses, and what each is coloured by: itself, or its kind where there are many.
    let devices: [Int]
    let legend: [(name: String, colour: String)]
    private let colours: [Int: String]

    static let palette = ["#3b6ea5", "#d08a2e", "#5a9367", "#a34e6c", "#6d6aa8", "#8f8b3e", "#4d9aa8", "#b0604b", "#7b5a3a", "#4a4a6a"]
    static let width = 960.0
    static let left = 20.0

    public init(_ result: Planner.Result, of problem: Problem) {
        self.problem = problem
        self.result = result
        devices = result.best.plan.devices.map(\.id.rawValue).sorted()
        let hardware = problem.hardware
        let single = devices.count <= Self.palette.count
        var legend: [(name: String, colour: String)] = [], colours: [Int: String] = [:]
        for device in devices where hardware.devices.indices.contains(device) {
            let found = hardware.devices[device]
            let name = single ? "\(found.label) (\(found.profile.name))" : found.profile.name
            if let known = legend.first(where: { $0.name == name }) {
                colours[device] = known.colour
            } else {
                let colour = Self.palette[legend.count % Self.palette.count]
                legend.append((name, colour))
                colours[device] = colour
            }
        }
        self.legend = legend
        self.colours = colours
    }

    func colour(_ device: Int) -> String { colours[device] ?? "#999999" }

    public var svg: String {
        var drawing = Drawing(width: Self.width)
        var y = 28.0
        drawing.text(
            Self.left, y, "\(problem.shape.name) for \(problem.objective.name): \(result.best.strategy)", size: 16, bold: true)
        y += 20
        drawing.text(Self.left, y, "predicted: " + Explanation(result, of: problem).figures.joined(separator: ", "), size: 12)
        y = drawLegend(&drawing, y + 22)
        y = drawPlacement(&drawing, y + 14)
        y = drawMemories(&drawing, y + 14)
        y = drawTimelines(&drawing, y + 20)
        return drawing.document(height: y + 12)
    }

    private func drawLegend(_ drawing: inout Drawing, _ top: Double) -> Double {
        var x = Self.left, y = top
        for (name, colour) in legend {
            let wide = 20 + Drawing.width(of: name, size: 11) + 14
            if x + wide > Self.width - 20 { (x, y) = (Self.left, y + 17) }
            drawing.rectangle(x, y - 9, 11, 11, fill: colour, radius: 2)
            drawing.text(x + 16, y, name, size: 11)
            x += wide
        }
        return y
    }
}
