"""The vocabulary: one token per byte, one merge that GGUF readers insist on, and the marks of a conversation.

Ids 0...255 are the bytes themselves. Byte-level BPE ("gpt2" in GGUF) writes a byte as a printable character, as
`byte_characters` says. The only merge joins carriage return and line feed, since readers refuse an empty list.
"""

CARRIAGE_RETURN_LINE_FEED = 256
BEGIN = 257
END = 258
SYSTEM = 259
USER = 260
ASSISTANT = 261
PADDING = 262
UNUSED = 263
VOCABULARY_SIZE = 264

SPECIAL_TOKENS = {
    BEGIN: "<|begin|>",
    END: "<|end|>",
    SYSTEM: "<|system|>",
    USER: "<|user|>",
    ASSISTANT: "<|assistant|>",
    PADDING: "<|padding|>",
    UNUSED: "<|unused|>",
}

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{ raise_exception('Unknown role: ' + message['role']) }}"
    "{% endif %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] | trim + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def encode_text(text):
    return list(text.encode("utf-8"))


def decode_text(tokens):
    return bytes(token for token in tokens if token < 256).decode("utf-8", errors="replace")


def byte_characters():
    """The printable character that stands for each byte in a byte-level vocabulary."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    characters, spare = [], 256
    for byte in range(256):
        if byte in printable:
            characters.append(chr(byte))
        else:
            characters.append(chr(spare))
            spare += 1
    return characters


def vocabulary():
    """All token texts by id, and the merges."""
    characters = byte_characters()
    joined = characters[0x0D] + characters[0x0A]
    texts = characters + [joined] + [SPECIAL_TOKENS[token] for token in range(BEGIN, VOCABULARY_SIZE)]
    return texts, [f"{characters[0x0D]} {characters[0x0A]}"]
