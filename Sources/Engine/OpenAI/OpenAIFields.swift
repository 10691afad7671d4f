import JSON

/// The members of a body, each asked for once; errors name the field and what was expected. `null` counts as not there.
struct OpenAIFields {
    private let object: JSONObject
    private var asked: Set<String> = []

    init(_ json: JSON) throws(OpenAIError) {
        guard let object = json.object else { throw OpenAIError("the body is no JSON object") }
        self.object = object
    }

    /// Everything that was not asked for.
    var rest: [String] { object.keys.filter { !asked.contains($0) } }

    mutating func value(_ key: String) -> JSON? {
        asked.insert(key)
        guard let value = object[key], !value.isNull else { return nil }
        return value
    }

    mutating func string(_ key: String) throws(OpenAIError) -> String? {
        guard let value = value(key) else { return nil }
        guard let string = value.string else { throw Self.wrong(key, value, "a string") }
        return string
    }

    mutating func bool(_ key: String) throws(OpenAIError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.bool else { throw Self.wrong(key, value, "true or false") }
        return bool
    }

    /// A finite number.
    mutating func number(_ key: String) throws(OpenAIError) -> Double? {
        guard let value = value(key) else { return nil }
        guard let number = value.double, number.isFinite else { throw Self.wrong(key, value, "a number") }
        return number
    }

    mutating func integer(_ key: String, _ range: ClosedRange<Int>) throws(OpenAIError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let integer = value.int, range.contains(integer) else {
            throw Self.wrong(
                key, value, "a whole number from \(range.lowerBound)" + (range.upperBound == .max ? "" : " to \(range.upperBound)"))
        }
        return integer
    }

    /// A field that may be there but can mean only what leaving it out means.
    mutating func neutral(_ key: String, _ allowed: JSON..., reason: String) throws(OpenAIError) {
        guard let value = value(key), !allowed.contains(value) else { return }
        throw OpenAIError(reason, parameter: key, code: "unsupported_value")
    }

    static func wrong(_ key: String, _ value: JSON, _ expected: String) -> OpenAIError {
        OpenAIError("expected \(expected), not \(brief(value))", parameter: key, code: "invalid_type")
    }

    /// A value as a message can show it.
    static func brief(_ value: JSON) -> String {
        switch value {
        case .array: return "an array"
        case .object: return "an object"
        default:
            let text = value.serialized()
            return text.count > 40 ? text.prefix(40) + "..." : text
        }
    }
}
