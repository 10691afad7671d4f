import Engine

extension FuzzTarget {
    /// Lines of batches: requests of OpenAI's API.
    static let batch = FuzzTarget(
        name: "batch",
        words: [
            "\"custom_id\":", "\"method\":\"POST\"", "\"url\":\"/v1/completions\"", "\"url\":\"/v1/chat/completions\"", "\"body\":",
            "\"messages\":[", "{\"role\":\"user\",\"content\":", "{\"type\":\"text\",\"text\":\"x\"}", "\"prompt\":", "[1,2,3]",
            "\"stop\":",
            "\"logit_bias\":{\"1\":", "\"top_logprobs\":5", "\"logprobs\":true", "\"max_tokens\":", "\"seed\":", "\"temperature\":", "null",
            "1e400", "-9223372036854775808", "9223372036854775807", "NaN", "\"stream_options\":{}", "\"n\":1",
        ],
        seeds: {
            [
                #"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"messages":[{"role":"system","content":"s"},"#
                    + #"{"role":"user","content":[{"type":"text","text":"t"}]}],"max_tokens":5,"temperature":0.5,"stop":["x"],"#
                    + #""logprobs":true,"top_logprobs":2,"logit_bias":{"5":-1.5},"seed":7,"chat_template_kwargs":{"a":true}}}"#,
                #"{"custom_id":"b","method":"POST","url":"/v1/completions","body":{"prompt":"p","top_p":0.9,"top_k":40,"min_p":0.1,"#
                    + #""logprobs":3,"presence_penalty":1,"frequency_penalty":-1,"repetition_penalty":1.1,"n":1,"stream":false}}"#,
                #"{"custom_id":"c","method":"POST","url":"/v1/completions","body":{"prompt":[[1,2,3]],"max_tokens":null,"echo":false}}"#,
            ].map { Array($0.utf8) }
        },
        run: { BatchFuzzing.run($0) })
}
