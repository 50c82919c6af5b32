"""The expression classifier that judges edits: its network, its training, and how to open it.

    tools/train/run ../judge/classifier.py --data faces64.npz [--minutes M]

writes classifier.safetensors (fp16; the metadata describes it) and README.md beside this file. The
held-out faces are those of the models' trainings.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "train"))

import card  # noqa: E402
import datasets  # noqa: E402
from trainer import Run, arguments  # noqa: E402

FILE = HERE / "classifier.safetensors"
IMAGES = 160_000
WIDTHS = (24, 48, 96, 128)


class Classifier(nn.Module):
    """(N,1,64,64) in -1 … 1 to the logits of expressions (N,8)."""

    def __init__(self, classes, widths=WIDTHS):
        super().__init__()
        layers, before = [], 1
        for i, width in enumerate(widths):
            layers += [nn.Conv2d(before, width, 3, 2, 1), nn.GroupNorm(8, width), nn.SiLU()]
            if i:
                layers += [nn.Conv2d(width, width, 3, 1, 1), nn.GroupNorm(8, width), nn.SiLU()]
            before = width
        self.features = nn.Sequential(*layers)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(before * 16, classes)

    def forward(self, x):
        return self.head(self.drop(self.features(x).flatten(1)))


def load():
    """The trained classifier and the names of its classes."""
    with safe_open(FILE, "pt") as file:
        names = json.loads(file.metadata()["classes"])
        network = Classifier(len(names), json.loads(file.metadata()["widths"]))
        network.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})
    return network.eval(), names


def vary(x):
    """Shifted by up to 4 pixels, of another brightness and contrast."""
    y, z = (int(v) for v in torch.randint(-4, 5, (2,)))
    x = functional.pad(x, (4, 4, 4, 4), "replicate")[:, :, 4 + y : 68 + y, 4 + z : 68 + z]
    gain, offset = torch.rand(2, len(x), 1, 1, 1, device=x.device) - 0.5
    return (x * (1 + 0.3 * gain) + 0.4 * offset).clamp(-1, 1)


@torch.no_grad()
def logits(network, x, batch=500):
    return torch.cat([network(part) for part in x.split(batch)])


def write(run, x, y, names, counts):
    network = run.average.to("cpu", memory_format=torch.contiguous_format)
    found = logits(network, x).argmax(1)
    recall = {c: (found[y == c] == c).float().mean().item() for c in sorted(set(y.tolist()))}
    mean = np.mean(list(recall.values()))
    accuracy = (found == y).float().mean().item()
    state = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, FILE, {"classes": json.dumps(names), "widths": json.dumps(WIDTHS),
                            "architecture": "tools/judge/classifier.py, Classifier"})
    rows = [
        (name, str(n), str(int((y == c).sum())), f"{recall[c]:.2f}" if c in recall else "")
        for c, (name, n) in enumerate(zip(names, counts))
    ]
    (HERE / "README.md").write_text(
        "# Judge of edits\n\n"
        "`classifier.safetensors` (fp16) names the expression of a grey face of 64×64 pixels in −1 … 1:\n"
        f"strided 3×3 convolutions to {', '.join(map(str, WIDTHS))} channels, a second convolution at all but the\n"
        "first size, each with group norm (8 groups) and SiLU, and one linear layer over the last 4×4\n"
        "positions. Trained on the same faces as the models by `tools/train/run ../judge/classifier.py`:\n"
        f"{datasets.FACES};\n"
        f"every 20th held out. {run.images:,} images, AdamW, EMA, mirrored, shifted, of varied brightness\n"
        "and contrast, classes weighted by count^−½.\n\n"
        f"Held-out accuracy {accuracy:.3f}; mean recall of the classes that occur there {mean:.3f}. Two classes have\n"
        "nine tenths of the faces; of the others few are held out, and what is said of them is rough.\n\n"
        + card.table(("expression", "training faces", "held out", "recall"), rows) + "\n"
        "`judge.py` scores what latent directions do to expressions, `prompts.py` how far samples heed their\n"
        "prompts; their tables are in `docs/results.md`.\n"
    )
    print(f"held-out accuracy {accuracy:.3f}, mean recall {mean:.3f}", flush=True)


def main():
    options = arguments(__doc__.splitlines()[0], IMAGES).parse_args()
    pictures, labels, names = datasets.faces(options.data, 64)
    train, heldout = datasets.split(len(pictures))
    x, y = datasets.to_network(pictures[heldout]), torch.from_numpy(labels[heldout]).long()
    torch.manual_seed(0)
    run = Run("judge", Classifier(len(names)), options, 2e-3, ema=0.998)
    run.resume(None)
    counts = np.bincount(labels[train], minlength=len(names))
    weights = torch.tensor(counts, dtype=torch.float32, device=run.device).rsqrt()
    batches = datasets.Batches(
        datasets.to_network(pictures[train]), torch.from_numpy(labels[train]).long(), seed=run.images
    )

    def heldout_loss():
        return functional.cross_entropy(logits(run.average, x.to(run.device)).cpu(), y).item()

    size = 64
    while run.goes_on():
        images, given = (v.to(run.device) for v in batches.take(size))
        with run.autocast():
            found = run.model(vary(images))
        loss = functional.cross_entropy(found.float(), given, weights)
        run.update(loss, size)
        if run.due():
            run.record(heldout_loss())
    run.record(heldout_loss())
    write(run, x, y, names, counts)


if __name__ == "__main__":
    main()
