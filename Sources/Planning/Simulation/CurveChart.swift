import Glibc

/// Attainment curves as one SVG: over the request rate, one line per scale, and over the scale, one line per rate.
public struct CurveChart {
    let curves: AttainmentCurves
    let title: String

    public init(_ curves: AttainmentCurves, title: String) {
        self.curves = curves
        self.title = title
    }

    static let width = 960.0
    static let height = 372.0
    /// From few to many: dark to light, still told apart in grey.
    static let colours = ["#31235f", "#2f5d8c", "#1f8a8a", "#4aa564", "#a8b437", "#e0a030", "#d9622b", "#b0304a"]

    private struct Panel {
        var x: Double
        var wide: Double
        var top: Double
        var tall: Double
        var least: Double
        var most: Double
        var isLogarithmic: Bool

        func place(_ value: Double) -> Double {
            guard most > least else { return x }
            let share = isLogarithmic ? log(value / least) / log(most / least) : (value - least) / (most - least)
            return x + wide * share
        }

        func place(share: Double) -> Double { top + tall * (1 - share) }
    }

    public var svg: String {
        var body = text(24, 28, title, size: 16, weight: "600")
        let left = Panel(x: 66, wide: 300, top: 74, tall: 230, least: 0, most: curves.points.last?.rate ?? 1, isLogarithmic: false)
        let scales = curves.scales
        let right = Panel(
            x: 546, wide: 300, top: 74, tall: 230, least: scales.first ?? 1, most: max(scales.last ?? 1, (scales.first ?? 1) * 1.001),
            isLogarithmic: true)
        axes(left, heading: "by request rate", label: "requests per second", ticks: Self.ticks(left.most), into: &body)
        axes(right, heading: "by scale of the service level", label: "scale (logarithmic)", ticks: scales, into: &body)
        lines(
            left, legend: "scale",
            curves.scales.indices.map { column in
                (
                    AttainmentCurves.short(scales[column]) + "x", scales[column] == curves.limits.scale,
                    curves.points.map { ($0.rate, $0.attainment[column]) }
                )
            }, into: &body)
        let chosen = Self.spread(curves.points.indices.map { $0 }, most: 7)
        lines(
            right, legend: "requests/s",
            chosen.map { index in
                (
                    AttainmentCurves.short(curves.points[index].rate), false,
                    zip(curves.fineScales, curves.points[index].fine).map { ($0, $1) }
                )
            },
            into: &body)
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" \
            font-family="system-ui, sans-serif">
            <rect width="100%" height="100%" fill="#ffffff"/>
            \(body)</svg>

            """
    }

    private func axes(_ panel: Panel, heading: String, label: String, ticks: [Double], into body: inout String) {
        body += text(panel.x, panel.top - 14, "requests in time, " + heading, size: 13, weight: "600", colour: "#333333")
        for share in stride(from: 0.0, through: 1.0, by: 0.25) {
            let y = panel.place(share: share)
            body += line(panel.x, y, panel.x + panel.wide, y, colour: share == 0 ? "#777777" : "#e3e3e3")
            body += text(panel.x - 8, y + 4, "\(Int(share * 100)) %", size: 12, colour: "#555555", anchor: "end")
        }
        var free = -Double.infinity
        for tick in ticks where tick >= panel.least && tick <= panel.most * (1 + 1e-9) {
            let x = panel.place(tick)
            body += line(x, panel.top + panel.tall, x, panel.top + panel.tall + 5, colour: "#777777")
            // Labels that would touch their left neighbour are left out.
            let name = AttainmentCurves.short(tick)
            let half = Double(name.count) * 3.5
            guard x - half > free else { continue }
            free = x + half + 5
            body += text(x, panel.top + panel.tall + 20, name, size: 12, colour: "#555555", anchor: "middle")
        }
        body += text(panel.x + panel.wide / 2, panel.top + panel.tall + 42, label, size: 12, colour: "#333333", anchor: "middle")
    }

    private func lines(
        _ panel: Panel, legend: String, _ series: [(name: String, isAsked: Bool, points: [(Double, Double)])], into body: inout String
    ) {
        let x = panel.x + panel.wide + 18
        body += text(x, panel.top + 6, legend, size: 12, colour: "#555555")
        for (number, entry) in series.enumerated() {
            let colour = Self.colours[series.count <= 1 ? 0 : number * (Self.colours.count - 1) / (series.count - 1)]
            let path = entry.points.map { "\(f(panel.place($0.0))),\(f(panel.place(share: $0.1)))" }.joined(separator: " ")
            body +=
                "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"\(entry.isAsked ? "3.2" : "1.8")\" "
                + "stroke-linejoin=\"round\"/>\n"
            for point in entry.points where entry.points.count <= 24 {
                body +=
                    "<circle cx=\"\(f(panel.place(point.0)))\" cy=\"\(f(panel.place(share: point.1)))\" r=\"2.4\" fill=\"\(colour)\"/>\n"
            }
            let y = panel.top + 26 + 19 * Double(number)
            body += line(x, y - 4, x + 18, y - 4, colour: colour, width: entry.isAsked ? 3.2 : 1.8)
            body += text(x + 24, y, entry.name, size: 12, weight: entry.isAsked ? "600" : "400", colour: "#333333")
        }
    }

    /// Round numbers from 0 to a little below the end, four to eight of them.
    static func ticks(_ most: Double) -> [Double] {
        guard most > 0, most.isFinite else { return [0] }
        var unit = 1.0
        while most / unit >= 10 { unit *= 10 }
        while most / unit < 1 { unit /= 10 }
        let step = [0.1, 0.2, 0.25, 0.5, 1, 2].map { $0 * unit }.first { most / $0 <= 7 } ?? 2 * unit
        return (0...Int((most / step).rounded(.down))).map { AttainmentCurves.rounded(Double($0) * step) * ($0 == 0 ? 0 : 1) }
    }

    /// At most so many of the values, evenly, first and last among them.
    static func spread<Element>(_ values: [Element], most: Int) -> [Element] {
        guard values.count > most, most > 1 else { return values }
        return (0..<most).map { values[$0 * (values.count - 1) / (most - 1)] }
    }

    private func f(_ value: Double) -> String { Text.fixed(value, 1) }

    private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, colour: String, width: Double = 1) -> String {
        "<line x1=\"\(f(x1))\" y1=\"\(f(y1))\" x2=\"\(f(x2))\" y2=\"\(f(y2))\" stroke=\"\(colour)\" stroke-width=\"\(f(width))\"/>\n"
    }

    private func text(
        _ x: Double, _ y: Double, _ content: String, size: Int, weight: String = "400", colour: String = "#222222", anchor: String = "start"
    ) -> String {
        let safe = content.map { character -> String in
            switch character {
            case "<": "&lt;"
            case ">": "&gt;"
            case "&": "&amp;"
            default: character.asciiValue.map { $0 < 32 } == true ? " " : String(character)
            }
        }.joined()
        return
            "<text x=\"\(f(x))\" y=\"\(f(y))\" font-size=\"\(size)\" font-weight=\"\(weight)\" fill=\"\(colour)\" "
            + "text-anchor=\"\(anchor)\">\(safe)</text>\n"
    }
}
