"""The map from the noisy image to the bottleneck of a diffusers U-Net, as a function of x alone."""

import pathlib

import torch
from diffusers import UNet2DModel
from diffusers.models.attention_processor import AttnProcessor


def load(model, dtype=torch.float32):
    """The U-Net of a pipeline folder or a flat one, with attention that torch.func can handle."""
    folder = pathlib.Path(model)
    unet = UNet2DModel.from_pretrained(folder / "unet" if (folder / "unet").exists() else folder)
    for module in unet.modules():
        if hasattr(module, "set_processor"):
            module.set_processor(AttnProcessor())
    unet = unet.to(dtype).eval().requires_grad_(False)
    return unet.to(memory_format=torch.channels_last)


def bottleneck(unet, timestep):
    """x (n, c, h, w) -> the output of the mid block, (n, c', h', w')."""

    def forward(x):
        t = torch.full((x.shape[0],), timestep, dtype=x.dtype)
        emb = unet.time_embedding(unet.time_proj(t).to(x.dtype))
        h = unet.conv_in(x)
        for block in unet.down_blocks:
            h, _ = block(hidden_states=h, temb=emb)
        return unet.mid_block(h, emb)

    return forward
