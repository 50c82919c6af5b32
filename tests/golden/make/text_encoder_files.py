"""Writes tests/golden/text-encoder-files.json: of files of a text encoder's weights that lie beside each
other, which one StableDiffusionPipeline loads; the fp16 variant where it finds none without.

    python tests/golden/make/text_encoder_files.py        (transformers 5.24, diffusers 0.42)
"""

import itertools
import json
import os
import pathlib
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file

GOLDEN = pathlib.Path(__file__).resolve().parents[1]
MODEL = GOLDEN.parent / "faults" / "token-of-several-vectors"
NAMES = ["model.safetensors", "model.safetensors.index.json", "model.fp16.safetensors",
         "model.safetensors.index.fp16.json"]
MARK = "final_layer_norm.bias"


def write(folder, name, weights, mark):
    weights = dict(weights, **{MARK: weights[MARK] * 0 + mark})
    if not name.endswith(".json"):
        save_file(weights, folder / name, {"format": "pt"})
        return
    variant = ".fp16" if "fp16" in name else ""
    shards, names = [f"model{variant}-0000{i}-of-00002.safetensors" for i in (1, 2)], sorted(weights)
    index = {"metadata": {"total_size": 0}, "weight_map": {}}
    for shard, part in zip(shards, (names[::2], names[1::2])):
        save_file({n: weights[n] for n in part}, folder / shard, {"format": "pt"})
        index["weight_map"] |= {n: shard for n in part}
    (folder / name).write_text(json.dumps(index))


def taken(present):
    with tempfile.TemporaryDirectory() as path:
        shutil.copytree(MODEL, path, dirs_exist_ok=True)
        folder = pathlib.Path(path) / "text_encoder"
        weights = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        for name in present:
            write(folder, name, weights, NAMES.index(name))
        try:
            encoder = load(path, None)
        except OSError:
            encoder = load(path, "fp16")
        return NAMES[int(encoder.final_layer_norm.bias[0])]


def load(path, variant):
    """The whole pipeline; of its other parts there is only one file."""
    unet = pathlib.Path(path) / "unet"
    plain = unet / "diffusion_pytorch_model.safetensors"
    if variant:
        shutil.copy(plain, unet / "diffusion_pytorch_model.fp16.safetensors")
    return StableDiffusionPipeline.from_pretrained(path, variant=variant, vae=None).text_encoder


def main():
    result = [{"files": list(present), "taken": taken(present)}
              for n in range(1, 5) for present in itertools.combinations(NAMES, n)]
    (GOLDEN / "text-encoder-files.json").write_text(
        "[\n" + ",\n".join(" " + json.dumps(r) for r in result) + "\n]\n")


if __name__ == "__main__":
    main()
