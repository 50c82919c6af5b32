"""Scores what latent directions do to facial expressions, on held-out faces.

    tools/train/run ../judge/judge.py --data faces64.npz --model faces64-text -o FOLDER

Global directions of h-space (the mean of bases of training faces), random unit vectors of x and random
combinations of the global directions are each edited along, to both sides and by the same guidance, with
the program `pullback`. The effect on an expression is the difference of its log-odds, as
classifier.safetensors sees them, between the two sides, in standard deviations of the log-odds over all
held-out faces, unedited; intervals are 95 %, by bootstrap over faces. FOLDER keeps bases, edits, table.md and
effects.json; what is there already, of the same options and weights, is not computed again.
"""

import argparse
import hashlib
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

import card  # noqa: E402
import datasets  # noqa: E402
from classifier import load, logits  # noqa: E402

RESAMPLES = 2000


def arguments(description):
    """The options of all scores."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--model", default="faces64-text", help="a name in models/")
    parser.add_argument("-o", "--out", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--pullback", default=ROOT / "build" / "pullback")
    return parser


def digest(folder):
    """Of all files of a model that the program reads, with their names."""
    paths = [p for p in folder.rglob("*") if p.suffix in (".safetensors", ".json", ".txt")]
    if not paths:
        sys.exit(f"{folder}: no model there")
    hashed = hashlib.sha256()
    for path in sorted(p for p in paths if p.name != "training.json"):
        hashed.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return hashed.hexdigest()


def open_folder(options):
    """Makes options.out, or ends if what lies there was made otherwise."""
    settings = {name: str(value) for name, value in vars(options).items() if name not in ("out", "pullback")}
    settings["model's files"] = digest(ROOT / "models" / options.model)
    options.out = options.out.resolve()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "settings.json"
    if path.exists() and json.loads(path.read_text()) != settings:
        sys.exit(f"{options.out}: has results of other options or weights ({path.name}); another -o, please")
    path.write_text(json.dumps(settings, indent=1) + "\n")


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
            face = picture(options.out, f"train-{i:02}", pixels)
            pullback(options, "basis", "--model", options.model, face, "--steps", options.steps,
                     "--rank", options.rank, "--no-pictures", "-o", paths[-1])
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
            face = picture(options.out, f"face-{i:03}", pixels)
            pullback(options, "edit", "--model", options.model, face, "--steps", options.steps, "--basis",
                     directions, "--rank", options.rank, "-d", f"0-{count - 1}", "--stages", 1,
                     "--strength", 1, "-o", path)
        found.append(np.load(path).mean(1))
    return torch.from_numpy(np.stack(found)).clamp(-1, 1)


def log_odds(network, images):
    """(…, 64, 64) to (…, classes)."""
    found = logits(network, images.reshape(-1, 1, 64, 64)).log_softmax(-1)
    return (found - torch.log1p(-found.exp().clamp(max=1 - 1e-6))).reshape(*images.shape[:-2], -1).numpy()


def score(values, rng, statistic=lambda mean: mean):
    """A statistic of the mean over faces, and its 95 % bootstrap interval; values (faces, …)."""
    rows = rng.integers(len(values), size=(RESAMPLES, len(values)))
    found = np.stack([statistic(values[r].mean(0)) for r in rows])
    return statistic(values.mean(0)), *np.quantile(found, [0.025, 0.975], axis=0)


def largest(mean):
    """Of (directions, expressions), the largest effect of either sign on each expression."""
    return np.abs(mean).max(0)


def effects(network, images, spread):
    """Of images (faces, 1 + 2 directions, 64, 64), for each face, direction and expression the effect
    (faces, directions, expressions), and for each direction the change of pixels, of 255."""
    odds = log_odds(network, images)
    change = 127.5 * (images[:, 1::2] - images[:, 2::2]).square().mean((-1, -2)).sqrt().mean(0).numpy()
    return (odds[:, 1::2] - odds[:, 2::2]) / spread, change


def cell(mean, low, high):
    """An effect with its interval, bold where that excludes 0."""
    text = f"{mean:+.2f} ({low:+.2f} … {high:+.2f})"
    return f"**{text}**" if low > 0 or high < 0 else text


def row(name, change, scores, form=cell):
    return [name, f"{change:.1f}", *(form(*v) for v in zip(*scores))]


def table(names, found, rng):
    """Rows of the global directions, then for each kind of random ones the largest effects."""
    rows = []
    for kind, (effect, change) in found.items():
        if kind == "global":
            scores = zip(*score(effect, rng))
            rows += [row(str(i), c, s) for i, (c, s) in enumerate(zip(change, scores))]
        else:
            form = "±{:.2f} ({:.2f} … {:.2f})".format
            scores = score(effect, rng, largest)
            rows.append(row(f"{kind}, largest of {len(change)}", change.mean(), scores, form))
    return card.table(["direction", "change", *names], rows)


def main():
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=40, help="held-out faces edited")
    parser.add_argument("--samples", type=int, default=16, help="training faces of the mean")
    parser.add_argument("--rank", type=int, default=20)
    parser.add_argument("--directions", type=int, default=6)
    parser.add_argument("--random", type=int, default=6, help="random directions of each kind")
    options = parser.parse_args()
    open_folder(options)
    network, names = load()
    pictures, _, _ = datasets.faces(options.data, 64)
    train, heldout = datasets.split(len(pictures))
    chosen = np.random.default_rng(0).choice(train, options.samples, replace=False)
    mean = global_directions(options, pictures[chosen])
    faces = pictures[np.random.default_rng(1).choice(heldout, options.faces, replace=False)]
    kinds = {"global": (mean, options.directions)}
    kinds.update((k, (path, options.random)) for k, path in random_directions(options, mean).items())
    spread = log_odds(network, datasets.to_network(pictures[heldout])[:, 0]).std(0)
    found = {
        kind: effects(network, edited(options, path, kind, count, faces), spread)
        for kind, (path, count) in kinds.items()
    }
    text = table(names, found, np.random.default_rng(2))
    (options.out / "table.md").write_text(text)
    record = {kind: {"effects": e.tolist(), "change": c.tolist()} for kind, (e, c) in found.items()}
    (options.out / "effects.json").write_text(json.dumps({"expressions": names, **record}))
    print(text)


if __name__ == "__main__":
    main()
