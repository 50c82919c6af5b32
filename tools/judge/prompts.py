"""Scores how far a model's samples heed their prompts.

    tools/train/run ../judge/prompts.py --data faces64.npz --model faces64-text -o FOLDER

For some expressions and each kind of light, the program `pullback` draws faces under
a prompt that names it, and from the same noise under the empty prompt. An effect is what the prompt
changes in an expression's log-odds, in the brightness or in the contrast (mean and standard deviation of
the pixels), in standard deviations over all held-out faces; intervals are 95 %, by bootstrap over the
noise. FOLDER keeps latents, pictures and table.md; what is there already, of the same options and weights, is
not drawn again.
"""

import numpy as np
import torch

from judge import arguments, cell, log_odds, open_folder, pullback, score

import captions  # of tools/train, which judge has put on the path
import card
import datasets
from classifier import load

ASKED = ("happiness", "neutral", "surprise", "anger")  # those of which there are held-out faces enough


def prompts():
    """attribute -> a prompt that asks for it."""
    words = {name: captions.with_article(captions.EXPRESSION_WORDS[name][0]) for name in ASKED}
    of = {name: f"a photo of {word} face" for name, word in words.items()}
    of.update((name, f"a photo of a face, {words[0]}") for name, words in captions.LIGHT_WORDS.items())
    return of


def drawn(options, name, prompt):
    """Grey images (samples, 64, 64) under a prompt, the first from seed 0."""
    latents, images = (options.out / f"{name.replace(' ', '-')}{end}.npy" for end in ("-latents", ""))
    if not images.exists():
        pullback(options, "sample", "--model", options.model, "--seed", 0, "-n", options.samples, "--steps",
                 options.steps, "--boost", 1, "--guidance-scale", options.guidance_scale, "--prompt", prompt,
                 "-o", latents)
        pullback(options, "decode", "--model", options.model, latents, "-o", images)
        card.draw_grid(images.with_suffix(".png"), np.load(images))
    return torch.from_numpy(np.load(images).mean(1)).clamp(-1, 1)


def measures(classifier, images):
    """(n, 64, 64) to (n, log-odds of those ASKED, brightness, contrast)."""
    network, names = classifier
    odds = log_odds(network, images)[:, [names.index(e) for e in ASKED]]
    flat = images.flatten(1)
    return np.concatenate([odds, torch.stack([flat.mean(1), flat.std(1)], 1).numpy()], 1)


def main():
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=32, help="pictures of each prompt")
    parser.add_argument("--guidance-scale", type=float, default=3)
    options = parser.parse_args()
    open_folder(options)
    classifier = load()
    pictures, _, _ = datasets.faces(options.data, 64)
    _, heldout = datasets.split(len(pictures))
    spread = measures(classifier, datasets.to_network(pictures[heldout])[:, 0]).std(0)
    plain = measures(classifier, drawn(options, "empty", ""))
    rng = np.random.default_rng(0)
    rows = []
    for name, prompt in prompts().items():
        effect = (measures(classifier, drawn(options, name, prompt)) - plain) / spread
        rows.append([prompt, *(cell(*v) for v in zip(*score(effect, rng)))])
    text = card.table(("prompt", *ASKED, "brightness", "contrast"), rows)
    (options.out / "table.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
