"""Writes the architectures that the benchmark measures, with random weights, as diffusers folders.

    python bench/models.py FOLDER

makes FOLDER/ddpm-cifar10-32 and FOLDER/ddpm-celebahq-256: the configurations of the published
google/ddpm-cifar10-32 and google/ddpm-celebahq-256, PyTorch's default initialisation, seed 0.
Time and memory do not depend on the values of weights; singular values do, so the accuracy stated
in the tables is that of these random networks.
"""

import argparse
import pathlib

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    for name, config in MODELS.items():
        if (folder / name / "model_index.json").exists():
            continue
        torch.manual_seed(0)
        scheduler = DDPMScheduler(beta_schedule="linear", beta_start=1e-4, beta_end=0.02)
        DDPMPipeline(UNet2DModel(**config), scheduler).save_pretrained(folder / name)
        print(folder / name)


if __name__ == "__main__":
    main()
