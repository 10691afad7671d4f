#!/usr/bin/env python3
"""Compares what `motley` says of a model with what transformers says in f32: logits, losses, token ids, chat text.

usage: compare_with_transformers.py MODEL [--text TEXT] [--prompt-length N] [--max-tokens N] [--window N] [--tolerance X] [--seed N]

MODEL is a Hugging Face directory, or a GGUF file that transformers can read (with the package accelerate). The binary is
taken from MOTLEY_BIN, else .build/release/motley. Each generated token is judged in motley's own context, so that one wrong choice does
not spoil those after it. Exit status 1 if anything differs by more than the tolerance (nats). Memory: four bytes for each parameter.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

import tokenizers
import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = ["The engine runs the model.", "  two  spaces,\n\ttabs and\r\n lines\n\n",
         "It's 1234567 o'clock; I'LL be naïve, Zoë: 日本語 🙂🏽 ½ — end",
         "def f(x):\n    return x**2  # squares", "<s> not </s> special?"]
CHATS = [
    [{"role": "user", "content": "Hello, who are you? "}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "One"}, {"role": "assistant", "content": "Two"},
     {"role": "user", "content": "Three"}],
]


class Motley:
    def __init__(self, model):
        self.binary = os.environ.get("MOTLEY_BIN", os.path.join(HERE, "..", ".build", "release", "motley"))
        self.model = model

    def call(self, command, *options, text=None):
        """The last line of JSON the command prints; None, with the error printed, where it fails."""
        words = [self.binary, command, "--model", self.model, *map(str, options), "--json"]
        done = subprocess.run(words, input=text.encode() if text is not None else None, stdin=subprocess.DEVNULL if text is None else None,
                              capture_output=True)
        if done.returncode != 0:
            print(f"  motley {command} failed ({done.returncode}): {done.stderr.decode(errors='replace').strip()[-500:]}")
            return None
        lines = [line for line in done.stdout.decode().splitlines() if line.strip()]
        return json.loads(lines[-1])


class Comparison:
    def __init__(self, options):
        self.options, self.faults = options, 0
        where, name = os.path.split(os.path.abspath(options.model))
        source = ({"pretrained_model_name_or_path": where, "gguf_file": name} if name.endswith(".gguf")
                  else {"pretrained_model_name_or_path": options.model})
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self.model = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32).eval()
        try:
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
        except (OSError, ValueError, KeyError) as fault:
            print(f"no tokenizer for transformers: {fault}")
            self.tokenizer = None
        # tokenizer.json as it stands, where there is one: some of transformers' classes replace parts of it by their own.
        file = os.path.join(options.model, "tokenizer.json")
        self.encoder = tokenizers.Tokenizer.from_file(file) if os.path.exists(file) else None
        self.motley = Motley(options.model)

    def judge(self, what, good, detail):
        print(f"{'ok  ' if good else 'DIFF'} {what}: {detail}")
        self.faults += not good

    def scores(self, ids):
        with torch.no_grad():
            return torch.log_softmax(self.model(torch.tensor([ids])).logits[0].double(), dim=-1)

    def encode(self, text, special=True):
        if self.encoder:
            return self.encoder.encode(text, add_special_tokens=special).ids
        return self.tokenizer(text, add_special_tokens=special)["input_ids"]

    def random_tokens(self, count):
        generator = random.Random(self.options.seed)
        return [generator.randrange(3, self.model.config.get_text_config().vocab_size) for _ in range(count)]

    def generation(self):
        prompt = self.random_tokens(self.options.prompt_length)
        if self.options.text and self.tokenizer:
            prompt = self.encode(self.options.text)
        reply = self.motley.call("run", "--prompt-tokens", ",".join(map(str, prompt)), "--max-tokens", self.options.max_tokens,
                                 "--temperature", 0, "--logprobs", 5, "--ignore-eos")
        if reply is None:
            self.faults += 1
            return
        tokens = reply["tokens"]
        self.judge("prompt", reply["prompt_tokens"] in (prompt, len(prompt)), f"{len(prompt)} tokens in, {len(tokens)} out")
        theirs = self.scores(prompt + tokens[:-1])[len(prompt) - 1:]
        worst, same = 0.0, 0
        for step, (token, row) in enumerate(zip(tokens, theirs)):
            differences = [abs(entry["logprob"] - float(row[entry["token"]])) for entry in reply["logprobs"][step]]
            worst = max(worst, *differences)
            best = int(row.argmax())
            same += best == token
            margin = float(row[best] - row[token])
            if margin > self.options.tolerance or max(differences) > self.options.tolerance:
                self.judge(f"step {step}", False, f"motley {token}, transformers {best}, {margin:.4f} nats better; "
                           f"log probabilities off by up to {max(differences):.4f}")
        self.judge("log probabilities", worst <= self.options.tolerance,
                   f"off by up to {worst:.5f} nats; best token the same in {same} of {len(tokens)} steps")
        timings = reply.get("timings", {})
        print("     " + ", ".join(f"{key} {value:.4g}" for key, value in timings.items() if value is not None))

    def perplexity(self):
        for count in sorted({2, self.options.window}):
            ids = self.random_tokens(count)
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                json.dump(ids, file)
                file.flush()
                reply = self.motley.call("perplexity", "--tokens-file", file.name)
            if reply is None:
                self.faults += 1
                continue
            rows = self.scores(ids)
            nll = -sum(float(rows[i, ids[i + 1]]) for i in range(count - 1)) / (count - 1)
            self.judge(f"loss over {count} tokens", abs(reply["nll"] - nll) <= self.options.tolerance,
                       f"motley {reply['nll']:.5f}, transformers {nll:.5f}")

    def text(self):
        if not self.tokenizer:
            return
        for text in TEXTS:
            for special in (True, False):
                reply = self.motley.call("tokenize", *([] if special else ["--no-special"]), text=text)
                theirs = self.encode(text, special)
                self.judge(f"ids of {text[:20]!r}", reply is not None and reply["tokens"] == theirs,
                           f"{reply and reply['tokens'][:12]} and {theirs[:12]}")
            if theirs:
                reply = self.motley.call("detokenize", "--tokens", ",".join(map(str, theirs)))
                back = self.encoder.decode(theirs, skip_special_tokens=False) if self.encoder else self.tokenizer.decode(theirs)
                self.judge(f"text of {text[:20]!r}", reply is not None and reply["text"].strip() == back.strip(),
                           f"{reply and reply['text'][:40]!r} and {back[:40]!r}")
        if not self.tokenizer.chat_template:
            return
        for messages in CHATS:
            for prompt in (True, False):
                try:
                    theirs = self.tokenizer.apply_chat_template(messages, add_generation_prompt=prompt, tokenize=False)
                except Exception as fault:  # a template may refuse a role: then motley must too
                    print(f"     the template refuses {len(messages)} messages: {fault}; motley should fail next")
                    theirs = None
                reply = self.motley.call("chat-template", text=json.dumps({"messages": messages, "add_generation_prompt": prompt}))
                ours = reply and reply["text"]
                self.judge(f"chat of {len(messages)}", ours == theirs, f"{ours and ours[-40:]!r} and {theirs and theirs[-40:]!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--text", help="a prompt of words instead of random tokens")
    parser.add_argument("--prompt-length", type=int, default=40)
    parser.add_argument("--max-tokens", type=int, default=16)
    parser.add_argument("--window", type=int, default=64, help="tokens of the loss")
    parser.add_argument("--tolerance", type=float, default=0.05, help="nats")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip-text", action="store_true", help="leave tokenizer and template out")
    options = parser.parse_args()
    comparison = Comparison(options)
    comparison.generation()
    comparison.perplexity()
    if not options.skip_text:
        comparison.text()
    print("all within tolerance" if comparison.faults == 0 else f"{comparison.faults} differences")
    sys.exit(comparison.faults > 0)


if __name__ == "__main__":
    main()
