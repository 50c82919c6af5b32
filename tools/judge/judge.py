"""Scores what latent directions do to facial expressions, on held-out faces.

    tools/train/run ../judge/judge.py --data faces64.npz --model faces64-text -o FOLDER

Global directions of h-space (the mean of bases of training faces), random unit vectors of x and random
combinations of the global directions are each edited along, to both sides and by the same guidance, with
the program `pullback`. The effect on an expression is the difference of its log-odds, as
classifier.safetensors sees them, between the two sides, in standard deviations of the log-odds over the
faces unedited; intervals are 95 %, by bootstrap over faces. FOLDER keeps bases, edits, table.md and
effects.json; what is there already is not computed again.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "train"))

import datasets  # noqa: E402
from classifier import load, logits  # noqa: E402

RESAMPLES = 2000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--model", default="faces64-text")
    parser.add_argument("-o", "--out", type=pathlib.Path, required=True)
    parser.add_argument("--faces", type=int, default=40, help="held-out faces edited")
    parser.add_argument("--samples", type=int, default=16, help="training faces of the mean")
    parser.add_argument("--rank", type=int, default=20)
    parser.add_argument("--directions", type=int, default=6)
    parser.add_argument("--random", type=int, default=6, help="random directions of each kind")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--pullback", default=ROOT / "build" / "pullback")
    return parser.parse_args()


def pullback(options, *words):
    subprocess.run([options.pullback, *map(str, words), "-q"], check=True, cwd=ROOT)


def picture(folder, name, pixels):
    path = folder / f"{name}.png"
    Image.fromarray(pixels).save(path)
    return path


def global_directions(options, pictures):
    """The mean basis file of training faces."""
    mean, paths = options.out / "mean.safetensors", []
    for i, pixels in enumerate(pictures):
        paths.append(options.out / f"basis-{i:02}.safetensors")
        if not paths[-1].exists():
            pullback(options, "basis", "--model", options.model, picture(options.out, f"train-{i:02}", pixels),
                     "--steps", options.steps, "--rank", options.rank, "--no-pictures", "-o", paths[-1])
    if not mean.exists():
        pullback(options, "mean", *paths, "-o", mean)
    return mean


def rewritten(path, mean, name, vectors, space):
    """A file like the mean's with other directions, orthonormal rows of `vectors`."""
    flat = torch.linalg.qr(vectors.flatten(1).T.double())[0].T.float()
    with safe_open(mean, "pt") as file:
        metadata = dict(file.metadata(), space=space)
    k = len(vectors)
    tensors = {"s": torch.ones(k), "agreement": torch.ones(k), name: flat.reshape(vectors.shape)}
    save_file({n: t.contiguous() for n, t in tensors.items()}, path, metadata)
    return path


def random_directions(options, mean):
    """Of x, and of the span of the mean's directions."""
    generator = torch.Generator().manual_seed(0)
    with safe_open(options.out / "basis-00.safetensors", "pt") as file:
        shape = file.get_slice("v").get_shape()[1:]
    with safe_open(mean, "pt") as file:
        u = file.get_tensor("u")
    of_x = torch.randn(options.random, *shape, generator=generator)
    weights = torch.randn(options.random, len(u), generator=generator)
    mixed = (weights @ u.flatten(1)).reshape(-1, *u.shape[1:])
    return {
        "random in X": rewritten(options.out / "random-x.safetensors", mean, "v", of_x, "X"),
        "random in the span": rewritten(options.out / "random-span.safetensors", mean, "u", mixed, "H"),
    }


def edited(options, directions, kind, count, pictures):
    """Grey images (faces, 1 + 2 count, 64, 64): the reconstruction, then + and - of each direction."""
    found = []
    for i, pixels in enumerate(pictures):
        path = options.out / f"{kind.replace(' ', '-')}-{i:03}.npy"
        if not path.exists():
            pullback(options, "edit", "--model", options.model, picture(options.out, f"face-{i:03}", pixels),
                     "--steps", options.steps, "--basis", directions, "-d", f"0-{count - 1}", "--stages", 1,
                     "-o", path)
        found.append(np.load(path).mean(1))
    return torch.from_numpy(np.stack(found)).clamp(-1, 1)


def log_odds(network, images):
    """(…, 64, 64) to (…, classes)."""
    found = logits(network, images.reshape(-1, 1, 64, 64)).log_softmax(-1)
    return (found - torch.log1p(-found.exp().clamp(max=1 - 1e-6))).reshape(*images.shape[:-2], -1).numpy()


def score(values, rng):
    """Mean over faces and its 95 % interval; values (faces, …)."""
    rows = rng.integers(len(values), size=(RESAMPLES, len(values)))
    means = values[rows].mean(1)
    return values.mean(0), *np.quantile(means, [0.025, 0.975], axis=0)


def effects(network, images, spread, rng):
    """For each direction and expression the effect, low and high, and the change of pixels (of 255)."""
    odds = log_odds(network, images)
    mean, low, high = score((odds[:, 1::2] - odds[:, 2::2]) / spread, rng)
    change = 127.5 * (images[:, 1::2] - images[:, 2::2]).square().mean((-1, -2)).sqrt().mean(0).numpy()
    return mean, low, high, change


def table(names, results, random):
    """Rows of directions, and for each kind of random ones the largest effect of either sign."""
    lines = ["| direction | change | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    for i, (mean, low, high, change) in enumerate(zip(*results)):
        cells = []
        for m, a, b in zip(mean, low, high):
            text = f"{m:+.2f} ({a:+.2f} … {b:+.2f})"
            cells.append(f"**{text}**" if a > 0 or b < 0 else text)
        lines.append(f"| {i} | {change:.1f} | " + " | ".join(cells) + " |")
    for kind, (mean, _, _, change) in random.items():
        largest = " | ".join(f"±{v:.2f}" for v in np.abs(mean).max(0))
        lines.append(f"| {kind}, largest of {len(mean)} | {change.mean():.1f} | {largest} |")
    return "\n".join(lines) + "\n"


def main():
    options = arguments()
    options.out = options.out.resolve()
    options.out.mkdir(parents=True, exist_ok=True)
    network, names = load()
    pictures, _, _ = datasets.faces(options.data, 64)
    train, heldout = datasets.split(len(pictures))
    rng = np.random.default_rng(0)
    mean = global_directions(options, pictures[rng.choice(train, options.samples, replace=False)])
    faces = pictures[rng.choice(heldout, options.faces, replace=False)]
    kinds = {"global": (mean, options.directions)}
    kinds.update((k, (path, options.random)) for k, path in random_directions(options, mean).items())
    images = {kind: edited(options, path, kind, count, faces) for kind, (path, count) in kinds.items()}
    everyone = torch.from_numpy(np.ascontiguousarray(pictures[heldout])).float() / 127.5 - 1
    spread = log_odds(network, everyone).std(0)
    found = {kind: effects(network, x, spread, rng) for kind, x in images.items()}
    results = found.pop("global")
    text = table(names, results, found)
    (options.out / "table.md").write_text(text)
    record = {k: [v.tolist() for v in r] for k, r in {"global": results, **found}.items()}
    (options.out / "effects.json").write_text(json.dumps({"expressions": names, **record}))
    print(text)


if __name__ == "__main__":
    main()
