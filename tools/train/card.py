"""Writes a model's folder: weights, configurations, pictures, the record of its training, its card."""

import json

import matplotlib
import numpy as np
from PIL import Image

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402


def write_json(path, value):
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=1) + "\n")
    part.rename(path)


def read_json(path, otherwise):
    return json.loads(path.read_text()) if path.exists() else otherwise


def recommend(folder, t, bands, **more):
    """pullback.json: settings that are there stay, but for the held-out loss and `more`."""
    path = folder / "pullback.json"
    first = {"t": t, "edit_step": 1, "edit_scale": 0.5, "edit_iterations": 16, "boost": 0}
    write_json(path, dict(read_json(path, first), heldout_loss=round(float(bands.mean()), 4), **more))


def table(heads, rows):
    """A table in Markdown, of cells that are texts."""
    lines = ["| " + " | ".join(cells) + " |\n" for cells in (heads, *rows)]
    return lines[0] + "|---" * len(heads) + "|\n" + "".join(lines[1:])


def bullets(record):
    """What training.json notes of a training besides, as lines of a list."""
    return "".join(f"* {note}\n" for note in record["notes"])


def steps(record):
    """How long a training was, and how its learning rate fell; in parts where it went on otherwise (with
    larger batches, say)."""
    texts, before = [], (0, 0, 0)
    for part in (*record.get("earlier", []), record):
        counts = part["images"], part["steps"], part["seconds"]
        images, number, seconds = (now - then for now, then in zip(counts, before))
        of = f" of {part['batch']}" if "batch" in part else ""
        rate = f"learning rate {part['rate']:g} at first, its" if "rate" in part else "the learning rate's"
        end = f"{part['cosine_end']:,}" if part["cosine_end"] else "the end of that time"
        texts.append(f"{images:,} images seen in {number:,} steps{of}, {seconds / 60:.0f} minutes\n"
                     f"  on {part['on']}, {rate} cosine ending at {end}")
        before = counts
    kept = record.get("kept", record["images"])
    best = f";\n  kept is the average after {kept:,}, the best on held-out data" if kept < record["images"] else ""
    return ";\n  then ".join(texts) + best


def draw_losses(path, losses, title, training="training", heldout="held out (EMA)"):
    """(images, training, held out) rows as curves."""
    images, *curves = np.array(losses).T
    figure, axes = pyplot.subplots(figsize=(5, 3), dpi=100)
    for curve, color, label in zip(curves, ("#9aa5b1", "#1f5fa8"), (training, heldout)):
        axes.plot(images / 1000, curve, color=color, label=label)
    axes.set(xlabel="thousand images seen", ylabel="loss", yscale="log", title=title)
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def draw_grid(path, images, columns=8, scale=2):
    """Images (n,h,w) or (n,3,h,w) in -1 … 1 as one picture."""
    images = np.asarray(images, np.float32)
    if images.ndim == 4:
        images = images.mean(1)
    pixels = np.clip(np.rint((images + 1) * 127.5), 0, 255).astype(np.uint8)
    rows = -(-len(pixels) // columns)
    h, w = pixels.shape[1:]
    sheet = np.full((rows * (h + 1) - 1, columns * (w + 1) - 1), 255, np.uint8)
    for i, picture in enumerate(pixels):
        y, x = divmod(i, columns)
        sheet[y * (h + 1) : y * (h + 1) + h, x * (w + 1) : x * (w + 1) + w] = picture
    picture = Image.fromarray(sheet)
    picture.resize((sheet.shape[1] * scale, sheet.shape[0] * scale), Image.LANCZOS).save(path)


def denoising(bands):
    """The held-out loss, from that in each of twenty bands of timesteps, as an item of a list."""
    fifths = ", ".join(f"{v:.4f}" for v in bands.reshape(5, -1).mean(1))
    return f"* Denoising loss, held out: {bands.mean():.4f}; by fifth of t from low to high: {fifths}.\n"


def band_table(bands):
    """The same in ten bands, as a table of two rows under its heading."""
    heads = [f"{100 * b}–{100 * b + 99}" for b in range(10)]
    losses = [f"{v:.4f}" for v in bands.reshape(10, -1).mean(1)]
    return "Held-out denoising loss per timestep:\n\n" + table(["t", *heads], [["loss", *losses]])
