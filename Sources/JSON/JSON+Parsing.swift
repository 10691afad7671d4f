extension JSON {
    /// Parses one JSON value and nothing after it but white space.
    ///
    /// Strict in syntax, with three concessions to files in the wild: a leading byte-order mark, the literals `NaN`, `Infinity` and
    /// `-Infinity` that Python writes, and lone surrogate escapes, which become U+FFFD. Bytes that are no UTF-8 are refused.
    ///
    /// - Parameter maximumDepth: how deep arrays and objects may nest; at most 1,024.
    public init(parsing bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int = 128) throws(JSONError) {
        var parser = JSONParser(bytes, maximumDepth: Swift.min(maximumDepth, 1024))
        self = try parser.document()
    }

    /// As `init(parsing:maximumDepth:)` for a buffer.
    public init(parsing bytes: UnsafeRawBufferPointer, maximumDepth: Int = 128) throws(JSONError) {
        try self.init(parsing: bytes.assumingMemoryBound(to: UInt8.self), maximumDepth: maximumDepth)
    }

    /// As `init(parsing:maximumDepth:)` for a buffer.
    public init(parsing bytes: [UInt8], maximumDepth: Int = 128) throws(JSONError) {
        self = try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            try JSON(parsing: buffer, maximumDepth: maximumDepth)
        }
    }

    /// As `init(parsing:maximumDepth:)` for a buffer, copying the sequence first.
    public init(parsing bytes: some Sequence<UInt8>, maximumDepth: Int = 128) throws(JSONError) {
        try self.init(parsing: [UInt8](bytes), maximumDepth: maximumDepth)
    }

    /// As `init(parsing:maximumDepth:)` for a buffer.
    public init(parsing text: String, maximumDepth: Int = 128) throws(JSONError) {
        try self.init(parsing: [UInt8](text.utf8), maximumDepth: maximumDepth)
    }
}
