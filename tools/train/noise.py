"""The noise schedule of all bundled models, their loss, and how well they do at each timestep."""

import functools

import numpy as np
import torch
from diffusers import DDIMScheduler

T = 1000


def scheduler():
    """scaled_linear 0.00085 … 0.012: it ends at alpha-bar = 0.005, where a weakly trained network
    still samples; the DDPM schedule ends at 4e-5, where it does not."""
    return DDIMScheduler(
        num_train_timesteps=T,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
    )


ALPHA_BAR = scheduler().alphas_cumprod


@functools.cache
def alpha_bar(device):
    """Kept there: a copy in every step would wait for the accelerator."""
    return ALPHA_BAR.to(device)


def add_noise(x, noise, t):
    a = alpha_bar(x.device)[t].view(-1, 1, 1, 1)
    return a.sqrt() * x + (1 - a).sqrt() * noise


def squared_error(network, x, t, noise, *conditions):
    """Mean squared error of the predicted noise, for each image."""
    predicted = network(add_noise(x, noise, t), t, *conditions)
    return (predicted.float() - noise).square().mean((1, 2, 3))


def timesteps(size, device):
    """Random, one in each of `size` equal parts: the loss varies less from batch to batch."""
    return ((torch.arange(size, device=device) + torch.rand(size, device=device)) * T / size).long()


def weight(t, gamma=5):
    """Weights that make the squared error of eps at timesteps t that of v = sqrt(a) eps - sqrt(1 - a) x,
    times min(SNR, gamma) / SNR: those of Hang et al. 2023 for eps, here on the error of v. Without
    them most of the gradient comes from low noise, which says nothing of a picture's structure, and
    next to none from where prompts matter."""
    a = alpha_bar(t.device)[t]
    return (gamma * (1 - a) / a).clamp(max=1) / a


@torch.no_grad()
def heldout_losses(network, x, *conditions, bands=20, batch=250):
    """Denoising loss in each of `bands` bands of t: the same noise and timesteps at every call."""
    generator = torch.Generator().manual_seed(1)
    t = (torch.arange(len(x)) * T // len(x))[torch.randperm(len(x), generator=generator)]
    noise = torch.randn(x.shape, generator=generator)
    device = next(network.parameters()).device
    error = torch.cat(
        [
            squared_error(
                lambda *a: network(*a).sample,
                *(v[i : i + batch].to(device) for v in (x, t, noise, *conditions)),
            ).cpu()
            for i in range(0, len(x), batch)
        ]
    )
    band = t * bands // T
    return np.array([error[band == b].mean().item() for b in range(bands)])


def weighted(bands):
    """Held-out losses in bands as the one number that is trained for."""
    return (weight(torch.arange(T)).reshape(len(bands), -1).mean(1).numpy() * bands).mean()


@torch.no_grad()
def sample(predict, x, steps, seed=0, shared=False):
    """Stochastic steps (DDIM with eta = 1) from noise x to images; predict(x, t) is the predicted
    noise. Small networks draw far better by them than by deterministic ones. shared: all images have
    the same noise. 2**31: not x again, where that was drawn from the same seed."""
    generator = torch.Generator().manual_seed(2**31 + seed)
    schedule = scheduler()
    schedule.set_timesteps(steps)
    for t in schedule.timesteps:
        z = torch.randn((x[:1] if shared else x).shape, generator=generator).to(x.device).expand_as(x)
        x = schedule.step(predict(x, t), t, x, eta=1, variance_noise=z).prev_sample
    return x
