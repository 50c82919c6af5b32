"""A byte-pair vocabulary in the file format of CLIP's tokenizer, learnt from captions."""

import json
import re

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

SPECIAL = ("<|startoftext|>", "<|endoftext|>")
LENGTH = 77


def bytes_to_unicode():
    """The printable character that stands for each byte, in CLIP's (GPT-2's) order."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [b for b in range(256) if b not in kept]
    return [chr(b) for b in kept] + [chr(256 + i) for i in range(len(other))]


def write(folder, captions, merges):
    """vocab.json, merges.txt and the two configuration files. merges: how many to learn."""
    alphabet = bytes_to_unicode()
    model = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=2 * 256 + merges,
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    found = (w for text in captions for w in re.findall(r"\w+|[^\w\s]+", text.lower()))
    model.train_from_iterator(found, trainer)
    learnt = [tuple(m) for m in json.loads(model.to_str())["model"]["merges"]]
    vocabulary = alphabet + [c + "</w>" for c in alphabet]
    vocabulary += ["".join(pair) for pair in learnt] + list(SPECIAL)
    folder.mkdir(parents=True, exist_ok=True)
    numbered = {token: i for i, token in enumerate(vocabulary)}
    (folder / "vocab.json").write_text(json.dumps(numbered, ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in learnt)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    special = {"bos_token": SPECIAL[0], "eos_token": SPECIAL[1], "unk_token": SPECIAL[1]}
    special["pad_token"] = SPECIAL[1]
    settings = dict(special, tokenizer_class="CLIPTokenizer", model_max_length=LENGTH)
    settings["do_lower_case"] = True
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=1) + "\n")


def load(folder):
    return CLIPTokenizer.from_pretrained(folder)


def tokens_of(tokenizer, texts):
    """(texts, LENGTH) of tokens, padded with the end's."""
    return tokenizer(
        list(texts), padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt"
    ).input_ids
