"""Makes tests/golden/variants: tiny UNet2DModels and UNet2DConditionModels that use the options the other golden networks do
not, with their outputs by diffusers in double precision. Needs torch, diffusers, safetensors.

    python unet2d_variants.py FOLDER [NAME …]
"""

import json
import os
import sys

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel, UNet2DModel
from diffusers.models.attention_processor import Attention, AttnProcessor
from safetensors.torch import load_file, save_file

VARIANTS = {
    "classes": dict(num_class_embeds=5, act_fn="mish", mid_block_scale_factor=1.5,
                    layers_per_block=2, freq_shift=1),
    "variance": dict(in_channels=3, out_channels=6, act_fn="gelu", center_input_sample=True,
                     add_attention=False, attention_head_dim=4),
    "resnet": dict(down_block_types=["ResnetDownsampleBlock2D", "AttnDownBlock2D"],
                   up_block_types=["AttnUpBlock2D", "ResnetUpsampleBlock2D"], act_fn="relu",
                   downsample_type="resnet", upsample_type="resnet",
                   resnet_time_scale_shift="scale_shift", attn_norm_num_groups=2,
                   class_embed_type="timestep", downsample_padding=0),
    "heads": dict(block_out_channels=[12, 20], attention_head_dim=6, norm_num_groups=2,
                  time_embedding_dim=24, mid_block_type=None, flip_sin_to_cos=False),
}

DEFAULTS = dict(sample_size=[8, 12], in_channels=2, out_channels=2, block_out_channels=[8, 16],
                down_block_types=["DownBlock2D", "AttnDownBlock2D"],
                up_block_types=["AttnUpBlock2D", "UpBlock2D"], layers_per_block=1,
                norm_num_groups=4, attention_head_dim=8)
CONDITIONED = {
    "cross": dict(only_cross_attention=[True, False], num_class_embeds=5, attention_head_dim=[2, 4],
                  layers_per_block=[2, 1], transformer_layers_per_block=[1, 2], conv_in_kernel=5,
                  conv_out_kernel=1, act_fn="gelu", mid_block_scale_factor=1.5,
                  mid_block_only_cross_attention=True, use_linear_projection=True),
    "plain": dict(mid_block_type="UNetMidBlock2D", class_embed_type="timestep", flip_sin_to_cos=False,
                  freq_shift=1, time_embedding_dim=24, center_input_sample=True, out_channels=4,
                  resnet_time_scale_shift="scale_shift", norm_eps=1e-6, attention_head_dim=2),
    "odd": dict(sample_size=65, downsample_padding=0, block_out_channels=[4, 8, 8],
                down_block_types=["CrossAttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
                up_block_types=["UpBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"],
                attention_head_dim=2),
}
SIZES = {"odd": (11, 7)}  # the others: 8 x 12
CONDITIONED_DEFAULTS = dict(
    sample_size=[8, 12], in_channels=2, out_channels=2, block_out_channels=[8, 16],
    down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
    up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"], layers_per_block=1, norm_num_groups=4,
    cross_attention_dim=12)
LABEL, TIME = 3, 421.5


def make(name, options, folder):
    torch.manual_seed(len(name))
    conditioned = name in CONDITIONED
    config = {**(CONDITIONED_DEFAULTS if conditioned else DEFAULTS), **options}
    model = (UNet2DConditionModel if conditioned else UNet2DModel)(**config)
    for module in model.modules():
        if isinstance(module, Attention):
            module.set_processor(AttnProcessor())
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn_like(p) * (0.3 if p.dim() == 1 else 1 / p[0].numel() ** 0.5))
            if p.dim() == 1:
                p.add_(0.5)
    target = os.path.join(folder, name)
    model.save_pretrained(target, safe_serialization=True)
    prediction = "v_prediction" if name == "classes" else "epsilon"
    DDIMScheduler(prediction_type=prediction, clip_sample=True).save_pretrained(target)
    model = model.double().eval()
    if options.get("class_embed_type") == "timestep":  # diffusers leaves its sinusoids in float32
        model.class_embedding.register_forward_pre_hook(lambda _, x: (x[0].double(),))
    x = torch.randn(1, config["in_channels"], *SIZES.get(name, (8, 12)), dtype=torch.float64)
    v = torch.randn_like(x)
    conditional = "num_class_embeds" in options or "class_embed_type" in options
    label = torch.tensor([LABEL]) if conditional else None

    io = dict(x=x, v=v)
    if conditioned:
        io["context"] = torch.randn(1, 5, config["cross_attention_dim"], dtype=torch.float64)

    def out(x):
        t = torch.tensor(TIME, dtype=torch.float64)
        if conditioned:
            value = model(x, t, io["context"], class_labels=label)
        else:
            value = model(x, t, label)
        return value.sample[:, : x.shape[1]]

    value, jvp = torch.func.jvp(out, (x,), (v,))
    io.update(out=value, jvp=jvp)
    save_file({k: t.detach().float().contiguous() for k, t in io.items()},
              os.path.join(target, "io.safetensors"))


if __name__ == "__main__":
    for name, options in {**VARIANTS, **CONDITIONED}.items():
        if len(sys.argv) < 3 or name in sys.argv[2:]:
            make(name, options, sys.argv[1])
