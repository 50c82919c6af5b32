"""Writes tests/golden/tokenizer-files.json: folders of a tokenizer whose files disagree, leave things
out or say null, and tokens that stand for several vectors; and which ids a StableDiffusionPipeline of
diffusers makes of prompts with each (or that it fails).

    python tests/golden/make/tokenizer_files.py        (transformers 5.24, diffusers 0.42)

"parts" are contents that many folders share; a string "@name" in a file stands for such a part.
"""

import itertools
import json
import os
import pathlib
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

from diffusers.loaders import TextualInversionLoaderMixin
from transformers import CLIPTokenizer

GOLDEN = pathlib.Path(__file__).resolve().parents[1]
BEGIN, END = "<|startoftext|>", "<|endoftext|>"
MERGES = ["c a", "ca t</w>", "d o", "do g</w>"]
OTHER_MERGES = ["d o", "a t</w>", "o g</w>"]
PROMPTS = ["a cat, a dog"]


def characters():
    """GPT-2's characters for bytes, in the order of CLIP's vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = range(256, 256 + 256 - len(printable))
    return [chr(c) for c in [*printable, *others]]


def vocabulary(merges):
    tokens = characters()
    tokens += [c + "</w>" for c in tokens] + [m.replace(" ", "") for m in merges] + [BEGIN, END]
    return {token: i for i, token in enumerate(tokens)}


PARTS = {
    "vocab": vocabulary(MERGES),
    "merges": MERGES,
    "merges.txt": "#version: 0.2\n" + "\n".join(MERGES) + "\n",
    "other": vocabulary(OTHER_MERGES),
    "other-merges": OTHER_MERGES,
    "other-merges.txt": "#version: 0.2\n" + "\n".join(OTHER_MERGES) + "\n",
}
SIZE = len(PARTS["vocab"])


def token(content, **more):
    return dict(dict(content=content, lstrip=False, rstrip=False, single_word=False,
                     normalized=True, special=False), **more)


def added(*contents, first=SIZE, **more):
    return {str(first + i): token(c, **more) for i, c in enumerate(contents)}


def named(content, **more):
    return dict(token(content, **more), __type="AddedToken")


def fast(tokens=(), vocab="@vocab", merges="@merges", first=SIZE, **more):
    listed = [dict(t, id=first + i) for i, t in enumerate(tokens)]
    bpe = dict(type="BPE", dropout=None, unk_token=END, continuing_subword_prefix="",
               end_of_word_suffix="</w>", fuse_unk=False, vocab=vocab, merges=merges)
    return dict(dict(version="1.0", truncation=None, padding=None, added_tokens=listed,
                     normalizer=None, pre_tokenizer=None, post_processor=None, decoder=None,
                     model=bpe), **more)


def folder(config=None, map=None, added=None, tokenizer=None, slow=True, length=12, **more):
    files = {}
    if slow:
        files |= {"vocab.json": "@vocab", "merges.txt": "@merges.txt"}
    if config is not None or length is not None:
        files["tokenizer_config.json"] = dict(
            {} if length is None else {"model_max_length": length}, **(config or {}))
    for name, value in [("special_tokens_map.json", map), ("added_tokens.json", added),
                        ("tokenizer.json", tokenizer)]:
        if value is not None:
            files[name] = value
    return files | more


TOYS = ["<toy>", "<toy>_1", "<toy>_2"]
TOY_PROMPTS = ["a <toy> dog", "<toy><toy>", "a <TOY>", "<toy>_1", "<toy>_1 <toy>", "<toy>_2 <toy>_3",
               "x<toy>y <toy>", "<toy>  <toy>", "cat " * 9 + "<toy>", "<Toy> <toy>"]
OTHER = {"vocab.json": "@other", "merges.txt": "@other-merges.txt"}

# name: (files, prompts)
CASES = {
    # Which vocabulary.
    "slow": (folder(), PROMPTS),
    "tokenizer.json beside other vocab.json": (folder(tokenizer=fast(), slow=False, **OTHER), PROMPTS),
    "other tokenizer.json beside vocab.json":
        (folder(tokenizer=fast(vocab="@other", merges="@other-merges")), PROMPTS),
    "tokenizer.json beside vocab.json that is no vocabulary":
        (folder(tokenizer=fast(), slow=False, **{"vocab.json": {"a": 0}, "merges.txt": "\n"}), PROMPTS),
    "tokenizer.json alone": (folder(tokenizer=fast(), slow=False), PROMPTS),
    "no tokenizer_config.json": (folder(length=None), PROMPTS),

    # Which special tokens.
    "pad of config": (folder({"pad_token": "!"}), PROMPTS),
    "pad of map": (folder(map={"pad_token": "!"}), PROMPTS),
    "pad of both": (folder({"pad_token": "!"}, {"pad_token": "#"}), PROMPTS),
    "pad of both, decoder": (folder({"pad_token": "!", "added_tokens_decoder": {}}, {"pad_token": "#"}),
                             PROMPTS),
    "pad of map only, decoder": (folder({"added_tokens_decoder": {}}, {"pad_token": "#"}), PROMPTS),
    "pad of tokenizer.json": (folder(tokenizer=fast(padding=dict(
        strategy="BatchLongest", direction="Right", pad_to_multiple_of=None, pad_id=0, pad_type_id=0,
        pad_token="!"))), PROMPTS),
    "pad null in config": (folder({"pad_token": None}), PROMPTS),
    "pad null in map": (folder({"pad_token": "!"}, {"pad_token": None}), PROMPTS),
    "pad null in config, not in map": (folder({"pad_token": None}, {"pad_token": "!"}), PROMPTS),
    "bos null": (folder({"bos_token": None}), PROMPTS),
    "eos null": (folder({"eos_token": None}), PROMPTS),
    "unk null": (folder({"unk_token": None}), PROMPTS),
    "bos, eos other": (folder({"bos_token": "#", "eos_token": "!", "pad_token": "$"}), PROMPTS + ["# !"]),
    "bos, eos other in map": (folder({}, {"bos_token": token("#"), "eos_token": token("!")}),
                              PROMPTS + ["# !"]),
    "bos typed": (folder({"bos_token": named("#")}), ["a #"]),
    "normalized in config, not in map":
        (folder({"bos_token": named("CAT")}, {"bos_token": token("CAT", normalized=False)}), ["CAT cat"]),
    "normalized in config, not in decoder":
        (folder({"bos_token": named("CAT"),
                 "added_tokens_decoder": added("CAT", normalized=False, special=True)}), ["CAT cat"]),
    "normalized for the end, unsaid for the pad":
        (folder({"eos_token": named("CAT"), "pad_token": "CAT"}), ["CAT cat"]),
    "normalized for the end, unsaid for the pad, for the mask again":
        (folder({"eos_token": named("CAT"), "pad_token": "CAT", "mask_token": named("CAT")}), ["CAT cat"]),
    "unsaid for the end, normalized for the pad":
        (folder({"eos_token": "CAT", "pad_token": named("CAT")}), ["CAT cat"]),
    "unsaid for the end, normalized for one of a list":
        (folder({"eos_token": "CAT", "extra_special_tokens": [named("CAT"), named("DOG")]}),
         ["CAT cat dog"]),
    "pad that is in no vocabulary": (folder({"pad_token": "<pad>"}), PROMPTS + ["<pad> <PAD>"]),
    "pad and mask that are in no vocabulary":
        (folder({"pad_token": "<pad>", "mask_token": "<mask>", "cls_token": "<cls>"}),
         ["<pad><mask><cls>"]),
    "token of a name of its own": (folder({"image_token": "<image>"}), ["a <image>"]),
    "tokens of names of their own":
        (folder({"b_token": "<b>", "a_token": named("<a>"), "c_token": {"content": "<c>"}, "d_token": 7},
                {"e_token": token("<e>"), "f_token": "<f>", "b_token": "<g>"}), ["<a><b>", "<c>", "<e><f><g>"]),
    "tokens beside others":
        (folder({"image_token": "<image>", "pad_token": "<pad>", "extra_special_tokens": ["<extra>"],
                 "added_tokens_decoder": added("<b>", "<a>")}), ["<image><pad><extra>", "<a><b>"]),
    "extra_special_tokens": (folder({"extra_special_tokens": ["<x>", "<Y>"]}), ["<x> <X> <Y> <y>"]),
    "extra_special_tokens by name": (folder({"extra_special_tokens": {"image_token": "<x>"}}), ["<x> <X>"]),
    "extra and additional": (folder({"extra_special_tokens": ["<x>"],
                                     "additional_special_tokens": ["<y>"]}), ["<x> <y>"]),
    "additional_special_tokens": (folder({"additional_special_tokens": ["<x>"]}), ["<x> <X>"]),
    "additional in map": (folder({}, {"additional_special_tokens": ["<x>"]}), ["<x> <X>"]),
    "additional in both": (folder({"additional_special_tokens": ["<y>"]},
                                  {"additional_special_tokens": ["<x>"]}), ["<x> <y>"]),
    "extra in both": (folder({"extra_special_tokens": ["<y>"]}, {"extra_special_tokens": ["<x>"]}),
                      ["<x> <y>"]),
    "additional empty, extra null": (folder({"additional_special_tokens": ["<x>"],
                                             "extra_special_tokens": None}), ["<x>"]),
    "additional a text": (folder({"additional_special_tokens": "<x>"}), PROMPTS),
    "additional null": (folder({"additional_special_tokens": None}), PROMPTS),

    # Which added tokens.
    "decoder": (folder({"added_tokens_decoder": added("<a>", "<B>")}), ["<a> <A> <B> <b>"]),
    "decoder null": (folder({"added_tokens_decoder": None}), PROMPTS),
    "decoder and added_tokens.json":
        (folder({"added_tokens_decoder": added("<a>")}, added={"<b>": SIZE}), ["<a> <b>"]),
    "decoder and tokenizer.json":
        (folder({"added_tokens_decoder": added("<a>")}, tokenizer=fast([token("<b>")])), ["<a> <b>"]),
    "decoder empty, added_tokens.json":
        (folder({"added_tokens_decoder": {}}, added={"<b>": SIZE}), ["<b>"]),
    "added_tokens.json and tokenizer.json":
        (folder(added={"<a>": SIZE}, tokenizer=fast([token("<b>")])), ["<a> <b>"]),
    "added_tokens.json and tokenizer.json, other numbers":
        (folder(added={"<a>": SIZE}, tokenizer=fast([token("<b>")], first=SIZE + 1)), ["<a> <b>"]),
    "added_tokens.json and tokenizer.json, normalized":
        (folder(added={"<A>": SIZE}, tokenizer=fast([token("<A>", normalized=False)])), ["<a> <A>"]),
    "added_tokens.json, special in config":
        (folder({"pad_token": "<A>"}, added={"<A>": SIZE}), ["<a> <A>"]),
    "added_tokens.json, special in map":
        (folder({}, {"additional_special_tokens": ["<A>"]}, added={"<A>": SIZE}), ["<a> <A>"]),
    "numbers with a gap": (folder({"added_tokens_decoder": added("<a>", first=SIZE + 5)}), ["<a>"]),
    "numbers that are others'": (folder({"added_tokens_decoder": {"7": token("<a>")}}), ["<a> ("]),
    "numbers of a vocabulary's tokens":
        (folder({"added_tokens_decoder": {"9999": token("cat</w>")}}), ["cat", "cat</w>"]),
    "numbers out of order":
        (folder({"added_tokens_decoder": {str(SIZE + 1): token("<a>"), str(SIZE): token("<b>")}}),
         ["<a> <b>"]),
    "numbers out of order in added_tokens.json": (folder(added={"<a>": SIZE + 1, "<b>": SIZE}), ["<a> <b>"]),
    "the same token twice":
        (folder({"added_tokens_decoder": {str(SIZE): token("<A>"),
                                          str(SIZE + 1): token("<A>", normalized=False)}}), ["<a> <A>"]),
    "the same token twice, first as it is":
        (folder({"added_tokens_decoder": {str(SIZE): token("<A>", normalized=False),
                                          str(SIZE + 1): token("<A>")}}), ["<a> <A>"]),
    "added without fields": (folder({"added_tokens_decoder": {str(SIZE): {"content": "<A>"}}}), ["<a> <A>"]),
    "special without fields":
        (folder({"added_tokens_decoder": {str(SIZE): {"content": "<A>", "special": True}}}), ["<a> <A>"]),
    "pad without fields":
        (folder({"pad_token": "<A>", "added_tokens_decoder": {str(SIZE): {"content": "<A>"}}}), ["<a> <A>"]),
    "normalized null":
        (folder({"added_tokens_decoder": {str(SIZE): token("<A>", normalized=None)}}), ["<a> <A>"]),
    "content null": (folder({"added_tokens_decoder": {str(SIZE): token(None)}}), PROMPTS),
    "strings in decoder": (folder({"added_tokens_decoder": {str(SIZE): "<a>"}}), PROMPTS),
    "tokenizer.json without fields":
        (folder(tokenizer=fast([{"content": "<A>"}])), ["<a> <A>"]),

    "a merge of no vocabulary's tokens":
        (folder(**{"merges.txt": "#version: 0.2\nx y\n"}), PROMPTS),
    "a word of unknown characters":
        (folder(tokenizer=fast(vocab={"a": 0, "b</w>": 1, "ab</w>": 2, BEGIN: 3, END: 4},
                               merges=["a b</w>"])), ["ab", "aab", "aXb x", "b"]),
    "unknown characters, null": (folder({"unk_token": None}, tokenizer=fast(
        vocab={"a": 0, "b</w>": 1, "ab</w>": 2, BEGIN: 3, END: 4}, merges=["a b</w>"])), ["ab"]),

    # Which length.
    "length of config": (folder(length=5), PROMPTS),
    "length of map": (folder(map={"model_max_length": 7}), PROMPTS),
    "length of map, decoder": (folder({"added_tokens_decoder": {}}, {"model_max_length": 7}), PROMPTS),
    "max_len": (folder({"max_len": 6}, length=None), PROMPTS),
    "max_len beside length": (folder({"max_len": 6}), PROMPTS),
    "length null": (folder({"model_max_length": None, "max_len": 6}), PROMPTS),
    "length of tokenizer.json": (folder(tokenizer=fast(truncation=dict(
        direction="Right", max_length=6, strategy="LongestFirst", stride=0))), PROMPTS),
    "length a text": (folder(length="12"), PROMPTS),
    "length a fraction": (folder(length=5.5), PROMPTS),
    "length a whole real": (folder(length=5.0), PROMPTS),
    "length 2": (folder(length=2), PROMPTS),
    "length 1": (folder(length=1), PROMPTS),
    "length 0": (folder(length=0), PROMPTS),
    "length true": (folder(length=True), PROMPTS),

    # Fields that do something, or nothing.
    "padding_side": (folder({"padding_side": "left"}), PROMPTS),
    "truncation_side": (folder({"truncation_side": "left"}, length=5), PROMPTS),
    "truncation_side null": (folder({"truncation_side": None}), PROMPTS),
    "padding_side null": (folder({"padding_side": None}), PROMPTS),
    "padding_side of map": (folder(map={"padding_side": "left"}), PROMPTS),
    "padding_side of tokenizer.json": (folder(tokenizer=fast(padding=dict(
        strategy="BatchLongest", direction="Left", pad_to_multiple_of=None, pad_id=0, pad_type_id=0,
        pad_token="!"))), PROMPTS),
    "truncation_side of tokenizer.json": (folder(length=5, tokenizer=fast(truncation=dict(
        direction="Left", max_length=6, strategy="LongestFirst", stride=0))), PROMPTS),
    "split_special_tokens": (folder({"split_special_tokens": True}), ["a <|endoftext|>"]),
    "split_special_tokens null": (folder({"split_special_tokens": None}), ["a <|endoftext|>"]),
    "do_lower_case false": (folder({"do_lower_case": False}), ["A CAT"]),
    "add_prefix_space": (folder({"add_prefix_space": True}), PROMPTS),
    "add_bos_token false": (folder({"add_bos_token": False, "add_eos_token": False}), PROMPTS),
    "another class": (folder({"tokenizer_class": "GPT2Tokenizer"}), PROMPTS),
    "another vocabulary in config": (folder({"vocab": "@other", "merges": [["d", "o"]]}), PROMPTS),
    "another file in config": (folder({"tokenizer_file": "other.json", "vocab_file": "other"}), PROMPTS),
    "fast_tokenizer_files": (folder({"fast_tokenizer_files": ["tokenizer.4.0.json"]}, **{
        "tokenizer.json": fast(), "tokenizer.4.0.json": fast(vocab="@other", merges="@other-merges")}),
        PROMPTS),
    "suffix null in tokenizer.json": (folder(tokenizer=fast(model=dict(
        type="BPE", end_of_word_suffix=None, vocab="@vocab", merges="@merges"))), PROMPTS),
    "post-processor of tokenizer.json": (folder(tokenizer=fast(post_processor=dict(
        type="RobertaProcessing", sep=["!", 0], cls=["#", 2], trim_offsets=True, add_prefix_space=False))),
        PROMPTS),

    # Tokens that stand for several vectors.
    "vectors": (folder({"added_tokens_decoder": added(*TOYS)}, length=14), TOY_PROMPTS),
    "vectors in added_tokens.json": (folder(added={t: SIZE + i for i, t in enumerate(TOYS)}, length=14),
                                     TOY_PROMPTS),
    "vectors in tokenizer.json": (folder(tokenizer=fast([token(t) for t in TOYS]), length=14), TOY_PROMPTS),
    "vectors of a token in upper case":
        (folder({"added_tokens_decoder": added("<Toy>", "<Toy>_1")}), ["<Toy>", "<toy>"]),
    "vectors of a token as it is":
        (folder({"added_tokens_decoder": added("<Toy>", "<Toy>_1", normalized=False)}),
         ["<Toy>", "<toy>", "<TOY> <Toy>"]),
    "vectors of a special token":
        (folder({"added_tokens_decoder": added("<Toy>", "<Toy>_1", normalized=False, special=True)}),
         ["<Toy>", "<toy>"]),
    "vectors with a gap": (folder({"added_tokens_decoder": added("<toy>", "<toy>_2")}), ["<toy>"]),
    "vectors from 2": (folder({"added_tokens_decoder": added("<toy>", "<toy>_1", "<toy>_3")}),
                       ["<toy>", "<toy>_3"]),
    "vectors to the tenth":
        (folder({"added_tokens_decoder": added("<t>", *(f"<t>_{i}" for i in range(1, 12)))}, length=20),
         ["<t> cat"]),
    "vectors of vectors": (folder({"added_tokens_decoder": added("<t>", "<t>_1", "<t>_1_1")}, length=20),
                           ["<t>", "<t>_1", "<t>_1_1"]),
    "a word of several vectors": (folder({"added_tokens_decoder": added("sks", "sks_1")}, length=20),
                                  ["a sks dog", "asks", "SKS", "sks_1 sks", "SKS sks"]),
    "a token that begins another": (folder({"added_tokens_decoder": added("toy", "toys", "toy_1")}, length=20),
                                    ["toy", "toys", "toys toy", "toys toy toys"]),
    "vectors of a token with white space":
        (folder({"added_tokens_decoder": added("<a b>", "<a b>_1")}), ["<a b>", "<a  b>", "<a b> <a  b>"]),
    "vectors of a token that strips":
        (folder({"added_tokens_decoder": added("<toy>", "<toy>_1", lstrip=True)}),
         ["<toy>", "a <toy>", "a<toy>", "<toy> <toy>"]),
    "vectors of a token that strips behind":
        (folder({"added_tokens_decoder": added("<toy>", "<toy>_1", rstrip=True)}),
         ["<toy>", "<toy> a", "<toy>a", "<toy> <toy>"]),
    "vectors of the end": (folder({"added_tokens_decoder": added("<|endoftext|>_1")}),
                           ["a <|endoftext|> b", "a"]),
    "vectors of the end, normalized":
        (folder({"eos_token": named(END), "pad_token": END, "unk_token": END,
                 "added_tokens_decoder": added(END + "_1")}), ["a <|endoftext|> b", "<|ENDOFTEXT|>"]),
    "vectors of a word of the vocabulary":
        (folder({"added_tokens_decoder": added("cat</w>", "cat</w>_1")}), ["cat", "cat</w>", "cat cat</w>"]),
    "a piece that is an added token":
        (folder({"added_tokens_decoder": added("ca", "ca_1", "cab", normalized=False)}, length=20),
         ["CAR cab", "CAR", "cab", "car"]),
    "normalisation of a prompt":
        (folder({"added_tokens_decoder": added("e\u0301", "e\u0301_1")}), ["e\u0301", "\u00e9", "E\u0301"]),
}


def resolve(value):
    if isinstance(value, str) and value.startswith("@"):
        return resolve(PARTS[value[1:]])
    if isinstance(value, dict):
        return {k: resolve(v) for k, v in value.items()}
    return [resolve(v) for v in value] if isinstance(value, list) else value


def converted(prompt, tokenizer):
    """maybe_convert_prompt goes through a set, whose order changes from run to run: here all orders
    must come to the same, or the prompt is no example."""
    added, found = tokenizer.added_tokens_encoder, set()
    several = [t for t in set(tokenizer.tokenize(prompt)) if t in added and f"{t}_1" in added]
    for order in itertools.permutations(several):
        text = prompt
        for t in order:
            vectors = itertools.takewhile(added.__contains__, (f"{t}_{i}" for i in itertools.count(1)))
            text = text.replace(t, " ".join([t, *vectors]))
        found.add(text)
    assert found == {TextualInversionLoaderMixin().maybe_convert_prompt(prompt, tokenizer)}
    return found.pop()


def outcome(files, prompts):
    with tempfile.TemporaryDirectory() as path:
        for name, value in files.items():
            value = resolve(value)
            text = value if isinstance(value, str) else json.dumps(value)
            (pathlib.Path(path) / name).write_text(text)
        try:
            tokenizer = CLIPTokenizer.from_pretrained(path)
            items = []
            for prompt in prompts:
                written = converted(prompt, tokenizer)
                length = tokenizer.model_max_length
                ids = tokenizer(written, padding="max_length", max_length=length, truncation=True)
                items.append({"prompt": prompt, "ids": ids.input_ids})
            return {"prompts": items}
        except AssertionError:
            raise
        except Exception:  # tokenizers raises nothing more special
            return {"fails": True}


def main():
    cases = []
    for name, (files, prompts) in CASES.items():
        cases.append({"name": name, "files": files, **outcome(files, prompts)})
    result = {"parts": PARTS, "cases": cases}
    text = json.dumps(result, separators=(",", ":"), ensure_ascii=False)
    (GOLDEN / "tokenizer-files.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
