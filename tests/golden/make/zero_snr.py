"""Makes tests/golden/zero-snr.safetensors: a noise schedule with rescale_betas_zero_snr by diffusers,
and what the network of sd2-tiny (v-prediction) samples with it, in double precision. Needs torch,
diffusers, safetensors.

    python zero_snr.py GOLDEN

alpha_bar (1000); sample (1,4,8,8): DDIMScheduler, trailing spacing, ten evaluations from
torch.manual_seed(5), guidance scale 7.5; up (1,4,8,8): the golden `latent` of sd2-tiny moved up the
paper's grid of ten points to alpha-bar = 0 under the prompt by the formula of DDIM.
"""

import sys

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor
from safetensors.torch import load_file, save_file

SCALE, STEPS = 7.5, 10


@torch.no_grad()
def main(golden):
    io = {k: v.double() for k, v in load_file(f"{golden}/sd2-tiny/io.safetensors").items()}
    unet = UNet2DConditionModel.from_pretrained(f"{golden}/sd2-tiny/unet").double()
    for module in unet.modules():
        if isinstance(module, Attention):
            module.set_processor(AttnProcessor())
    schedule = DDIMScheduler.from_pretrained(
        f"{golden}/sd2-tiny/scheduler", rescale_betas_zero_snr=True, timestep_spacing="trailing"
    )
    alpha_bar = schedule.alphas_cumprod

    def v(x, t, embedding):
        return unet(x, t, io[f"{embedding}.embedding"]).sample

    schedule.set_timesteps(STEPS)
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5)).double()
    for t in schedule.timesteps:
        without = v(x, t, "negative")
        x = schedule.step(without + SCALE * (v(x, t, "prompt") - without), t, x).prev_sample

    up = io["latent"]
    grid = [i * 999 // (STEPS - 1) for i in range(STEPS)]
    for t, s in zip(grid[:-1], grid[1:]):
        at, next = alpha_bar[t].double(), alpha_bar[s].double()
        out = v(up, torch.tensor(t), "prompt")
        x0 = at.sqrt() * up - (1 - at).sqrt() * out
        eps = at.sqrt() * out + (1 - at).sqrt() * up
        up = next.sqrt() * x0 + (1 - next).sqrt() * eps

    tensors = {"alpha_bar": alpha_bar, "sample": x.float(), "up": up.float()}
    save_file({k: t.contiguous() for k, t in tensors.items()}, f"{golden}/zero-snr.safetensors")


main(sys.argv[1])
