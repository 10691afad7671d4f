#!/usr/bin/env python3
"""Renders chat templates with jinja2 as transformers configures it, for the tests of `ChatTemplate` to compare with.

Templates: Tests/TextTests/Templates/Styles/*.jinja, and those of ../shared/fixtures/templates where that folder exists (only what they
render is written down). Expressions and short templates: Tests/TextTests/Templates/language.txt, one per line, with \\n for a newline.
Writes Tests/TextTests/Templates/goldens.json. Needs transformers and jinja2.
"""
import datetime
import json
import os
import pathlib

import jinja2
import transformers.utils.chat_template_utils as chat_template_utils

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "Tests/TextTests/Templates"
SHARED = pathlib.Path(os.environ.get("MOTLEY_SHARED", ROOT.parent / "shared")) / "fixtures/templates"
NOW = datetime.datetime(2024, 7, 26, 15, 4, 5, 678)


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = FixedTime

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "Get the weather in a place",
    "parameters": {"type": "object", "properties": {
        "location": {"type": "string", "description": "City, e.g. Zürich"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "description": " The unit "},
        "days": {"type": ["integer", "string"], "description": "How many"}}, "required": ["location"]},
    "return": {"type": "number", "description": "degrees"}}}
ADD = {"type": "function", "function": {
    "name": "add", "description": "Adds <two> & \"numbers\"",
    "parameters": {"type": "object", "properties": {
        "a": {"type": "number", "description": "x"},
        "b": {"type": "array", "items": {"type": "string"}, "description": "y"},
        "c": {"type": "object", "additionalProperties": {"type": "boolean"}, "description": "z"}}}}}


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def call(name, arguments, number=3):
    return {"id": f"abcdef12{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


PARIS = call("get_weather", {"location": "Paris", "unit": "celsius"})
SUM = call("add", {"a": 1.5, "b": ["x", "ü"], "c": {"k": True, "n": None}}, 4)
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
PROMPT = {"add_generation_prompt": True}

CONTEXTS = {
    "greeting": ([message("user", "Hello")], PROMPT),
    "greeting-tools": ([message("user", " Hello ")], {"tools": [WEATHER, ADD], **PROMPT}),
    "greeting-tool": ([message("system", "Be kind."), message("user", "Hello")], {"tools": [WEATHER]}),
    "system": ([message("system", "You are   a pirate. "), message("user", "Hi"), message("assistant", "Arr"),
                message("user", " How are you? ")], PROMPT),
    "answered": ([message("user", "A"), message("assistant", "B"), message("user", "C"), message("assistant", "D")], {}),
    "thought": ([message("user", "2+2?"), message("assistant", "<think>\nLet me see: 2+2=4\n</think>\n\n4"), message("user", "3+3?"),
                 message("assistant", "<think>six</think>6")], {}),
    "reasoning": ([message("user", "2+2?"), message("assistant", "4", reasoning_content="two and two"), message("user", "again")],
                  {"enable_thinking": False, **PROMPT}),
    "called": ([message("system", "Be nice"), message("user", "Weather?"), message("assistant", "", tool_calls=[PARIS]),
                message("tool", "22 °C", name="get_weather", tool_call_id="abcdef123"), message("assistant", "It is 22 °C."),
                message("user", "ok")], {"tools": [WEATHER], **PROMPT}),
    "called-twice": ([message("user", "Both"), message("assistant", None, tool_calls=[PARIS, SUM]),
                      message("tool", "{\"t\": 22}", name="get_weather", tool_call_id="abcdef123"),
                      message("tool", {"sum": 3.0, "l": [1, 2]}, name="add", tool_call_id="abcdef124")], {"tools": [WEATHER, ADD]}),
    "called-text": ([message("user", "x"), message("assistant", "calling", tool_calls=[call("add", "{\"a\": 1}")]),
                     message("tool", "1", tool_call_id="abcdef123"), message("assistant", "done")], {}),
    "no-content": ([message("user", "x"), {"role": "assistant", "tool_calls": [PARIS]}, message("tool", "ok")], PROMPT),
    "unicode": ([message("system", "Ünï ☃ 😀 \u200b\u00a0"), message("user", "e\u0301 vs é 👩‍👩‍👧 \t tab\r\nline"),
                 message("assistant", "日本語\u2028sep \"quotes\" 'single' \\ back")], {}),
    "empty": ([message("user", ""), message("assistant", ""), message("system", "")], {}),
    "none": ([message("user", None), message("assistant", "x")], {}),
    "parts": ([message("system", [{"type": "text", "text": "sys"}]),
               message("user", [{"type": "text", "text": "What is this? "}, {"type": "image"}, {"type": "text", "text": "tell"}]),
               message("assistant", [{"type": "text", "text": "A cat"}])], PROMPT),
    "no-role": ([{"content": "x"}], {}),
    "other-role": ([message("narrator", "once"), message("user", "x")], {}),
    "assistant-first": ([message("assistant", "hello"), message("user", "x")], PROMPT),
    "system-only": ([message("system", "only")], {}),
    "no-messages": ([], PROMPT),
    "python": ([message("user", "q"), message("ipython", {"a": 1}), message("tool", ["x", 1, None, True, 1e20, 0.1])], {}),
    "repeated": ([message("system", "s"), message("user", "a"), message("user", "b"), message("assistant", "c"),
                  message("assistant", "d")], {}),
    "options": ([message("developer", "dev"), message("user", "hey"), message("assistant", "yo", thinking="hmm"), message("user", "bye")],
                {"documents": [{"title": "T", "text": "doc"}], "builtin_tools": ["code_interpreter", "brave_search"],
                 "tools_in_user_message": False, "date_string": "01 Jan 2025", "custom_tools": [ADD], "reasoning_effort": "high",
                 **PROMPT}),
    "code": ([message("user", "def f():\n    return {\"a\": [1, 2]}\n"), message("assistant", "```python\nprint(\"<|im_end|>\")\n```\n"),
              message("user", "{{ x }} {% y %}")], PROMPT),
}

LANGUAGE_CONTEXT = {
    "n": 3, "f": 2.5, "s": "Hello World", "u": "Grüße 😀", "t": True, "none_": None, "empty": "",
    "l": [3, 1, 2], "words": ["pear", "Apple", "fig"], "mixed": [1, "a", None, 2.0, True, [1], {"k": "v"}],
    "d": {"a": 1, "b": {"c": [1, 2, {"x": "y"}]}, "items": "shadow", "z": None},
    "users": [{"name": "Bo", "age": 30, "tags": ["x"]}, {"name": "al", "age": 25}, {"name": "Cy", "age": 30, "tags": []}],
    "lines": "one\ntwo\r\n\n  three\n", "html": "<b>&'\"</b>",
}


def outcome(render):
    try:
        return render()
    except jinja2.exceptions.TemplateSyntaxError as error:
        return {"error": "syntax", "line": error.lineno}
    except (jinja2.exceptions.UndefinedError, jinja2.exceptions.SecurityError):
        return {"error": "runtime"}
    except jinja2.exceptions.TemplateError as error:
        return {"error": "raised", "message": str(error)} if type(error) is jinja2.exceptions.TemplateError else {"error": "runtime"}
    except SyntaxError:
        return {"error": "syntax"}
    except Exception:
        return {"error": "runtime"}


def conversation(source, messages, more):
    more = {**TOKENS, **more}
    return outcome(lambda: chat_template_utils.render_jinja_template([messages], chat_template=source, **more)[0][0])


def language(source):
    return outcome(lambda: chat_template_utils._compile_jinja_template(source).render(**LANGUAGE_CONTEXT))


def main():
    templates = {path.stem: path for path in sorted((FOLDER / "Styles").glob("*.jinja"))}
    templates |= {"shared/" + path.stem: path for path in sorted(SHARED.glob("*.jinja"))}
    goldens = {"contexts": {name: {"messages": messages, **TOKENS, **more} for name, (messages, more) in CONTEXTS.items()}}
    goldens["conversations"] = {
        name: {key: conversation(path.read_text(), *context) for key, context in CONTEXTS.items()} for name, path in templates.items()}
    lines = [line for line in (FOLDER / "language.txt").read_text().splitlines() if line and not line.startswith("## ")]
    goldens["variables"] = LANGUAGE_CONTEXT
    goldens["language"] = [[line, language(line.replace("\\n", "\n"))] for line in lines]
    text = json.dumps(goldens, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / "goldens.json").write_text(text.replace('"],["', '"],\n["') + "\n")


if __name__ == "__main__":
    main()
