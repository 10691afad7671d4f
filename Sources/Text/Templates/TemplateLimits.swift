extension ChatTemplate {
    /// Bounds on what a template may cost. A template that reaches one ends with an error of kind `.limit`.
    public struct Limits: Sendable {
        /// Bytes of template source.
        public var sourceBytes = 4 << 20
        /// Steps of evaluation. A step is a node of the template, or some work in proportion to the bytes touched.
        public var steps = 20_000_000
        /// Bytes of values made over the whole rendering, freed ones included. Bounds the memory in use too.
        public var allocatedBytes = 512 << 20
        /// Bytes of one string, also of the rendered text.
        public var stringBytes = 64 << 20
        /// Elements of one list.
        public var listCount = 1_000_000

        public static let `default` = Limits()

        public init() {}
    }
}

/// Bounds that keep the stack safe. They are no settings, since they follow from the frames' sizes.
enum TemplateDepth {
    /// Nested parentheses, brackets, calls, operators with one operand, and blocks, in the source.
    static let syntax = 120
    /// Nested evaluations of expressions and statements at run time.
    static let evaluation = 800
    /// Nested calls of macros and recursive loops.
    static let calls = 150
    /// Lists in lists, counting dictionaries, tuples and lazy sequences.
    static let values = 200
}
