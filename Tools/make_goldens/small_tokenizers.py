"""Two small tokenizers, written as tokenizer.json and as GGUF metadata: byte-level BPE, and SentencePiece-style BPE with byte fallback."""

import json
import os
from collections import Counter

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = [
    "The small engine runs the large model over whatever hardware its owner has.",
    "It measures the hardware, plans where everything goes, and shows the plan.",
    "The planner and the executor share one value: where each weight lives and who multiplies it.",
    "there and then, this or that, in the end the answer is what the model thinks it is",
    "1 2 3 4 5 10 12 100 numbers and letters, letters and numbers",
] * 4

SAMPLES = ["The engine runs the model.", "  two  spaces and\na line", "It's 1234 o'clock, naïve Zoë: 日本語 🙂", ""]

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

INST = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}[INST] {{ message['content'] }} [/INST]"
    "{% elif message['role'] == 'assistant' %} {{ message['content'] }}{{ eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)

CHATS = [
    {"messages": [{"role": "user", "content": " Say hello. "}], "add_generation_prompt": True},
    {"messages": [{"role": "user", "content": "One"}, {"role": "assistant", "content": "Two"}, {"role": "user", "content": "Three"}],
     "add_generation_prompt": False},
]

LLAMA3_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")


class SmallTokenizer:
    """A tokenizer and the words around it. `size` tokens in all; a model's vocabulary may be larger (padding, as Qwen has it)."""

    bos = eos = None
    template = None
    adds_bos = False
    tokenizer_class = "PreTrainedTokenizerFast"

    def id(self, token):
        return None if token is None else self.tokenizer.token_to_id(token)

    def write(self, directory):
        self.tokenizer.save(os.path.join(directory, "tokenizer.json"))
        added = {str(self.id(token)): {"content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
                                       "special": True}
                 for token in self.special_tokens}
        config = {"added_tokens_decoder": added, "bos_token": self.bos, "eos_token": self.eos, "clean_up_tokenization_spaces": False,
                  "model_max_length": 1024, "tokenizer_class": self.tokenizer_class}
        if self.template:
            config["chat_template"] = self.template
        with open(os.path.join(directory, "tokenizer_config.json"), "w") as file:
            json.dump(config, file, indent=2)

    def expected(self):
        """Texts and their ids, with and without special tokens; chats and their text."""
        result = {"texts": [{"text": text, "tokens": self.tokenizer.encode(text).ids,
                             "tokens_without_special": self.tokenizer.encode(text, add_special_tokens=False).ids} for text in SAMPLES]}
        if self.template:
            result["chats"] = [chat | {"text": self.render(chat)} for chat in CHATS]
        return result

    def render(self, chat):
        from transformers import PreTrainedTokenizerFast
        wrapped = PreTrainedTokenizerFast(tokenizer_object=self.tokenizer, bos_token=self.bos, eos_token=self.eos,
                                          chat_template=self.template)
        return wrapped.apply_chat_template(chat["messages"], add_generation_prompt=chat["add_generation_prompt"], tokenize=False)

    def add_common(self, writer, config, tokens, types):
        while len(tokens) < config.vocab_size:  # rows of the matrices that no text leads to
            tokens.append(f"[PAD{len(tokens)}]")
            types.append(gguf.TokenType.UNUSED)
        writer.add_token_list(tokens)
        writer.add_token_types(types)
        if self.bos:
            writer.add_bos_token_id(self.id(self.bos))
        if self.eos:
            writer.add_eos_token_id(self.id(self.eos))
        writer.add_add_bos_token(self.adds_bos)
        if self.template:
            writer.add_chat_template(self.template)


class ByteLevel(SmallTokenizer):
    """256 bytes, merges, then the special tokens. `style` is the splitting rule: `gpt2`, `llama3` or `qwen2`."""

    STYLES = {
        "gpt2": (None, "gpt-2", ["<|endoftext|>"]),
        "llama3": (LLAMA3_SPLIT, "llama-bpe", ["<|begin_of_text|>", "<|im_end|>", "<|im_start|>"]),
        "qwen2": (QWEN2_SPLIT, "qwen2", ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
    }

    def __init__(self, style, size=300):
        split, self.pre, self.special_tokens = self.STYLES[style]
        self.tokenizer = Tokenizer(models.BPE())
        if split:
            self.tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
                pre_tokenizers.Split(Regex(split), behavior="isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        else:
            self.tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        if style == "qwen2":
            self.tokenizer.normalizer = normalizers.NFC()
        trainer = trainers.BpeTrainer(vocab_size=size - len(self.special_tokens), show_progress=False,
                                      initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
        self.tokenizer.train_from_iterator(CORPUS, trainer)
        self.tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in self.special_tokens])
        self.tokenizer.decoder = decoders.ByteLevel()
        self.template = None if style == "gpt2" else CHATML
        self.bos = None if style == "qwen2" else self.special_tokens[0]
        self.eos = self.special_tokens[0] if style == "gpt2" else "<|im_end|>"
        self.adds_bos = style == "llama3"
        byte_level = processors.ByteLevel(trim_offsets=False)
        self.tokenizer.post_processor = byte_level if not self.adds_bos else processors.Sequence([
            byte_level, processors.TemplateProcessing(single=f"{self.bos} $A", special_tokens=[(self.bos, self.id(self.bos))])])

    def add_to_gguf(self, writer, config):
        model = json.loads(self.tokenizer.to_str())["model"]
        vocabulary = self.tokenizer.get_vocab(with_added_tokens=True)
        tokens = [token for token, _ in sorted(vocabulary.items(), key=lambda item: item[1])]
        types = [gguf.TokenType.CONTROL if token in self.special_tokens else gguf.TokenType.NORMAL for token in tokens]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
        self.add_common(writer, config, tokens, types)


def trained_pieces(size, letters):
    """`size` pieces of the corpus: merges of the most frequent neighbours, first to last, then the most frequent letters.

    Rare letters stay out, so that byte fallback is met in ordinary text too. Ties go by the alphabet, whatever the library or its version.
    """
    words = Counter("\u2581" + word for line in CORPUS for word in line.split(" "))
    counts = Counter()
    for word, count in words.items():
        for letter in word:
            counts[letter] += count
    alphabet = sorted(counts, key=lambda letter: (-counts[letter], letter))[:letters]
    split, pieces = {word: list(word) for word in words}, []
    while len(pieces) < size - letters:
        pairs = Counter()
        for word, symbols in split.items():
            for pair in zip(symbols, symbols[1:]):
                if all(len(symbol) > 1 or symbol in alphabet for symbol in pair):
                    pairs[pair] += words[word]
        left, right = min(pairs, key=lambda pair: (-pairs[pair], pair))
        pieces.append(left + right)
        for symbols in split.values():
            index = 0
            while index + 1 < len(symbols):
                if (symbols[index], symbols[index + 1]) == (left, right):
                    symbols[index:index + 2] = [left + right]
                index += 1
    return pieces + alphabet


class SentencePiece(SmallTokenizer):
    """`<unk> <s> </s>`, 256 byte tokens, pieces by falling score: Llama 2's layout."""

    bos, eos, adds_bos, template, tokenizer_class = "<s>", "</s>", True, INST, "LlamaTokenizerFast"
    special_tokens = ["<unk>", "<s>", "</s>"]

    def __init__(self, size=301):
        self.pieces = trained_pieces(size - 259, letters=24)
        tokens = self.special_tokens + [f"<0x{byte:02X}>" for byte in range(256)] + self.pieces
        self.vocabulary = {token: index for index, token in enumerate(tokens)}
        merges = []
        for piece in self.pieces:
            splits = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
            splits = [pair for pair in splits if pair[0] in self.vocabulary and pair[1] in self.vocabulary]
            merges += sorted(splits, key=lambda pair: (self.vocabulary[pair[0]], self.vocabulary[pair[1]]))
        self.tokenizer = Tokenizer(models.BPE(self.vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        self.tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
        self.tokenizer.decoder = decoders.Sequence([
            decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
        self.tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in self.special_tokens])
        self.tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])

    def add_to_gguf(self, writer, config):
        tokens = [token for token, _ in sorted(self.vocabulary.items(), key=lambda item: item[1])]
        types = ([gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.BYTE] * 256
                 + [gguf.TokenType.NORMAL] * len(self.pieces))
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        scores = [-float(index) for index in range(max(len(self.pieces), config.vocab_size - 259))]
        writer.add_token_scores([0.0] * 259 + scores[:config.vocab_size - 259])
        writer.add_unk_token_id(0)
        writer.add_add_space_prefix(True)
        self.add_common(writer, config, tokens, types)


class NoTokenizer:
    def write(self, directory):
        pass

    def expected(self):
        return None

    def add_to_gguf(self, writer, config):
        writer.add_custom_alignment(64)


MAKERS = {"none": NoTokenizer, "gpt2": lambda: ByteLevel("gpt2"), "llama3": lambda: ByteLevel("llama3"),
          "qwen2": lambda: ByteLevel("qwen2"), "sentencepiece": SentencePiece}
