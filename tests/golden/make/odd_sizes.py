"""Makes odd.safetensors beside the golden networks and pipelines: what diffusers computes with their
weights, in double precision, at sizes that do not halve. Needs torch, diffusers, safetensors.

    python odd_sizes.py FOLDER

FOLDER is tests/golden. Networks get the tensors of their io.safetensors but the singular ones,
pipelines `image`, `latent` (scaled), and `decoded` (of that latent).
"""

import os
import sys

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor
from safetensors.torch import save_file

NETWORKS = {"unet2d-cond-sd1": (9, 13), "unet2d-cond-sd2": (7, 10)}
PIPELINES = {"sd1-tiny": (13, 18), "sd2-tiny": (15, 11)}
TIME, TOKENS = 421, 7


def open_model(kind, path):
    model = kind.from_pretrained(path, torch_dtype=torch.float64, low_cpu_mem_usage=False).eval()
    for module in model.modules():
        if isinstance(module, Attention):
            module.set_processor(AttnProcessor())
    return model


def draw(*shape):
    return torch.randn(*shape).double()


def save(io, *path):
    io = {k: (v if v.dtype == torch.int64 else v.float()).detach().contiguous()
          for k, v in io.items()}
    save_file(io, os.path.join(*path, "odd.safetensors"))


def make_network(folder, name, size):
    model = open_model(UNet2DConditionModel, os.path.join(folder, name))
    taps = {"mid": model.mid_block}
    taps.update({f"down.{i}": b for i, b in enumerate(model.down_blocks)})
    taps.update({f"up.{i}": b for i, b in enumerate(model.up_blocks)})
    found = {}
    for tap, block in taps.items():
        block.register_forward_hook(lambda _, __, out, tap=tap: found.__setitem__(
            tap, out[0] if isinstance(out, tuple) else out))
    x, v = (draw(1, model.config.in_channels, *size) for _ in range(2))
    context = draw(1, TOKENS, model.config.cross_attention_dim)

    def run(x, tap):
        out = model(x, TIME, context).sample
        return out if tap == "eps" else found[tap]

    io = dict(x=x, t=torch.tensor(TIME), context=context, v=v)
    io["out.eps"] = run(x, "eps")
    io.update({f"out.{tap}": found[tap].clone() for tap in taps})
    for tap in ("mid", "eps"):
        io[f"jvp.{tap}"] = torch.func.jvp(lambda x: run(x, tap), (x,), (v,))[1]
        io[f"u.{tap}"] = draw(*io[f"out.{tap}"].shape)
        io[f"vjp.{tap}"] = torch.autograd.functional.vjp(
            lambda x: run(x, tap), x, io[f"u.{tap}"])[1]
    save(io, folder, name)


@torch.no_grad()
def make_pipeline(folder, name, size):
    vae = open_model(AutoencoderKL, os.path.join(folder, name, "vae"))
    image = draw(1, vae.config.in_channels, *size).clamp(-1, 1)
    latent = vae.encode(image).latent_dist.mean * vae.config.scaling_factor
    latent = latent.float().double()
    decoded = vae.decode(latent / vae.config.scaling_factor).sample
    save(dict(image=image, latent=latent, decoded=decoded), folder, name)


if __name__ == "__main__":
    torch.manual_seed(9)
    for name, size in NETWORKS.items():
        make_network(sys.argv[1], name, size)
    for name, size in PIPELINES.items():
        make_pipeline(sys.argv[1], name, size)
