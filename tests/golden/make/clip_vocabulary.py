"""Compares tokenizers/clip with the file that OpenAI's CLIP derives its tokenizer from.

    pip download --no-deps clip-anytorch open_clip_torch
    python tests/golden/make/clip_vocabulary.py clip_anytorch-*.whl open_clip_torch-*.whl

A wheel holds bpe_simple_vocab_16e6.txt.gz; that file itself is taken too. What CLIP's own
simple_tokenizer.py makes of it, 48,894 merges and 49,408 tokens, must be what merges.txt and vocab.json
say. Prints the hashes of these, which tests/test_tokenizer.c knows. Needs Python alone.
"""

import gzip
import hashlib
import json
import pathlib
import sys
import zipfile

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "tokenizers" / "clip"
NAME = "bpe_simple_vocab_16e6.txt.gz"
SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
TOKENS = 49408


def read(path):
    if path.suffix != ".whl":
        return path.read_bytes()
    with zipfile.ZipFile(path) as wheel:
        return wheel.read(next(name for name in wheel.namelist() if name.endswith("/" + NAME)))


def letters():
    """A letter for each byte: itself where it is printed, in this order, else one beyond Latin-1."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in shown]
    return [chr(byte) for byte in shown] + [chr(256 + i) for i in range(len(others))]


def main():
    merges_file, vocabulary_file = FOLDER / "merges.txt", FOLDER / "vocab.json"
    for path in map(pathlib.Path, sys.argv[1:]):
        packed = read(path)
        assert hashlib.sha256(packed).hexdigest() == SHA256, f"{path}: another {NAME}"
        # The first line is a heading; CLIP takes as many merges as there is room for among its tokens.
        merges = gzip.decompress(packed).decode("utf-8").split("\n")[1 : 1 + TOKENS - 2 * 256 - 2]
        alphabet = letters()
        tokens = alphabet + [letter + "</w>" for letter in alphabet] + [merge.replace(" ", "") for merge in merges]
        tokens += ["<|startoftext|>", "<|endoftext|>"]
        lines = merges_file.read_text(encoding="utf-8").split("\n")
        assert lines == ["#version: 0.2", *merges, ""], f"{path}: other merges"
        vocabulary = json.loads(vocabulary_file.read_text(encoding="utf-8"))
        assert vocabulary == {token: i for i, token in enumerate(tokens)}, f"{path}: other tokens"
        print(f"{path}: the same {len(merges)} merges and {len(vocabulary)} tokens")
    for file in (merges_file, vocabulary_file):
        print(file.name, hashlib.sha256(file.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
