"""Trains the text-conditioned U-Net of faces64-text.

    tools/train/run text_to_image.py --data faces64.npz [--minutes M]
    tools/train/run text_to_image.py --data faces64.npz --minutes 8 --anneal \
        --batch 512 --rate 8e-4 --shifts 16 --dropout 0.1 --no-compile

The second is for a GPU.

Needs the autoencoder (vae.py) and the text encoder (text_encoder.py) in models/faces64-text.
"""

import sys

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.resnet import ResnetBlock2D
from torch.nn import functional
from transformers import CLIPTextModel

import captions
import card
import datasets
import noise
import text_encoder
import vae as autoencoder
import vocabulary
from trainer import Run, arguments

NAME = autoencoder.NAME
IMAGES = 3_000_000
EMPTY = 0.1  # share of empty prompts, for classifier-free guidance
EMA = 0.9995
WORDINGS = 64  # captions composed for pictures of the same attributes
MOVED = 2  # pixels, at most, to each side
RARE = 3  # how many times a face is taken whose expression is not one of the two common ones
COMMON = ("happiness", "neutral")
UNET = dict(
    sample_size=16,
    in_channels=4,
    out_channels=4,
    block_out_channels=(96, 128, 192),
    layers_per_block=1,
    # Attention at 8 x 8 and in the bottleneck: at 16 x 16 it takes half of a step's time.
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    cross_attention_dim=text_encoder.WIDTH,
    attention_head_dim=4,
    norm_num_groups=32,
)
SHOWN = [
    "a photo of a smiling face",
    "a photo of a serious face, dark",
    "a portrait of a surprised person",
    "a bright face, angry",
]


@torch.no_grad()
def states_of(text, tokens):
    """The text encoder's states (N, length, width); each distinct caption is encoded once."""
    distinct, which = torch.unique(tokens, dim=0, return_inverse=True)
    parts = [text(input_ids=part.to(text.device)).last_hidden_state for part in distinct.split(512)]
    return torch.cat(parts)[which.to(text.device)]


@torch.no_grad()
def latents_of(vae, x, batch=200):
    """Scaled means of the latents of pictures (N,1,64,64) in -1 … 1."""
    parts = [
        vae.encode(part.to(vae.device).expand(-1, 3, -1, -1)).latent_dist.mean.cpu() for part in x.split(batch)
    ]
    return torch.cat(parts) * vae.config.scaling_factor


def moved(x, seed):
    """Each picture (of odd seeds: its mirror image) moved at random by up to MOVED pixels; what comes in at
    the edges mirrors what is there."""
    rng = np.random.default_rng(seed)
    h, w = x.shape[-2:]
    wide = functional.pad(x.flip(-1) if seed % 2 else x, (MOVED,) * 4, mode="reflect")
    at = rng.integers(2 * MOVED + 1, size=(len(x), 2))
    return torch.stack([p[:, i : i + h, j : j + w] for p, (i, j) in zip(wide, at.tolist())])


def kept_latents(vae, x, shifts, weights, path):
    """Those of pictures, of their mirror images, and `shifts` times of moved ones, kept in a file as
    long as the autoencoder's weights are older than it."""
    if path.exists() and path.stat().st_mtime > weights.stat().st_mtime:
        latents = torch.load(path)
        if len(latents) == (2 + shifts) * len(x):
            return latents
    views = [x, x.flip(-1), *(moved(x, seed) for seed in range(shifts))]
    latents = torch.cat([latents_of(vae, view) for view in views])
    torch.save(latents, path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)
    return latents


class Captioned:
    """Random batches of latents (of all pictures, then of each of their views) with the states of captions;
    `rows` of them, of which some may be taken more than once. For pictures of the same attributes many
    captions are composed beforehand, and at every use one of them is taken, or the empty one. All lies
    on the device: composing and encoding captions in every step would take longer than the step."""

    def __init__(self, latents, rows, of, tokenizer, text, seed):
        device, rng = text.device, np.random.default_rng(seed)
        kinds = sorted(set(map(tuple, of)))
        texts = ["", *(captions.compose(kind, rng)[0] for kind in kinds for _ in range(WORDINGS))]
        distinct, which = np.unique(texts, return_inverse=True)
        self.states = states_of(text, vocabulary.tokens_of(tokenizer, distinct)).half()
        self.empty = torch.tensor(which[0], device=device)
        self.wordings = torch.from_numpy(which[1:].reshape(len(kinds), WORDINGS)).to(device)
        self.kind = torch.tensor([kinds.index(tuple(attributes)) for attributes in of], device=device)
        self.latents = latents.to(device)
        self.batches = datasets.Batches(torch.from_numpy(rows).to(device), seed=seed, mirror=False)

    def take(self, size):
        rows = self.batches.take(size)
        wording = torch.randint(WORDINGS, (size,), device=rows.device)
        which = self.wordings[self.kind[rows % len(self.kind)], wording]
        which = torch.where(torch.rand(size, device=rows.device) < EMPTY, self.empty, which)
        return self.latents[rows], self.states[which].float()


@torch.no_grad()
def draw(unet, vae, states, scale, steps=50, seed=0):
    """One picture for each prompt, with classifier-free guidance, from the same noise. states: of the
    empty prompt, then of the prompts."""
    prompts = len(states) - 1
    x = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(seed))
    x = x.to(states.device).expand(prompts, -1, -1, -1)
    none, asked = states[:1].expand(prompts, -1, -1), states[1:]

    def predict(x, t):
        without, given = (unet(x, t, s).sample for s in (none, asked))
        return without + scale * (given - without)

    latents = noise.sample(predict, x, steps, seed, shared=True)
    return vae.decode(latents / vae.config.scaling_factor).sample.mean(1).clamp(-1, 1).cpu()


def write(run, bands, vae, states):
    """All of the folder but vae/, tokenizer/ and text_encoder/."""
    folder = run.options.models / NAME
    record = card.read_json(folder / "training.json", {})
    record["unet"] = dict(run.summary(), bands=[round(float(v), 5) for v in bands])
    grid = torch.cat([draw(run.average, vae, states, 3, seed=s) for s in range(8)])
    grid = grid.reshape(8, 4, 64, 64).transpose(0, 1).reshape(-1, 64, 64)
    card.draw_grid(folder / "samples.png", grid, 8, 1)
    unet = run.average.to("cpu", memory_format=torch.contiguous_format).half()
    unet.save_pretrained(folder / "unet")
    noise.scheduler().save_pretrained(folder / "scheduler")
    card.write_json(folder / "model_index.json", {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.42.1",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    })
    card.write_json(folder / "training.json", record)
    card.recommend(folder, 0.7, bands, attributes=captions.words())
    card.draw_losses(folder / "losses.png", record["unet"]["losses"], "text-conditioned latents")
    write_card(folder, record, bands, unet.num_parameters())


def write_card(folder, record, bands, parameters):
    vae, unet = record["vae"], record["unet"]
    late = vae["images"] - autoencoder.ADVERSARY
    critic = f"joined for the last {late:,} images" if late > 1000 else "has not joined yet"
    prompts = "; ".join(f"“{p}”" for p in SHOWN)
    (folder / "README.md").write_text(
        f"# {NAME}\n\n"
        "A small text-to-image model of faces in the layout of Stable Diffusion: 64×64 pixels, grey\n"
        f"(in three equal channels), latents of 16×16×4. The U-Net has {parameters / 1e6:.1f} M parameters;\n"
        "ε-prediction, `scaled_linear` schedule 0.00085 … 0.012, 1000 steps. Weights in fp16; those of U-Net and\n"
        "autoencoder are exponential moving averages.\n\n"
        "![samples](samples.png)\n\n"
        f"Samples, one row per prompt: {prompts}. Guidance scale 3, 50 stochastic\n"
        "steps, seeds 0 to 7, not chosen; drawn by the training script (`pullback sample --boost 1` draws such).\n\n"
        f"* Data: {datasets.FACES}, with labels of expressions; every\n"
        "  20th held out. Random mirror images. The pictures themselves are not part of this project.\n"
        "* Captions: composed anew each time from the expression's label with synonyms and from\n"
        "  the picture's brightness and contrast (`tools/train/captions.py`); 10 % are empty. Over nine\n"
        f"  tenths of the faces are happy or neutral; the others are taken {RARE} times as often.\n"
        f"* Autoencoder: `tools/train/run vae.py`, {card.steps(vae)}.\n"
        "  AdamW, learning rate 4e-4 at first, batch 16, EMA up to 0.9995. L1 + gradients at three\n"
        f"  scales + 1e-7 KL; a small patch discriminator {critic}.\n"
        f"  Reconstructions of {autoencoder.MEASURED} held-out faces: PSNR {vae['psnr']:.2f} dB.\n"
        f"* Tokenizer and text encoder: `tools/train/run text_encoder.py`, {record['text']['captions']:,} captions,\n"
        "  before the U-Net: to tell from its states the attributes that a caption names. All of them are\n"
        f"  told of {record['text']['told']:.1%} of held-out pictures' captions.\n"
        f"* U-Net: `tools/train/run text_to_image.py`, {card.steps(unet)}.\n"
        f"  AdamW, EMA up to {EMA}; loss of v, weighted by min(SNR, 5) / SNR.\n"
        + card.bullets(vae) + card.bullets(unet) + card.denoising(bands) +
        "* Limits: small, and of few faces. Some samples are malformed, by deterministic steps many. Its\n"
        "  prompts are these captions' words; others mean nothing to it. `docs/results.md` has how far\n"
        "  samples heed them.\n\n"
        "![losses](losses.png) ![losses of the autoencoder](losses-vae.png)\n\n"
        + card.band_table(bands)
    )


def main():
    parser = arguments(__doc__.splitlines()[0], IMAGES)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=4e-4, help="of learning, at first (default: %(default)s)")
    parser.add_argument("--shifts", type=int, default=0,
                        help=f"how many times each face is there besides, moved by up to {MOVED} pixels")
    parser.add_argument("--dropout", type=float, default=0, help="in the residual blocks (default: %(default)s)")
    options = parser.parse_args()
    folder = options.models / NAME
    for part in ("vae", "text_encoder"):
        if not (folder / part).exists():
            sys.exit(f"{folder}/{part} is missing: train it first ({part}.py)")
    vae = AutoencoderKL.from_pretrained(folder / "vae").float().eval().to(options.device)
    text = CLIPTextModel.from_pretrained(folder / "text_encoder").float().requires_grad_(False).to(options.device)
    pictures, labels, names = datasets.faces(options.data, 64)
    of = captions.attributes(pictures, labels, names)
    train, heldout = datasets.split(len(pictures))
    tokenizer = vocabulary.load(folder / "tokenizer")
    heldout = heldout[:500]
    x = latents_of(vae, datasets.to_network(pictures[heldout]))
    rng = np.random.default_rng(0)
    named = [captions.compose(of[i], rng)[0] for i in heldout]
    named = states_of(text, vocabulary.tokens_of(tokenizer, named))
    torch.manual_seed(0)
    run = Run("faces64-unet", UNet2DConditionModel(**UNET), options, options.rate, ema=EMA, every=512 * options.batch)
    run.resume("unet", folder=folder, part="unet")
    for module in run.model.modules():
        if isinstance(module, ResnetBlock2D):
            module.dropout.p = options.dropout
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    latents = kept_latents(vae, datasets.to_network(pictures[train]), options.shifts, weights,
                           run.folder / "latents.pt")
    of = [of[i] for i in train]
    rows = np.arange(len(latents))
    rows = np.repeat(rows, [1 if of[r % len(of)][0] in COMMON else RARE for r in rows])
    batches = Captioned(latents, rows, of, tokenizer, text, run.images)
    network = run.compiled(lambda *a: run.model(*a).sample)
    size = options.batch
    while run.goes_on():
        images, states = batches.take(size)
        # Otherwise every convolution in bf16 reorders its input: 19 images/s instead of 50.
        images = images.contiguous(memory_format=torch.channels_last)
        t = noise.timesteps(size, run.device)
        with run.autocast():
            error = noise.squared_error(network, images, t, torch.randn_like(images), states)
        run.update((noise.weight(t) * error).mean(), size, shown=error.detach().mean())
        if run.due():
            bands = noise.heldout_losses(run.average, x, named)
            run.record(bands.mean(), noise.weighted(bands))
    bands = noise.heldout_losses(run.average, x, named)
    run.record(bands.mean(), noise.weighted(bands))
    run.take_best()
    bands = noise.heldout_losses(run.average, x, named)
    write(run, bands, vae, states_of(text, vocabulary.tokens_of(tokenizer, ["", *SHOWN])))


if __name__ == "__main__":
    main()
