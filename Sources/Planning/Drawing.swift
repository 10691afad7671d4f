/// A picture under construction: shapes with coordinates in pixels, text escaped, written out as SVG.
struct Drawing {
    static let ink = "#222222"
    static let faint = "#777777"
    static let rule = "#d8d8d8"

    let width: Double
    private var body = ""
    private var definitions = ""

    init(width: Double) { self.width = width }

    mutating func rectangle(_ x: Double, _ y: Double, _ wide: Double, _ tall: Double, fill: String, opacity: Double = 1, radius: Double = 0)
    {
        guard wide > 0, tall > 0 else { return }
        let shade = opacity < 1 ? " fill-opacity=\"\(Text.fixed(opacity, 2))\"" : ""
        let round = radius > 0 ? " rx=\"\(number(radius))\"" : ""
        body +=
            "<rect x=\"\(number(x))\" y=\"\(number(y))\" width=\"\(number(wide))\" height=\"\(number(tall))\" "
            + "fill=\"\(fill)\"\(shade)\(round)/>\n"
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, colour: String = Drawing.rule, width: Double = 1) {
        body +=
            "<line x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\" stroke=\"\(colour)\" "
            + "stroke-width=\"\(number(width))\"/>\n"
    }

    mutating func polyline(_ points: [(x: Double, y: Double)], colour: String, width: Double = 2) {
        let list = points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
        body += "<polyline points=\"\(list)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"\(number(width))\"/>\n"
    }

    mutating func circle(_ x: Double, _ y: Double, radius: Double, fill: String) {
        body += "<circle cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"\(number(radius))\" fill=\"\(fill)\"/>\n"
    }

    enum Anchor: String {
        case start
        case middle
        case end
    }

    mutating func text(
        _ x: Double, _ y: Double, _ content: String, size: Int = 12, bold: Bool = false, colour: String = Drawing.ink,
        anchor: Anchor = .start
    ) {
        let weight = bold ? " font-weight=\"600\"" : ""
        let place = anchor == .start ? "" : " text-anchor=\"\(anchor.rawValue)\""
        body +=
            "<text x=\"\(number(x))\" y=\"\(number(y))\" font-size=\"\(size)\"\(weight)\(place) "
            + "fill=\"\(colour)\">\(Self.escaped(content))</text>\n"
    }

    /// A pattern of slanted white lines, `gap` pixels apart, for use as a fill over another shape.
    mutating func hatch(_ name: String, gap: Double) -> String {
        definitions +=
            "<pattern id=\"\(name)\" width=\"\(number(gap))\" height=\"\(number(gap))\" patternUnits=\"userSpaceOnUse\" "
            + "patternTransform=\"rotate(45)\">"
            + "<rect width=\"\(number(gap * 0.4))\" height=\"\(number(gap))\" fill=\"#ffffff\" fill-opacity=\"0.55\"/></pattern>\n"
        return "url(#\(name))"
    }

    func document(height: Double) -> String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(width)) \(Int(height.rounded(.up)))" font-family="system-ui, sans-serif">
        \(definitions.isEmpty ? "" : "<defs>\n\(definitions)</defs>\n")<rect width="100%" height="100%" fill="#ffffff"/>
        \(body)</svg>

        """
    }

    /// Pixels a text of this size takes, roughly: for deciding whether it fits.
    static func width(of text: String, size: Int) -> Double { Double(text.count) * Double(size) * 0.58 }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            // Control characters are not allowed in XML at all.
            case _ where character.value < 32: result += " "
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    private func number(_ value: Double) -> String {
        let text = Text.fixed(value, 1)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
