"""Trains an unconditional pixel model of the architecture and schedule of faces32.

    tools/train/run pixel.py fashion32 [--minutes M]
    tools/train/run pixel.py cifar32 --data cifar10.npz
    tools/train/run pixel.py faces32 --data faces64.npz --images N
"""

import torch
from diffusers import DDIMPipeline, UNet2DModel

import card
import datasets
import noise
from trainer import ROOT, Run, arguments

IMAGES = 265_600  # what faces32 has seen
WIDE = 92_800  # the first of them in batches of 64, then 32

KINDS = {
    "faces32": ("faces", lambda path: datasets.faces(path, 32)),
    "fashion32": ("articles of clothing (Fashion-MNIST)", datasets.fashion),
    "cifar32": ("things and animals (CIFAR-10)", datasets.cifar),
}
SOURCES = {
    "faces32": f"{datasets.FACES}, averaged to 32×32",
    "fashion32": "the 60,000 training pictures of Fashion-MNIST (Zalando, MIT licence), "
    "28×28 amid black",
    "cifar32": "the 50,000 training pictures of CIFAR-10 (Krizhevsky, 2009; its authors state no licence) in\n"
    "  grey",
}


def write(run, name, kind, bands, trained, total):
    """The model's folder."""
    folder = run.options.models / name
    unet = run.average.to("cpu", memory_format=torch.contiguous_format)
    DDIMPipeline(unet.half(), noise.scheduler()).save_pretrained(folder)
    unet.float()  # to draw with
    record = dict(run.summary(), bands=[round(float(v), 5) for v in bands])
    card.write_json(folder / "training.json", record)
    card.recommend(folder, 0.6, bands)
    curve = ""
    if len(record["losses"]) > 1:
        card.draw_losses(folder / "losses.png", record["losses"], name)
        curve = "![losses](losses.png)\n\n"
    others = " and ".join(n for n in KINDS if n != name)
    start = torch.randn(32, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    card.draw_grid(folder / "samples.png", noise.sample(lambda x, t: unet(x, t).sample, start, 50)[:, 0])
    (folder / "README.md").write_text(
        f"# {name}\n\n"
        f"A small unconditional pixel-space diffusion model of {kind}: 32×32, grey, ε-prediction.\n"
        "`UNet2DModel` of 2.7 M parameters (32, 64, 128 channels, one layer per block, attention at\n"
        "8×8), `scaled_linear` schedule 0.00085 … 0.012, 1000 steps; the same as\n"
        f"{others}, and as many images seen: these models\n"
        "differ in their data alone, for the study of dataset complexity. Weights in fp16, an exponential\n"
        "moving average.\n\n"
        "![samples](samples.png)\n\n"
        f"* Data: {SOURCES[name]}; every 20th held out ({trained:,} of {total:,} trained on),\n"
        "  random mirror images. The pictures themselves are not part of this project.\n"
        f"* Recipe: `tools/train/run pixel.py {name}`: {card.steps(record)}.\n"
        f"  AdamW, batch 64 for the first {WIDE:,}, then 32, learning rate 4e-4 with cosine decay,\n"
        "  gradient norm clipped to 1, EMA up to 0.999.\n"
        + card.denoising(bands) + card.bullets(record) +
        "* Limits: weakly trained, for the geometry of its latent space, not for its pictures: samples\n"
        "  are rough, and by deterministic steps some stay noise.\n\n"
        "Samples: seed 0, 50 stochastic steps, not chosen; drawn by the training script\n"
        "(`pullback sample --boost 1` draws such).\n\n" + curve +
        card.band_table(bands)
    )


def main():
    parser = arguments(__doc__.splitlines()[0], IMAGES, help=f"default, for fashion32: {datasets.FASHION}")
    parser.add_argument("name", choices=KINDS)
    options = parser.parse_args()
    kind, load = KINDS[options.name]
    if options.data is None and options.name != "fashion32":
        parser.error(f"{options.name}: which data? --data FILE")
    pictures, _, _ = load(options.data or datasets.FASHION)
    train, heldout = datasets.split(len(pictures))
    x = datasets.to_network(pictures[datasets.some(heldout, 1000)])
    torch.manual_seed(0)
    run = Run(options.name, UNet2DModel.from_config(ROOT / "models" / "faces32" / "unet"), options, 4e-4)
    run.resume("unet")
    batches = datasets.Batches(datasets.to_network(pictures[train]), seed=run.images)
    network = run.compiled(lambda x, t: run.model(x, t).sample)
    while run.goes_on():
        size = 64 if run.images < WIDE else 32
        images = batches.take(size).to(run.device)
        t = torch.randint(0, noise.T, (size,), device=run.device)
        with run.autocast():
            loss = noise.squared_error(network, images, t, torch.randn_like(images)).mean()
        run.update(loss, size)
        if run.due():
            run.record(noise.heldout_losses(run.average, x).mean())
    bands = noise.heldout_losses(run.average, x)
    run.record(bands.mean())
    write(run, options.name, kind, bands, len(train), len(pictures))


if __name__ == "__main__":
    main()
