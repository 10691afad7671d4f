import JSON
import Testing

@Suite struct JSONTests {
    @Test func parsesEveryKindOfValue() throws {
        let text = #" {"a": [1, -2, 3.5, 1e3, -0.0, true, false, null], "b": {"c": "x\"\\\/\b\f\n\r\té😀\ud83d\ude00"}, "d": {}, "e": []} "#
        let value = try JSON(parsing: text)
        #expect(value["a"] == [1, -2, 3.5, 1000, 0, true, false, nil])
        #expect(value["b"]?["c"]?.string == "x\"\\/\u{8}\u{C}\n\r\té😀😀")
        #expect(value["d"]?.object?.isEmpty == true)
        #expect(value["e"]?.array?.isEmpty == true)
        #expect(value["a"]?[3]?.int == 1000)
        #expect(value["a"]?[8] == nil)
        #expect(value.object.map { Array($0.keys) } == ["a", "b", "d", "e"])
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "tru", "nul", "01", "-", "1.",
        "1.e3", "1e",
        "1e+", ".5",
        "+1", "\"", "\"\\", "\"\\u12", "\"\\u12g4\"", "\"\\x\"", "\"a\nb\"", "1 2", "[1 2]", "{\"a\" 1}", "'a'", "// c\n1", "--1", "-Inf",
    ])
    func refuses(_ text: String) {
        #expect(throws: JSONError.self) { try JSON(parsing: text) }
    }

    @Test func refusesBytesThatAreNotUTF8() {
        #expect(throws: JSONError.self) { try JSON(parsing: [0x22, 0xFF, 0x22]) }
        #expect(throws: JSONError.self) { try JSON(parsing: [0x22, 0x5C, 0x6E, 0xC3, 0x22]) }
    }

    @Test func acceptsWhatPythonWrites() throws {
        #expect(try JSON(parsing: "[NaN, Infinity, -Infinity]")[1]?.double == .infinity)
        #expect(try JSON(parsing: "[NaN]")[0]?.double?.isNaN == true)
        #expect(try JSON(parsing: "-Infinity").double == -.infinity)
        #expect(try JSON(parsing: "\u{FEFF}[1]") == [1])
        #expect(try JSON(parsing: #""\ud800x""#).string == "\u{FFFD}x")
        #expect(try JSON(parsing: #""\ud800A""#).string == "\u{FFFD}A")
    }

    @Test(arguments: [
        ("9223372036854775807", JSON.integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .number(9_223_372_036_854_775_808)),
        ("123456789012345678901234567890", .number(1.2345678901234568e29)), ("-3.4028234663852886e+38", .number(-3.4028234663852886e+38)),
        ("-12.345678901234567", .number(-12.345678901234567)), ("5e-324", .number(5e-324)), ("1e400", .number(.infinity)),
        ("1e-400", .number(0)),
        ("0.1", .number(0.1)), ("1E2", .number(100)), ("2.2250738585072014e-308", .number(2.2250738585072014e-308)), ("0", .integer(0)),
    ])
    func readsNumbers(_ text: String, _ expected: JSON) throws {
        #expect(try JSON(parsing: text) == expected)
    }

    @Test func boundsDepth() throws {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: JSONError.self) { try JSON(parsing: deep) }
        #expect(throws: JSONError.self) { try JSON(parsing: deep, maximumDepth: .max) }
        let allowed = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
        _ = try JSON(parsing: allowed)
        #expect(throws: JSONError.self) { try JSON(parsing: "[" + allowed + "]") }
    }

    @Test func lastOfDuplicateKeysWins() throws {
        #expect(try JSON(parsing: #"{"a":1,"b":2,"a":3}"#)["a"]?.int == 3)
        let many = "{" + (0..<100).map { "\"k\($0 % 50)\":\($0)" }.joined(separator: ",") + "}"
        let object = try #require(try JSON(parsing: many).object)
        #expect(object.count == 50)
        #expect(object["k7"]?.int == 57)
        #expect(object[0].key == "k0")
    }

    @Test func keysDifferByBytes() throws {
        let composed = "\u{E9}"
        let decomposed = "e\u{301}"
        var object = JSONObject()
        object[composed] = 1
        object[decomposed] = 2
        #expect(object.count == 2)
        for index in 0..<20 { object["k\(index)"] = .integer(index) }
        #expect(object[composed]?.int == 1)
        #expect(object[decomposed]?.int == 2)
        #expect(JSON.string(composed) != JSON.string(decomposed))
    }

    @Test func objectsGrowAndShrink() {
        var object = JSONObject()
        for index in 0..<200 { object["k\(index)"] = .integer(index) }
        for index in stride(from: 0, to: 200, by: 3) { object["k\(index)"] = nil }
        for index in 0..<200 { #expect(object["k\(index)"]?.int == (index % 3 == 0 ? nil : index)) }
        object["k1"] = "new"
        #expect(object["k1"]?.string == "new")
    }

    @Test func serialisesWhatItReads() throws {
        let value: JSON = ["b": [1, 2.5, nil, true], "a": "q\"\\\n\u{1}é😀", "n": .number(.nan), "e": [:], "f": [], "g": 1e-7]
        #expect(value.serialized() == #"{"b":[1,2.5,null,true],"a":"q\"\\\n\u0001é😀","n":null,"e":{},"f":[],"g":1e-07}"#)
        let compact = try JSON(parsing: value.serialized())
        let pretty = try JSON(parsing: value.serialized(pretty: true))
        #expect(compact == pretty)
        #expect(value["a"] == pretty["a"])
        #expect(JSON.object(["a": [1]]).serialized(pretty: true) == "{\n  \"a\": [\n    1\n  ]\n}")
    }
}
