"""Writes tests/golden/tokens.json: texts of all kinds and their ids by Hugging Face's CLIPTokenizer;
and tokens-added.json: the same where tokens were added to the vocabulary (textual inversion).

    python tests/golden/make/tokens.py        (transformers 5.24)

Most of the texts are drawn at random from the characters of Unicode 14 (letters that were added
later are letters only to libraries that know them), the rest are chosen to be difficult.
"""

import json
import pathlib
import random
import shutil
import tempfile
import unicodedata

from transformers import CLIPTokenizer

GOLDEN = pathlib.Path(__file__).resolve().parents[1]
CHOSEN = [
    "hello!!! a! b !c",
    "<|ENDOFTEXT|> x<|endoftext|>y",
    "<|startoftext|>'s !<|STARTOFTEXT|>!!'ll",
    "İstanbul ΣΑΣ Straße ǅ ﬀ K Å",
    "a\u0085b\u00a0c\u2028d\u3000e\u200bf\u180eg",
    "x\ufeffy \u0001z\u007f",
    "ſt 's it'S 'Re'VE''s'",
    "e\u0301 \u0344 \u1e9b\u0323 \uac00\u11a8 \u0915\u093c",
    "１２３ Ⅷ ² ½ ٣٤ 万",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 🇩🇪 👩‍👩‍👧 ☺️",
    "   leading and   trailing \n\t ",
    "a" * 300,
    "ab" * 200 + " " + "1" * 100,
]
RANGES = [(0x20, 0x7E)] * 3 + [
    (0xA0, 0x24F), (0x250, 0x36F), (0x370, 0x5FF), (0x600, 0x6FF), (0x900, 0xD7F), (0xE00, 0xFFF),
    (0x1000, 0x1FFF), (0x2000, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
    (0xF900, 0xFDFF), (0xFE00, 0xFFEF), (0x10000, 0x10FFF), (0x1D400, 0x1D7FF), (0x1F300, 0x1FAFF),
]


# id: (token, normalized, special); a textual inversion's are normalised and not special.
ADDED = {
    "49406": ("<|startoftext|>", True, True),
    "49407": ("<|endoftext|>", False, True),
    "49408": ("<cat-toy>", True, False),
    "49409": ("<Style>", False, False),
    "49410": ("SKS-special", True, True),
}
WITH_ADDED = [
    "a photo of <cat-toy> on a table",
    "A PHOTO OF <CAT-TOY>",
    "a photo of <Style> art, <style>",
    "a<cat-toy>b  <cat-toy>",
    "photo of sks-special here",
    "SKS-special SKS-SPECIAL",
    "<|endoftext|> <cat-toy> <|startoftext|>",
]


def draw(rng):
    text = ""
    for _ in range(rng.randint(1, 12)):
        low, high = rng.choice(RANGES)
        drawn = (chr(rng.randint(low, high)) for _ in range(rng.randint(1, 6)))
        text += "".join(c for c in drawn if unicodedata.category(c) != "Cn")
        text += rng.choice(["", "", " ", "'s", "'LL", "\t"])
    return text


def with_added():
    decoder = {
        id: dict(content=token, lstrip=False, rstrip=False, single_word=False, normalized=normalized,
                 special=special)
        for id, (token, normalized, special) in ADDED.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(GOLDEN / "sd1-tiny" / "tokenizer", folder, dirs_exist_ok=True)
        path = pathlib.Path(folder) / "tokenizer_config.json"
        config = dict(json.loads(path.read_text()), added_tokens_decoder=decoder)
        path.write_text(json.dumps(config))
        tokenizer = CLIPTokenizer.from_pretrained(folder)
    items = [{"prompt": text, "ids": tokenizer(text).input_ids} for text in WITH_ADDED]
    result = {"added_tokens_decoder": decoder, "prompts": items}
    (GOLDEN / "tokens-added.json").write_text(json.dumps(result, indent=1) + "\n")


def main():
    rng = random.Random(0)
    texts = CHOSEN + [draw(rng) for _ in range(200)]
    result = {}
    for name in ("sd1-tiny", "sd2-tiny"):
        tokenizer = CLIPTokenizer.from_pretrained(GOLDEN / name / "tokenizer")
        result[name] = [
            {"prompt": text, "ids": tokenizer(text, truncation=True, max_length=77).input_ids}
            for text in texts
        ]
    (GOLDEN / "tokens.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")
    with_added()


if __name__ == "__main__":
    main()
