/// A template ready to run: its statements, and for every mention of a variable the place that it means.
///
/// Variables live where jinja2's compiler would put them. It turns a template into nested Python functions (the template, each macro,
/// each recursive loop, each loop's filter) with a variable per name and nesting level, set on entry to a scope to the variable of the
/// scope outside, to what the context has, or to nothing, depending on what the scope mentions first. Rendering the same text in every
/// corner needs the same analysis.
struct TemplateProgram: Sendable {
    struct Place: Sendable {
        /// How many functions outwards the variable lives.
        var hops = 0
        var slot = 0
        /// Whether blocks see what is stored here.
        var isExported = false
    }

    enum Load: Sendable {
        case resolve(String)
        case alias(Place)
        case nothing
    }

    struct Scope: Sendable {
        var loads: [(slot: Int, load: Load)] = []
        /// Variables forgotten at the end.
        var slots: [Int] = []
        /// Variables of the function that starts here, if one does.
        var slotCount = 0
        /// Whether a loop's body mentions `loop`, whether a macro's mentions its special variables.
        var usesLoop = false
        var usesCaller = false
        var usesNamed = false
        var usesPositional = false
        /// Whether a block mentions `self` and `super`.
        var usesSelf = false
        var usesSuper = false
        /// The variables that a scoped block sees.
        var visible: [(name: String, place: Place)] = []
    }

    let body: [TemplateStatement]
    var places: [Place]
    var scopes: [Scope]
    var rootScope = 0
    /// Where the template itself is stored under the name `self`.
    var selfPlace: Place?
    var blocks: [String: TemplateBlock] = [:]
}
