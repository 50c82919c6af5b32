"""Trains the tokenizer and the text encoder of faces64-text, before its U-Net: one to two minutes.

    tools/train/run text_encoder.py --data faces64.npz

A U-Net is bound to the encoder that it is trained with: where there is one, the encoder stays.

From the encoder's states at the end of a caption and after it, a linear layer is to tell the attributes
that the caption names. Trained with the U-Net from the beginning instead, the states of all captions
become alike: what they say of the noise is little, and what the U-Net cannot use yet only disturbs it.
"""

import argparse
import pathlib
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel

import captions
import card
import datasets
import vocabulary
from trainer import ROOT
from vae import NAME

WIDTH = 128
MERGES = 400
STEPS = 400
BATCH = 64
RATE = 1e-3


def model(tokenizer):
    end = tokenizer.eos_token_id
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=vocabulary.LENGTH,
            projection_dim=WIDTH,
            bos_token_id=end - 1,
            eos_token_id=end,
            pad_token_id=end,
        )
    )


class Captions:
    """Random captions of pictures: tokens, where they have ended, and 1 for each attribute named."""

    def __init__(self, of, tokenizer, seed):
        self.of, self.tokenizer = of, tokenizer
        self.rng = np.random.default_rng(seed)
        self.attributes = list(captions.words())

    def take(self, size):
        rows = self.rng.integers(len(self.of), size=size)
        texts, named = zip(*(captions.compose(self.of[r], self.rng) for r in rows))
        tokens = vocabulary.tokens_of(self.tokenizer, texts)
        truth = torch.tensor([[float(a in some) for a in self.attributes] for some in named])
        return tokens, tokens == self.tokenizer.eos_token_id, truth[:, None]


def train(text, batches):
    head = nn.Linear(WIDTH, len(batches.attributes))
    optimizer = torch.optim.AdamW([*text.parameters(), *head.parameters()], RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS, pct_start=0.1)
    for _ in range(STEPS):
        tokens, ended, truth = batches.take(BATCH)
        found = head(text(input_ids=tokens).last_hidden_state)
        loss = functional.binary_cross_entropy_with_logits(found, truth.expand_as(found), reduction="none")
        optimizer.zero_grad()
        loss[ended].mean().backward()
        optimizer.step()
        schedule.step()
    return head


@torch.no_grad()
def told(text, head, batches, count=1000):
    """The share of captions whose attributes are all told rightly from the state at their end."""
    tokens, ended, truth = batches.take(count)
    right = ((head(text(input_ids=tokens).last_hidden_state) > 0) == truth.bool()).all(-1)
    return right[torch.arange(count), ended.int().argmax(1)].float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--models", type=pathlib.Path, default=ROOT / "models")
    options = parser.parse_args()
    folder = options.models / NAME
    bound = [str(p) for p in (folder / "unet", ROOT / "build" / "train" / "faces64-unet") if p.exists()]
    if bound:
        sys.exit(f"{' and '.join(bound)}: trained with the text encoder there; remove to begin again")
    pictures, labels, names = datasets.faces(options.data, 64)
    of = captions.attributes(pictures, labels, names)
    train_rows, heldout = datasets.split(len(pictures))
    if not (folder / "tokenizer").exists():
        rng = np.random.default_rng(1)
        texts = [captions.compose(of[i], rng)[0] for i in train_rows for _ in range(3)]
        vocabulary.write(folder / "tokenizer", texts, MERGES)
    tokenizer = vocabulary.load(folder / "tokenizer")
    torch.manual_seed(0)
    text = model(tokenizer)
    head = train(text, Captions([of[i] for i in train_rows], tokenizer, 2))
    share = told(text, head, Captions([of[i] for i in heldout], tokenizer, 3))
    text.half().save_pretrained(folder / "text_encoder")
    path = folder / "training.json"
    record = card.read_json(path, {})
    record.pop("unet", None)
    record["text"] = {"captions": STEPS * BATCH, "steps": STEPS, "told": round(share, 3)}
    card.write_json(path, record)
    print(f"{NAME}: of {share:.1%} of held-out pictures' captions all attributes told", flush=True)


if __name__ == "__main__":
    main()
