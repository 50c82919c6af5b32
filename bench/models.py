"""Writes the architectures that the benchmark measures, with random weights, as diffusers folders.

    python bench/models.py FOLDER

makes FOLDER/ddpm-cifar10-32 and FOLDER/ddpm-celebahq-256: the configurations of the published
google/ddpm-cifar10-32 and google/ddpm-celebahq-256 with random weights, seed 0: PyTorch's default
initialisation, the 3 x 3 kernels mixed with smoothed ones. A trained network passes low frequencies
rather than high ones, and its Jacobian's singular values fall; with the default initialisation alone
they hardly do, which no trained network shows (--plain makes it so). Time for each application and
memory do not depend on the values of weights; how many applications a basis needs does.

    python bench/models.py --stable-diffusion 1.5 FOLDER

makes FOLDER/stable-diffusion-v1-5 (2.1 GB): the architecture of Stable Diffusion 1.5, all parts of it,
with random weights in fp16 and the tokenizer of tests/golden/sd1-tiny; `2.1` makes that of
stable-diffusion-2-1, of 768 pixels and v-prediction, with the tokenizer of sd2-tiny, `xl` that of
stable-diffusion-xl (7 GB) with those of sdxl-tiny. bench/original.py makes
single files of them.
"""

import argparse
import pathlib
import shutil

import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

COMMON = dict(
    in_channels=3,
    out_channels=3,
    layers_per_block=2,
    act_fn="silu",
    attention_head_dim=None,
    downsample_padding=0,
    flip_sin_to_cos=False,
    freq_shift=1,
    norm_num_groups=32,
    norm_eps=1e-6,
    mid_block_scale_factor=1,
    center_input_sample=False,
    time_embedding_type="positional",
)

MODELS = {
    "ddpm-cifar10-32": dict(
        COMMON,
        sample_size=32,
        block_out_channels=(128, 256, 256, 256),
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    ),
    "ddpm-celebahq-256": dict(
        COMMON,
        sample_size=256,
        block_out_channels=(128, 128, 256, 256, 512, 512),
        down_block_types=("DownBlock2D",) * 4 + ("AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D") + ("UpBlock2D",) * 4,
    ),
}


# The binomial filter: what a smoothed kernel looks like.
BINOMIAL = torch.outer(torch.tensor([1.0, 2, 1]), torch.tensor([1.0, 2, 1])) / 16


# Such that sigma_50 / sigma_1 is about that of the trained faces32 (0.26 at t = 0.6).
SMOOTH = 0.5


def smooth(unet, share):
    """Mixes every 3 x 3 kernel with one of the same norm that smooths."""
    for module in unet.modules():
        if isinstance(module, torch.nn.Conv2d) and module.kernel_size == (3, 3):
            weight = module.weight.data
            mean = weight.sum((2, 3), keepdim=True) * BINOMIAL
            mean *= weight.norm() / mean.norm()
            weight.mul_(1 - share).add_(share * mean)


AUTOENCODER = dict(
    sample_size=512,
    block_out_channels=(128, 256, 512, 512),
    layers_per_block=2,
    down_block_types=("DownEncoderBlock2D",) * 4,
    up_block_types=("UpDecoderBlock2D",) * 4,
)


# Of each release: U-Net, text encoder, scheduler, folder, and whose tokenizer.
STABLE_DIFFUSION = {
    "1.5": dict(
        folder="stable-diffusion-v1-5",
        golden="sd1-tiny",
        unet=dict(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
        text=dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                  num_attention_heads=12, projection_dim=768),
        scheduler=dict(),
    ),
    "2.1": dict(
        folder="stable-diffusion-2-1",
        golden="sd2-tiny",
        unet=dict(sample_size=96, cross_attention_dim=1024, attention_head_dim=(5, 10, 20, 20),
                  use_linear_projection=True, upcast_attention=True),
        text=dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23,
                  num_attention_heads=16, projection_dim=512, hidden_act="gelu"),
        scheduler=dict(prediction_type="v_prediction"),
    ),
    "xl": dict(
        folder="stable-diffusion-xl",
        golden="sdxl-tiny",
        unet=dict(sample_size=128, block_out_channels=(320, 640, 1280), cross_attention_dim=2048,
                  down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                  up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
                  transformer_layers_per_block=(1, 2, 10), attention_head_dim=(5, 10, 20),
                  use_linear_projection=True, addition_embed_type="text_time",
                  addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816),
        text=dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                  num_attention_heads=12, projection_dim=768),
        text_2=dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32,
                    num_attention_heads=20, projection_dim=1280, hidden_act="gelu"),
        vae=dict(sample_size=1024, scaling_factor=0.13025),
        scheduler=dict(),
        dtype=torch.float16,  # its U-Net in float32 is 10 GB
    ),
}


def stable_diffusion(folder, release):
    """Parts are made and written one after the other: each needs its weights in memory."""
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    made = STABLE_DIFFUSION[release]
    folder = folder / made["folder"]
    AutoencoderKL(**{**AUTOENCODER, **made.get("vae", {})}).half().save_pretrained(folder / "vae")
    text = CLIPTextConfig(vocab_size=49408, **made["text"])
    CLIPTextModel(text).half().save_pretrained(folder / "text_encoder")
    if "text_2" in made:
        text = CLIPTextConfig(vocab_size=49408, **made["text_2"])
        CLIPTextModelWithProjection(text).half().save_pretrained(folder / "text_encoder_2")
    torch.set_default_dtype(made.get("dtype", torch.float32))
    unet = UNet2DConditionModel(**{"block_out_channels": (320, 640, 1280, 1280), **made["unet"]})
    torch.set_default_dtype(torch.float32)
    unet.half().save_pretrained(folder / "unet")
    DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, steps_offset=1, **made["scheduler"],
    ).save_pretrained(folder / "scheduler")
    golden = pathlib.Path(__file__).resolve().parents[1] / "tests" / "golden" / made["golden"]
    for tokenizer in golden.glob("tokenizer*"):
        shutil.copytree(tokenizer, folder / tokenizer.name, dirs_exist_ok=True)
    shutil.copy(golden / "model_index.json", folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--plain", action="store_true", help="PyTorch's initialisation alone")
    parser.add_argument("--stable-diffusion", choices=STABLE_DIFFUSION, help="one of its releases")
    arguments = parser.parse_args()
    folder = arguments.folder
    if arguments.stable_diffusion:
        stable_diffusion(folder, arguments.stable_diffusion)
        return
    for name, config in MODELS.items():
        if (folder / name / "model_index.json").exists():
            continue
        torch.manual_seed(0)
        unet = UNet2DModel(**config)
        if not arguments.plain:
            smooth(unet, SMOOTH)
        scheduler = DDPMScheduler(beta_schedule="linear", beta_start=1e-4, beta_end=0.02)
        DDPMPipeline(unet, scheduler).save_pretrained(folder / name)
        print(folder / name)


if __name__ == "__main__":
    main()
