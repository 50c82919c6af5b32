"""Writes tests/golden/tokens.json: texts of all kinds and their ids by Hugging Face's CLIPTokenizer.

    python tests/golden/make/tokens.py        (transformers 5.24)

Most of the texts are drawn at random from the characters of Unicode 14 (letters that were added
later are letters only to libraries that know them), the rest are chosen to be difficult.
"""

import json
import pathlib
import random
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


def draw(rng):
    text = ""
    for _ in range(rng.randint(1, 12)):
        low, high = rng.choice(RANGES)
        drawn = (chr(rng.randint(low, high)) for _ in range(rng.randint(1, 6)))
        text += "".join(c for c in drawn if unicodedata.category(c) != "Cn")
        text += rng.choice(["", "", " ", "'s", "'LL", "\t"])
    return text


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


if __name__ == "__main__":
    main()
