import JSON

/// What a fuzzer calls with hostile input.
public enum TemplateFuzzing {
    /// Reads the bytes as a template and renders it with a conversation, under tight limits. Any error is fine, a crash is not.
    public static func run(_ bytes: UnsafeRawBufferPointer) {
        let source = String(decoding: bytes.prefix(64 << 10), as: UTF8.self)
        var limits = ChatTemplate.Limits()
        limits.steps = 20_000
        limits.allocatedBytes = 4 << 20
        limits.stringBytes = 1 << 20
        guard let template = try? ChatTemplate(source: source) else { return }
        _ = try? template.render(conversation, now: LocalTime(year: 2024, month: 2, day: 29), limits: limits)
    }

    private static let conversation: JSONObject = [
        "messages": [
            ["role": "system", "content": "You are kind. "],
            ["role": "user", "content": [["type": "text", "text": "Grüße 😀"], ["type": "image"]]],
            [
                "role": "assistant", "content": nil,
                "tool_calls": [["id": "abcdef123", "function": ["name": "add", "arguments": ["a": 1.5]]]],
            ],
            ["role": "tool", "content": "3", "tool_call_id": "abcdef123"],
            ["role": "assistant", "content": "<think>\nhm\n</think>\n\nIt is 3."],
        ],
        "tools": [["type": "function", "function": ["name": "add", "parameters": ["properties": ["a": ["type": "number"]]]]]],
        "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>", "n": 3, "f": -2.5, "l": [3, 1, 2],
        "d": ["a": 1, "b": ["c": nil]], "s": "Hello World",
    ]
}
