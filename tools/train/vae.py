"""Trains the autoencoder of faces64-text: 64 x 64 pixels to latents of 16 x 16 x 4.

    tools/train/run vae.py --data faces64.npz [--minutes M]

Once there is a U-Net, the latents it was trained on stay as they are: only the decoder goes on.
"""

import numpy as np
import torch
from diffusers import AutoencoderKL

import card
import datasets
import patches
from trainer import Run, arguments

NAME = "faces64-text"
IMAGES = 130_000
ADVERSARY = 72_000  # images before the discriminator has a say,
ALONE = 1_000  # and steps that it has learnt by then
MEASURED = 400  # held-out pictures that its losses are of
CONFIG = dict(
    sample_size=64,
    in_channels=3,
    out_channels=3,
    latent_channels=4,
    block_out_channels=(32, 64, 96),
    layers_per_block=1,
    down_block_types=("DownEncoderBlock2D",) * 3,
    up_block_types=("UpDecoderBlock2D",) * 3,
    norm_num_groups=16,
)


class VaeRun(Run):
    """The discriminator is kept with the rest of the state. frozen: only the decoder learns."""

    def __init__(self, options, frozen):
        super().__init__("faces64-vae", AutoencoderKL(**CONFIG), options, 4e-4, ema=0.9995)
        self.frozen = frozen
        self.model.encoder.requires_grad_(not frozen)
        self.model.quant_conv.requires_grad_(not frozen)
        self.critic = patches.Discriminator().to(self.device)
        self.critic_optimizer = torch.optim.AdamW(self.critic.parameters(), 2e-4, betas=(0.5, 0.9))
        self.others = {"critic": self.critic, "critic_optimizer": self.critic_optimizer}


@torch.no_grad()
def reconstruct(vae, x, batch=100):
    """Reconstructions from the mean of the latents, and those latents."""
    images, latents = [], []
    for part in x.split(batch):
        mean = vae.encode(part.expand(-1, 3, -1, -1)).latent_dist.mean
        latents.append(mean)
        images.append(vae.decode(mean).sample.mean(1, keepdim=True).clamp(-1, 1))
    return torch.cat(images), torch.cat(latents)


def psnr(a, b):
    """Mean over images of the peak signal-to-noise ratio, in dB; images in -1 … 1."""
    return (10 * torch.log10(4 / (a - b).square().mean((1, 2, 3)))).mean().item()


def write(run, x):
    """The folder vae/, its part of training.json, and a picture of reconstructions."""
    folder = run.options.models / NAME
    folder.mkdir(parents=True, exist_ok=True)
    vae = run.average.to("cpu", memory_format=torch.contiguous_format)
    images, latents = reconstruct(vae, x)
    scaling = round(1 / latents.std().item(), 5)
    if run.frozen:
        scaling = AutoencoderKL.load_config(folder / "vae")["scaling_factor"]
    vae.register_to_config(scaling_factor=scaling)
    vae.half().save_pretrained(folder / "vae")
    path = folder / "training.json"
    record = card.read_json(path, {})
    record["vae"] = dict(run.summary(), psnr=round(psnr(images, x), 2))
    card.write_json(path, record)
    card.draw_losses(folder / "losses-vae.png", record["vae"]["losses"], "autoencoder",
                     "training, all terms", "held out (EMA), L1")
    pairs = torch.stack([x[:16], images[:16]], 1).reshape(-1, 64, 64)
    # To look at only: it shows the data's own pictures, which do not go into the model's folder.
    card.draw_grid(run.folder / "reconstructions.png", np.asarray(pairs), 8, 1)
    print(f"{NAME}: PSNR of {len(x)} held-out faces {psnr(images, x):.2f} dB, latents' std "
          f"{latents.std():.3f}", flush=True)


def main():
    options = arguments(__doc__.splitlines()[0], IMAGES).parse_args()
    pictures, _, _ = datasets.faces(options.data, 64)
    train, heldout = datasets.split(len(pictures))
    x = datasets.to_network(pictures[heldout[:MEASURED]])
    torch.manual_seed(0)
    folder = options.models / NAME
    run = VaeRun(options, frozen=(folder / "unet").exists() and (folder / "vae").exists())
    run.resume("vae", folder=folder, part="vae")
    if run.frozen:  # as the average has it: that is what the U-Net was trained on
        for part in ("encoder", "quant_conv"):
            getattr(run.model, part).load_state_dict(getattr(run.average, part).state_dict())
    batches = datasets.Batches(datasets.to_network(pictures[train]), seed=run.images)

    def forward(images):
        # Otherwise every convolution in bf16 reorders its input.
        images = images.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(not run.frozen):
            posterior = run.model.encode(images).latent_dist
        return run.model.decode(posterior.sample()).sample, posterior.kl()

    # The adversary's balance goes back through the compiled graph more than once.
    torch._functorch.config.donated_buffer = False
    network = run.compiled(forward)
    last = run.model.decoder.conv_out.weight
    size = 16
    while run.goes_on():
        images = batches.take(size).to(run.device)
        adversary = run.images >= ADVERSARY and run.critic.steps >= ALONE
        with run.autocast():
            colours, kl = network(images)
            made = colours.float().mean(1, keepdim=True)
            grey = (colours.float() - made).abs().mean()  # all three channels are to agree
            close = (made - images).abs().mean() + 2 * patches.gradients(made, images)
            loss = close + 0.1 * grey + 1e-7 * kl.float().mean()
            if adversary:
                fooled = -run.critic(made).float().mean()
                loss = loss + 0.3 * patches.balance(close, fooled, last) * fooled
        run.update(loss, size)
        if run.images >= ADVERSARY - ALONE * size:
            with run.autocast():
                doubt = patches.hinge(run.critic(images).float(), run.critic(made.detach()).float())
            run.critic_optimizer.zero_grad(set_to_none=True)
            doubt.backward()
            run.critic_optimizer.step()
            run.critic.steps += 1
        if run.due():
            run.record((reconstruct(run.average, x.to(run.device))[0].cpu() - x).abs().mean().item())
    run.record((reconstruct(run.average, x.to(run.device))[0].cpu() - x).abs().mean().item())
    write(run, x)


if __name__ == "__main__":
    main()
