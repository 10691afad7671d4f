import ArgumentParser

/// Token ids as the command line takes them: `1,15,27`.
struct TokenList: ExpressibleByArgument, Equatable {
    var tokens: [Int32]

    init?(argument: String) {
        tokens = []
        if argument.isEmpty { return }
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let token = Int32(part.filter { !$0.isWhitespace }) else { return nil }
            tokens.append(token)
        }
    }
}

/// Whole numbers as the command line takes them: `128,512`.
struct CountList: ExpressibleByArgument, Equatable, CustomStringConvertible {
    var values: [Int]

    init(_ values: [Int]) { self.values = values }

    init?(argument: String) {
        values = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let value = Int(part) else { return nil }
            values.append(value)
        }
    }

    var description: String { values.map { String($0) }.joined(separator: ",") }
    var defaultValueDescription: String { description }
}
