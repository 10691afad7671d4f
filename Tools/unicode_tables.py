#!/usr/bin/env python3
"""Writes Sources/Text/Unicode/UnicodeTables.swift: the Unicode facts that tokenizers need.

    pip install unicodedata2==16.0.0 regex
    python Tools/unicode_tables.py > Sources/Text/Unicode/UnicodeTables.swift

Unicode 16 is what Hugging Face's tokenizers split and normalise by. Scripts come from the `regex` module, which may know a later
version: scalars that are unassigned in ours are left out.
"""

import unicodedata2 as unicodedata

import regex

CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn".split()
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcd"
SCRIPTS = (
    "Arabic Armenian Bengali Cyrillic Devanagari Georgian Greek Han Hangul Hebrew Hiragana Katakana Khmer Lao Latin Mongolian Myanmar "
    "Tamil Telugu Thai Tibetan"
).split()
SCALARS = range(0x110000)
# Characters of data in a line, so that the line keeps to the house's 140 columns.
WIDTH = 128


def category_runs():
    runs, start = [], 0
    previous = unicodedata.category(chr(0))
    for value in list(SCALARS[1:]) + [None]:
        category = None if value is None else unicodedata.category(chr(value))
        if category != previous:
            end = 0x110000 if value is None else value
            runs.append(f"{end - start}{LETTERS[CATEGORIES.index(previous)]}")
            start, previous = end, category
    return "".join(runs)


def ranges(values):
    """Ascending ranges as 'gap,length;' in hexadecimal, the gap counted from the end of the range before."""
    out, end, index = [], 0, 0
    values = sorted(values)
    while index < len(values):
        start = values[index]
        last = start
        while index + 1 < len(values) and values[index + 1] == last + 1:
            index += 1
            last = values[index]
        index += 1
        out.append(f"{start - end:x},{last + 1 - start:x};")
        end = last + 1
    return "".join(out)


def combining_runs():
    """'gap,length,class;' of scalars with a canonical combining class other than 0."""
    out, end, value = [], 0, 0
    while value < 0x110000:
        combining = unicodedata.combining(chr(value))
        if combining == 0:
            value += 1
            continue
        start = value
        while value < 0x110000 and unicodedata.combining(chr(value)) == combining:
            value += 1
        out.append(f"{start - end:x},{value - start:x},{combining:x};")
        end = value
    return "".join(out)


def decompositions():
    """'gap' + kind + 'scalar,scalar;': one level. Kinds: '=' canonical and composed again, '!' canonical only, '~' compatibility."""
    out, end = [], 0
    for value in SCALARS:
        mapping = unicodedata.decomposition(chr(value))
        if not mapping:
            continue
        parts = mapping.split()
        if parts[0].startswith("<"):
            kind, parts = "~", parts[1:]
        else:
            recomposes = unicodedata.normalize("NFC", chr(value)) == chr(value)
            kind = "=" if recomposes else "!"
        out.append(f"{value - end:x}{kind}{','.join(format(int(part, 16), 'x') for part in parts)};")
        end = value + 1
    return "".join(out)


def literal(name, comment, text):
    print(f"    /// {comment}")
    print(f'    static let {name}: StaticString = """')
    for index in range(0, len(text), WIDTH):
        print(f"        {text[index:index + WIDTH]}" + ("\\" if index + WIDTH < len(text) else ""))
    print('        """')
    print()


print("// Written by Tools/unicode_tables.py from Unicode " + unicodedata.unidata_version + "; do not edit.")
print()
print("/// Packed Unicode data, unpacked on first use by `UnicodeProperties` and `CanonicalData`. The forms are described in the script.")
print("enum UnicodeTables {")
literal("categories", "Runs of one general category: a decimal length and a letter, from scalar 0 on.", category_runs())
extra = [
    value
    for value in SCALARS
    if not 0xD800 <= value < 0xE000
    and unicodedata.category(chr(value)) in ("So", "Nl")
    and regex.match(r"\p{Alphabetic}", chr(value))
]
literal("otherAlphabetic", "Alphabetic scalars that are neither letters nor marks.", ranges(extra))
for script in SCRIPTS:
    members = [
        value
        for value in SCALARS
        if not 0xD800 <= value < 0xE000 and unicodedata.category(chr(value)) != "Cn" and regex.match(rf"\p{{Script={script}}}", chr(value))
    ]
    literal("script" + script, f"The script {script}.", ranges(members))
literal("combiningClasses", "Canonical combining classes other than 0.", combining_runs())
literal("decompositions", "Canonical and compatibility decompositions, Hangul syllables left out.", decompositions())
print("    /// The scripts by name.")
print("    static let scripts: [(name: StaticString, ranges: StaticString)] = [")
for script in SCRIPTS:
    print(f'        ("{script}", script{script}),')
print("    ]")
print("}")
