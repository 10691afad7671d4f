"""Questions and answers for the bundled model, generated from a seed.

Every skill is a function of a random generator that returns a `Turn`: what the user writes and the one right
answer. A question belongs to the held-out part when the CRC of its text says so: training never shows such a
question and evaluation asks no other, so "fresh" holds by construction and not by luck.

Tokens are bytes: the id of a byte is the byte itself; the ids above are in `tokens.py`.
"""

import random
import zlib
from dataclasses import dataclass

from tokens import ASSISTANT, BEGIN, END, SYSTEM, USER, encode_text
from words import COMMON_WORDS, DAYS, FILLER_SENTENCES, MONTHS, NAMES, UNKNOWN_REQUESTS

HELD_OUT_ONE_IN = 16

IDENTITY = (
    "I am Motley Bundled, a tiny test model. I can reverse, spell, capitalise and repeat words, "
    "sort and compare numbers, and look up facts in a text."
)
GREETING = "Hello! I am a tiny model. Ask me what I can do."
UNKNOWN = "I am too small to answer that. Ask me what I can do."


@dataclass(frozen=True)
class Turn:
    """One question with its answer. `held_out` is decided by `key`, the part that makes the question itself."""

    skill: str
    question: str
    answer: str
    key: str

    @property
    def held_out(self) -> bool:
        return zlib.crc32(f"{self.skill}:{self.key}".encode()) % HELD_OUT_ONE_IN == 0


def turn(skill, question, answer, key=None):
    return Turn(skill, question, answer, question if key is None else key)


# --- words -------------------------------------------------------------------------------------------------

ONSETS = "b c d f g h j k l m n p r s t v w z br ch cl dr fl gr pl pr sh sk sl st th tr".split()
VOWELS = "a e i o u a e i o u ai ea oo ou".split()
CODAS = ["", "", "", "n", "r", "l", "s", "t", "m", "nd", "st", "ck"]


def invented_word(random, longest=10):
    while True:
        word = "".join(
            random.choice(ONSETS) + random.choice(VOWELS) + random.choice(CODAS) for _ in range(random.randint(1, 4))
        )
        if 3 <= len(word) <= longest:
            return word


def any_word(random, longest=10):
    """A common word, an invented one, or letters without any pattern, so that no answer can be memorised."""
    kind = random.random()
    if kind < 0.3:
        return random.choice(COMMON_WORDS)
    if kind < 0.75:
        return invented_word(random, longest)
    return "".join(random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(random.randint(3, longest)))


def reverse(random):
    word = any_word(random)
    form = random.choice(("Reverse the word: {}", "Reverse {}", "Write {} backwards.", "What is {} spelled backwards?"))
    return turn("reverse", form.format(word), word[::-1], word)


def spell(random):
    word = any_word(random)
    form = random.choice(("Spell the word: {}", "Spell {}", "How do you spell {}?"))
    return turn("spell", form.format(word), "-".join(word), word)


def capitals(random):
    word = any_word(random)
    form = random.choice(("Write {} in capitals.", "Capitals: {}"))
    return turn("capitals", form.format(word), word.upper(), word)


def repeat(random):
    text = " ".join(
        any_word(random) if random.random() < 0.6 else str(random.randint(0, 9999)) for _ in range(random.randint(1, 5))
    )
    form = random.choice(("Repeat: {}", "Say this again: {}", "Repeat after me: {}"))
    return turn("repeat", form.format(text), text)


# --- numbers -----------------------------------------------------------------------------------------------


def number(random, digits=3):
    """Every length is equally likely, so that short numbers are not drowned by long ones."""
    length = random.randint(1, digits)
    return random.randint(10 ** (length - 1) if length > 1 else 0, 10**length - 1)


def sort(random):
    numbers = [random.randint(0, 99) for _ in range(random.randint(2, 5))]
    form = random.choice(("Sort these numbers: {}", "Sort {}", "Put these numbers in order: {}"))
    text = " ".join(map(str, numbers))
    return turn("sort", form.format(text), " ".join(map(str, sorted(numbers))), text)


def compare(random):
    first = number(random)
    second = number(random)
    if random.random() < 0.3:  # close neighbours are the hard case
        second = max(0, min(999, first + random.choice((-1, 1)) * random.randint(1, 20)))
    if first == second:
        second = first + 1
    larger = random.random() < 0.5
    question = f"Which is {'larger' if larger else 'smaller'}, {first} or {second}?"
    return turn("compare", question, str(max(first, second) if larger else min(first, second)))


# --- fixed knowledge ---------------------------------------------------------------------------------------


def calendar(random):
    names, what = random.choice(((DAYS, "day"), (MONTHS, "month")))
    place = random.randrange(len(names) - 1)
    if random.random() < 0.5:
        return turn("calendar", f"Which {what} comes after {names[place]}?", names[place + 1])
    return turn("calendar", f"Which {what} comes before {names[place + 1]}?", names[place])


def identity(random):
    kind = random.random()
    if kind < 0.35:
        return turn("identity", random.choice(("Hello", "Hi", "Hello!", "Hi!", "Good morning", "Hey")), GREETING)
    if kind < 0.7:
        asked = ("What are you?", "Who are you?", "What can you do?", "What can you do for me?", "Help", "What is your name?")
        return turn("identity", random.choice(asked), IDENTITY)
    if kind < 0.8:  # arithmetic would take several times the training
        sign = random.choice(("+", "-", "*", "plus", "minus", "times"))
        return turn("identity", f"What is {number(random)} {sign} {number(random)}?", UNKNOWN)
    request = random.choice(UNKNOWN_REQUESTS)
    return turn("identity", request.replace("{}", any_word(random)), UNKNOWN)


# --- facts in a text ---------------------------------------------------------------------------------------


def person(random):
    return random.choice(NAMES) if random.random() < 0.7 else invented_word(random, 9).capitalize()


def fact(name, code):
    return f"{name}: {code}"


def text_of_facts(random, facts, filler):
    """The sentences of a text in which `facts` people have a code, with `filler` sentences that say nothing of it."""
    names = []
    while len(names) < facts:
        name = person(random)
        if name not in names:
            names.append(name)
    codes = {name: str(random.randint(1000, 9999)) for name in names}
    sentences = [fact(name, code) + "." for name, code in codes.items()]
    for _ in range(filler):
        sentences.insert(random.randint(0, len(sentences)), random.choice(FILLER_SENTENCES))
    return " ".join(sentences), codes


def lookup_question(random, name):
    return random.choice(("What is {}'s code?", "What is {}'s code?", "Tell me {}'s code.", "{}'s code?")).format(name)


def lookup_turns(random, facts, filler, questions, skill):
    """A text followed by its first question, then more questions on the same text."""
    text, codes = text_of_facts(random, facts, filler)
    turns = []
    for index, name in enumerate(random.choices(list(codes), k=questions)):
        question = lookup_question(random, name)
        turns.append(turn(skill, f"{text} {question}" if index == 0 else question, fact(name, codes[name]), text + name))
    return turns


def lookup_short(random):
    return lookup_turns(random, random.randint(2, 6), random.randint(0, 1), 1, "lookup")[0]


def lookup_long(random):
    """More than 1,000 tokens: 28 to 34 facts among filler."""
    while True:
        turns = lookup_turns(random, random.randint(28, 34), random.randint(24, 29), 1, "lookup-long")
        if 1010 <= len(turns[0].question) <= 1500:
            return turns[0]


SKILLS = {
    "reverse": reverse,
    "spell": spell,
    "capitals": capitals,
    "repeat": repeat,
    "sort": sort,
    "compare": compare,
    "calendar": calendar,
    "identity": identity,
    "lookup": lookup_short,
    "lookup-long": lookup_long,
}

#: Skills with so few questions that all of them are taught: they are knowledge, and nothing is held out.
WITHOUT_HELD_OUT = {"calendar", "identity"}


def draw(random, skill, held_out):
    """A question of a skill from the wanted part: the taught questions or the held-out ones."""
    while True:
        candidate = SKILLS[skill](random)
        if skill in WITHOUT_HELD_OUT or candidate.held_out == held_out:
            return candidate


# --- rows of training --------------------------------------------------------------------------------------

ANSWER_WEIGHT = 1.0
OTHER_WEIGHT = 0.03


class Row:
    """Tokens of one conversation with the weight each has as a target of the loss."""

    def __init__(self):
        self.tokens, self.weights = [], []

    def append(self, tokens, weight):
        self.tokens += tokens
        self.weights += [weight] * len(tokens)

    def begin(self, random):
        """Usually one BEGIN; sometimes none or two, as an engine and a template may both or neither add it."""
        self.append([BEGIN] * random.choices((1, 0, 2), (8, 1, 1))[0], 0.0)
        if random.random() < 0.05:
            system = random.choice(("You are a helpful assistant.", "Answer briefly.", "You are Motley."))
            self.append([SYSTEM] + encode_text(system) + [END], OTHER_WEIGHT)

    def add(self, turn):
        self.append([USER] + encode_text(turn.question) + [END, ASSISTANT], OTHER_WEIGHT)
        self.append(encode_text(turn.answer) + [END], ANSWER_WEIGHT)


def short_row(random, length, mixture):
    row = Row()
    row.begin(random)
    skills, weights = list(mixture), list(mixture.values())
    while len(row.tokens) <= length:
        row.add(draw(random, random.choices(skills, weights)[0], held_out=False))
    return row


def lookup_row(random, length, facts, filler):
    """A text, then as many questions on it as fit: many answers for the price of one long context."""
    row = Row()
    row.begin(random)
    questions = length // 36
    for turn in lookup_turns(random, facts, filler, questions, "lookup-row"):
        row.add(turn)
        if len(row.tokens) > length:
            return row
    while len(row.tokens) <= length:
        row.add(draw(random, "repeat", held_out=False))
    return row


def prompt_tokens(turn):
    """The tokens of a fresh conversation up to where the answer begins: what the chat template renders."""
    return [BEGIN, USER] + encode_text(turn.question) + [END, ASSISTANT]


def evaluation_turns(seed, skill, count):
    generator = random.Random(f"evaluation {seed} {skill}")
    return [draw(generator, skill, held_out=True) for _ in range(count)]
