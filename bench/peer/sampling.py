"""DDIM sampling by diffusers: seconds per step for a batch, the network in its faster memory
format."""

import time

import torch
from diffusers import DDIMScheduler, UNet2DModel


def seconds_per_step(folder, batch, steps):
    best = None
    for memory_format in (torch.contiguous_format, torch.channels_last):
        unet = UNet2DModel.from_pretrained(folder / "unet" if (folder / "unet").exists() else folder)
        unet = unet.eval().to(memory_format=memory_format)
        where = folder / "scheduler" if (folder / "scheduler").exists() else folder
        scheduler = DDIMScheduler.from_pretrained(where)
        scheduler.set_timesteps(steps)
        x = torch.randn(batch, unet.config.in_channels, *[unet.config.sample_size] * 2)
        seconds = []
        with torch.inference_mode():
            for t in scheduler.timesteps:
                start = time.perf_counter()
                x = scheduler.step(unet(x, t).sample, t, x).prev_sample
                seconds.append(time.perf_counter() - start)
        seconds = sorted(seconds[1:])[(len(seconds) - 1) // 2]
        best = seconds if best is None else min(best, seconds)
    return best
