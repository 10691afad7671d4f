#!/usr/bin/env python3
"""Exact match of the bundled model on held-out questions, by skill.

    python evaluate_bundled.py --motley ../.build/release/motley --model ../Models/motley-bundled.gguf

Each question is a fresh conversation, answered greedily; an answer counts only if it is the expected text to the
character. Held-out questions are never shown in training (see train_bundled/data.py). The default engine is motley
itself, one process per question, given the prompt's tokens (`--prompt text` gives the question as text instead and
so includes the chat template and the tokenizer). The other engines check motley and the file: llama_cpp reads the
same GGUF, transformers the directory that export.py writes with --huggingface, torch a training checkpoint.

Ends with status 1 if a claimed skill is below --require.
"""

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "train_bundled"))

import data  # noqa: E402
from tokens import END, decode_text  # noqa: E402

#: The skills the model card claims. Knowledge without held-out questions (calendar, identity) is measured beside them.
CLAIMED = ["reverse", "spell", "capitals", "repeat", "sort", "compare", "lookup", "lookup-long"]


def until_end(tokens):
    return tokens[: tokens.index(END)] if END in tokens else tokens


class MotleyEngine:
    def __init__(self, arguments):
        self.command = [arguments.motley, "run", "--model", arguments.model, "--temperature", "0", "--json"] + arguments.extra.split()
        self.as_text = arguments.prompt == "text"

    def answer(self, turn, limit):
        prompt = [turn.question] if self.as_text else ["--prompt-tokens", ",".join(map(str, data.prompt_tokens(turn)))]
        command = self.command + ["--max-tokens", str(limit)] + prompt
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"{' '.join(command)[:300]} ended with status {result.returncode}:\n{result.stderr[-2000:]}")
        done = json.loads(result.stdout.strip().splitlines()[-1])
        if done.get("event") != "done":
            sys.exit(f"the last line of motley's output is not the event 'done': {done}")
        if self.as_text:
            return done["text"].removesuffix("<|end|>")
        return decode_text(until_end(done["tokens"]))


class LlamaCppEngine:
    def __init__(self, arguments):
        import llama_cpp

        self.model = llama_cpp.Llama(model_path=arguments.model, n_ctx=4096, n_threads=arguments.threads, verbose=False)

    def answer(self, turn, limit):
        answer = []
        for token in self.model.generate(data.prompt_tokens(turn), temp=0.0):
            if token == END or len(answer) == limit:
                break
            answer.append(token)
        return decode_text(answer)


class TransformersEngine:
    def __init__(self, arguments):
        import torch
        import transformers

        torch.set_num_threads(arguments.threads)
        self.torch = torch
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(arguments.model)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32)

    def answer(self, turn, limit):
        messages = [{"role": "user", "content": turn.question}]
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        prompt = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        if prompt != data.prompt_tokens(turn):
            sys.exit(f"template and tokenizer give other tokens than training used for: {turn.question}")
        ids = self.torch.tensor([prompt])
        mask = self.torch.ones_like(ids)
        output = self.model.generate(ids, attention_mask=mask, max_new_tokens=limit, do_sample=False)
        return decode_text(until_end(output[0, len(prompt) :].tolist()))


class TorchEngine:
    def __init__(self, arguments):
        import torch
        from export import load

        torch.set_num_threads(arguments.threads)
        self.torch = torch
        self.model, _ = load(arguments.model)

    def answer(self, turn, limit):
        tokens, start = data.prompt_tokens(turn), len(data.prompt_tokens(turn))
        with self.torch.no_grad():
            while len(tokens) - start < limit:
                token = self.model(self.torch.tensor([tokens]))[0, -1].argmax().item()
                if token == END:
                    break
                tokens.append(token)
        return decode_text(tokens[start:])


ENGINES = {"motley": MotleyEngine, "llama_cpp": LlamaCppEngine, "transformers": TransformersEngine, "torch": TorchEngine}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).parent.parent
    parser.add_argument("--engine", choices=ENGINES, default="motley")
    parser.add_argument("--motley", default=str(root / ".build/release/motley"))
    parser.add_argument("--model", default=str(root / "Models/motley-bundled.gguf"))
    parser.add_argument("--prompt", choices=("tokens", "text"), default="tokens", help="how motley gets the question")
    parser.add_argument("--extra", default="", help="more options for motley run, as one string")
    parser.add_argument("--skills", help="comma-separated; default: all")
    parser.add_argument("--count", type=int, default=100, help="questions per skill")
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--threads", type=int, default=2, help="of the checking engines")
    parser.add_argument("--processes", type=int, default=1, help="motley processes at a time")
    parser.add_argument("--require", type=float, default=0.9, help="least share of exact answers of a claimed skill")
    parser.add_argument("--show-wrong", type=int, default=0, metavar="N")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    engine = ENGINES[arguments.engine](arguments)
    workers = arguments.processes if arguments.engine == "motley" else 1
    skills = arguments.skills.split(",") if arguments.skills else list(data.SKILLS)
    report, failed = {}, []
    if not arguments.json:
        print(f"{'skill':<14}{'exact':>8}{'questions':>11}  prompt tokens")
    for skill in skills:
        turns = data.evaluation_turns(arguments.seed, skill, arguments.count)
        limit = max(len(turn.answer) for turn in turns) + 8
        with ThreadPoolExecutor(workers) as pool:
            answers = list(pool.map(lambda turn: engine.answer(turn, limit), turns))
        wrong = [(turn, answer) for turn, answer in zip(turns, answers) if answer != turn.answer]
        lengths = [len(data.prompt_tokens(turn)) for turn in turns]
        exact = 1 - len(wrong) / len(turns)
        report[skill] = {
            "exact_match": round(exact, 4),
            "questions": len(turns),
            "claimed": skill in CLAIMED,
            "prompt_tokens": {"least": min(lengths), "mean": round(sum(lengths) / len(lengths)), "most": max(lengths)},
        }
        if skill in CLAIMED and exact < arguments.require:
            failed.append(skill)
        if not arguments.json:
            mark = " claimed" if skill in CLAIMED else ""
            print(f"{skill:<14}{exact:>8.1%}{len(turns):>11}  {min(lengths)}-{max(lengths)}{mark}", flush=True)
            for turn, answer in wrong[: arguments.show_wrong]:
                print(f"    {turn.question[-90:]!r}: {answer!r}, expected {turn.answer!r}")
    if arguments.json:
        print(json.dumps(report, indent=1))
    if failed:
        sys.exit(f"below {arguments.require:.0%}: {', '.join(failed)}")


if __name__ == "__main__":
    main()
