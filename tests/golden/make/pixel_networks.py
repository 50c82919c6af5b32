"""Makes tests/golden/pixel: networks that see pixels in the names of their authors' code, tiny, and what
they compute. Needs torch, safetensors.

    python pixel_networks.py FOLDER

Two networks, written for this from the papers: `Ddpm`, of Ho, Jain & Abbeel 2020 (appendix B), in the names
of CompVis and SDEdit; `Adm`, of Dhariwal & Nichol 2021 (appendix), in those of guided-diffusion. FOLDER gets
NAME.json of each: its tensors' names and shapes (`tensors`), the settings beside it (`settings`, or null), and
the timestep and label of its values; and io.safetensors: NAME.x, NAME.out (all channels that the network has),
in double precision. Weights are not kept, but a rule (`number`), which tests/pixel.c has too.

    python pixel_networks.py --whole FOLDER

makes FOLDER/celebahq.ckpt, the architecture of DDPM's network for CelebA-HQ of 256 pixels (454 MB), and
FOLDER/ffhq_p2.pt with .json, that of P2 weighting for FFHQ (374 MB), with random weights: as torch.save writes
them. `--tiny FOLDER` makes such files of the tiny ones: NAME.pt, NAME.json.
"""

import argparse
import json
import math
import pathlib

import numpy
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

# -- what both have -------------------------------------------------------------------------------


def sinusoids(t, width, cosine_first, last):
    """sin and cos of t times frequencies from 1 down to 1/10000, which the last has where last is 1."""
    half = width // 2
    angles = t.double()[:, None] * torch.exp(
        -math.log(10000) * torch.arange(half, dtype=torch.float64) / (half - last))[None]
    parts = [angles.cos(), angles.sin()] if cosine_first else [angles.sin(), angles.cos()]
    return torch.cat(parts, 1)


def attend(q, k, v):
    """(N, C, pixels) each."""
    weights = torch.softmax(torch.einsum("nci,ncj->nij", q, k) / q.shape[1] ** 0.5, -1)
    return torch.einsum("nij,ncj->nci", weights, v)


def convolution(before, after, size=3, **more):
    return nn.Conv2d(before, after, size, padding=size // 2, **more)


class Module(nn.Module):
    """Of parts that have names: Module(conv=…)."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


# -- Ho et al. 2020 -------------------------------------------------------------------------------


class DdpmResnet(nn.Module):
    def __init__(self, before, after, width):
        super().__init__()
        self.norm1 = nn.GroupNorm(32, before, eps=1e-6)
        self.conv1 = convolution(before, after)
        self.temb_proj = nn.Linear(width, after)
        self.norm2 = nn.GroupNorm(32, after, eps=1e-6)
        self.conv2 = convolution(after, after)
        if before != after:
            self.nin_shortcut = convolution(before, after, 1)

    def forward(self, x, time):
        h = self.conv1(functional.silu(self.norm1(x)))
        h = h + self.temb_proj(functional.silu(time))[:, :, None, None]
        h = self.conv2(functional.silu(self.norm2(h)))
        return h + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class DdpmAttention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(32, channels, eps=1e-6)
        for part in "q", "k", "v", "proj_out":
            self.add_module(part, convolution(channels, channels, 1))

    def forward(self, x):
        h = self.norm(x)
        h = attend(*(part(h).flatten(2) for part in (self.q, self.k, self.v))).reshape(x.shape)
        return x + self.proj_out(h)


class Ddpm(nn.Module):
    def __init__(self, channels, mult, layers, attention, colours=3):
        super().__init__()
        width = 4 * channels
        self.channels, self.layers = channels, layers
        self.temb = Module(dense=nn.ModuleList([nn.Linear(channels, width), nn.Linear(width, width)]))
        self.conv_in = convolution(colours, channels)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, now = [channels], channels
        for i, m in enumerate(mult):
            level = Module(block=nn.ModuleList(), attn=nn.ModuleList())
            for _ in range(layers):
                level.block.append(DdpmResnet(now, m * channels, width))
                now = m * channels
                skips.append(now)
                if i in attention:
                    level.attn.append(DdpmAttention(now))
            if i + 1 < len(mult):
                level.add_module("downsample", Module(conv=nn.Conv2d(now, now, 3, stride=2)))
                skips.append(now)
            self.down.append(level)
        self.mid = Module(block_1=DdpmResnet(now, now, width), attn_1=DdpmAttention(now),
                          block_2=DdpmResnet(now, now, width))
        for i, m in reversed(list(enumerate(mult))):
            level = Module(block=nn.ModuleList(), attn=nn.ModuleList())
            for _ in range(layers + 1):
                level.block.append(DdpmResnet(now + skips.pop(), m * channels, width))
                now = m * channels
                if i in attention:
                    level.attn.append(DdpmAttention(now))
            if i:
                level.add_module("upsample", Module(conv=convolution(now, now)))
            self.up.insert(0, level)
        self.norm_out = nn.GroupNorm(32, now, eps=1e-6)
        self.conv_out = convolution(now, colours)

    def forward(self, x, t):
        first, second = self.temb.dense
        time = second(functional.silu(first(sinusoids(t, self.channels, False, 1))))
        h = self.conv_in(x)
        skips = [h]
        for level in self.down:
            for j, block in enumerate(level.block):
                h = block(h, time)
                h = level.attn[j](h) if len(level.attn) else h
                skips.append(h)
            if hasattr(level, "downsample"):
                h = level.downsample.conv(functional.pad(h, (0, 1, 0, 1)))
                skips.append(h)
        h = self.mid.block_2(self.mid.attn_1(self.mid.block_1(h, time)), time)
        for level in reversed(self.up):
            for j, block in enumerate(level.block):
                h = block(torch.cat([h, skips.pop()], 1), time)
                h = level.attn[j](h) if len(level.attn) else h
            if hasattr(level, "upsample"):
                h = level.upsample.conv(functional.interpolate(h, scale_factor=2))
        return self.conv_out(functional.silu(self.norm_out(h)))


# -- Dhariwal & Nichol 2021 -----------------------------------------------------------------------


class AdmResnet(nn.Module):
    """by: -1 halves, 1 doubles."""

    def __init__(self, before, after, width, scale_shift, by=0):
        super().__init__()
        self.scale_shift, self.by = scale_shift, by
        self.in_layers = nn.Sequential(nn.GroupNorm(32, before), nn.SiLU(), convolution(before, after))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(width, (1 + scale_shift) * after))
        self.out_layers = nn.Sequential(nn.GroupNorm(32, after), nn.SiLU(), nn.Dropout(0),
                                        convolution(after, after))
        if before != after:
            self.skip_connection = convolution(before, after, 1)

    def resize(self, h):
        if self.by < 0:
            return functional.avg_pool2d(h, 2)
        return functional.interpolate(h, scale_factor=2) if self.by else h

    def forward(self, x, time):
        norm, act, conv = self.in_layers
        h = conv(self.resize(act(norm(x))))
        time = self.emb_layers(time)[:, :, None, None]
        norm, act, _, conv = self.out_layers
        if self.scale_shift:
            scale, shift = time.chunk(2, 1)
            h = norm(h) * (1 + scale) + shift
        else:
            h = norm(h + time)
        x = self.resize(x)
        return conv(act(h)) + (self.skip_connection(x) if hasattr(self, "skip_connection") else x)


class AdmAttention(nn.Module):
    def __init__(self, channels, heads, in_turn):
        super().__init__()
        self.heads, self.in_turn = heads, in_turn
        self.norm = nn.GroupNorm(32, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x, _):
        n, c = x.shape[:2]
        h = self.qkv(self.norm(x).flatten(2))
        if self.in_turn:
            parts = h.reshape(n, 3, self.heads, c // self.heads, -1).unbind(1)
        else:
            parts = h.reshape(n, self.heads, 3, c // self.heads, -1).unbind(2)
        h = attend(*(part.flatten(0, 1) for part in parts)).reshape(n, c, -1)
        return x + self.proj_out(h).reshape(x.shape)


class AdmDown(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.op = convolution(channels, channels, stride=2)

    def forward(self, x, _):
        return self.op(x)


class AdmUp(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = convolution(channels, channels)

    def forward(self, x, _):
        return self.conv(functional.interpolate(x, scale_factor=2))


class Adm(nn.Module):
    def __init__(self, channels, mult, layers, attention, heads=0, head_channels=0, in_turn=False,
                 scale_shift=False, updown=False, learn_sigma=False, classes=0, colours=3):
        super().__init__()
        width = 4 * channels
        self.channels = channels
        self.time_embed = nn.Sequential(nn.Linear(channels, width), nn.SiLU(), nn.Linear(width, width))
        if classes:
            self.label_emb = nn.Embedding(classes, width)

        def resnet(before, after, by=0):
            return AdmResnet(before, after, width, scale_shift, by)

        def attend_to(c):
            return AdmAttention(c, heads or c // head_channels, in_turn)

        first = convolution(colours, channels)
        first_block = nn.ModuleList([first])
        self.input_blocks, self.output_blocks = nn.ModuleList([first_block]), nn.ModuleList()
        skips, now = [channels], channels
        for i, m in enumerate(mult):
            for _ in range(layers):
                block = nn.ModuleList([resnet(now, m * channels)])
                now = m * channels
                if i in attention:
                    block.append(attend_to(now))
                self.input_blocks.append(block)
                skips.append(now)
            if i + 1 < len(mult):
                self.input_blocks.append(nn.ModuleList([resnet(now, now, -1) if updown else AdmDown(now)]))
                skips.append(now)
        self.middle_block = nn.ModuleList([resnet(now, now), attend_to(now), resnet(now, now)])
        for i, m in reversed(list(enumerate(mult))):
            for j in range(layers + 1):
                block = nn.ModuleList([resnet(now + skips.pop(), m * channels)])
                now = m * channels
                if i in attention:
                    block.append(attend_to(now))
                if i and j == layers:
                    block.append(resnet(now, now, 1) if updown else AdmUp(now))
                self.output_blocks.append(block)
        self.out = nn.Sequential(nn.GroupNorm(32, now), nn.SiLU(),
                                 convolution(now, (1 + learn_sigma) * colours))

    def forward(self, x, t, label=None):
        time = self.time_embed(sinusoids(t, self.channels, True, 0))
        if label is not None:
            time = time + self.label_emb(label)
        h, skips = x, []
        for i, block in enumerate(self.input_blocks):
            for part in block:
                h = part(h, time) if i else part(h)
            skips.append(h)
        for part in self.middle_block:
            h = part(h, time)
        for block in self.output_blocks:
            h = torch.cat([h, skips.pop()], 1)
            for part in block:
                h = part(h, time)
        return self.out(h)


# -- tiny ones ------------------------------------------------------------------------------------

FLAGS = dict(diffusion_steps=1000, noise_schedule="linear", class_cond=False, num_channels=32)
TINY = {
    "ddpm": (lambda: Ddpm(32, (1, 2), 1, (1,)), None),
    # as P2 weighting and guided-diffusion's larger ones
    "adm-scale-shift": (
        lambda: Adm(32, (1, 2), 1, (1,), head_channels=16, scale_shift=True, updown=True, learn_sigma=True),
        dict(FLAGS, image_size=32, attention_resolutions="16", channel_mult="1,2", num_res_blocks=1,
             num_head_channels=16, num_heads=4, num_heads_upsample=-1, use_scale_shift_norm=True,
             resblock_updown=True, learn_sigma=True, dropout=0.0, use_fp16=False)),
    # as improved-diffusion's: as many heads everywhere
    "adm-heads": (
        lambda: Adm(32, (1, 2), 2, (0, 1), heads=4),
        dict(FLAGS, image_size=32, attention_resolutions="32,16", channel_mult=[1, 2], num_res_blocks=2,
             num_heads=4, use_scale_shift_norm=False, resblock_updown=False, learn_sigma=False)),
    # as that of ImageNet of 64 pixels
    "adm-classes": (
        lambda: Adm(32, (1, 2), 1, (1,), heads=4, in_turn=True, classes=5, scale_shift=True),
        dict(FLAGS, image_size=32, num_heads=4, use_new_attention_order=True, class_cond=True,
             noise_schedule="cosine", diffusion_steps=4000, rescale_timesteps=False)),
}
TIME, LABEL, SIZE = 421, 3, 16


def number(name, count):
    """Numbers from -1 to 1 that follow from a name: SplitMix64 from its FNV-1a hash on; multiples of 2^-23."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2 ** 64
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(state) + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> numpy.uint64(30)) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> numpy.uint64(27)) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ z >> numpy.uint64(31)
    return ((z >> numpy.uint64(40)).astype(numpy.int64) - 2 ** 23) / 2.0 ** 23


def fill(network):
    """Weights of rank 1 about 1, biases small, others such that what they make keeps its size."""
    for name, p in network.state_dict().items():
        values = torch.from_numpy(number(name, p.numel()).reshape(p.shape))
        if p.dim() == 1:
            values = values / 4 + (1 if name.endswith("weight") else 0)
        else:
            half = 0
            while 4 ** half < p[0].numel():
                half += 1
            values = values / 2.0 ** half
        p.copy_(values.float())


@torch.no_grad()
def make_tiny(folder, files):
    io = {}
    for name, (make, settings) in TINY.items():
        network = make()
        fill(network)
        if files:
            torch.save(network.state_dict(), folder / f"{name}.pt")
            if settings:
                (folder / f"{name}.json").write_text(json.dumps(settings))
            continue
        labels = [torch.tensor([LABEL])] if "classes" in name else []
        x = torch.from_numpy(number(f"{name}.x", 3 * SIZE * SIZE).reshape(1, 3, SIZE, SIZE))
        io[f"{name}.x"] = x.float()
        io[f"{name}.out"] = network.double().eval()(x, torch.tensor([TIME]), *labels).float()
        tensors = {key: list(p.shape) for key, p in network.state_dict().items()}
        lines = [f"  {json.dumps(key)}: {json.dumps(shape)}" for key, shape in tensors.items()]
        (folder / f"{name}.json").write_text(
            '{"timestep": %d, "label": %d,\n "settings": %s,\n "tensors": {\n%s\n }}\n'
            % (TIME, LABEL if labels else -1, json.dumps(settings), ",\n".join(lines)))
    if io:
        save_file(io, folder / "io.safetensors")


@torch.no_grad()
def make_whole(folder):
    torch.manual_seed(0)
    torch.save(Ddpm(128, (1, 1, 2, 2, 4, 4), 2, (4,)).state_dict(), folder / "celebahq.ckpt")
    p2 = Adm(128, (1, 1, 2, 2, 4, 4), 1, (4,), head_channels=64, scale_shift=True, updown=True, learn_sigma=True)
    torch.save(p2.state_dict(), folder / "ffhq_p2.pt")
    flags = dict(attention_resolutions="16", class_cond=False, diffusion_steps=1000, dropout=0.0, image_size=256,
                 learn_sigma=True, noise_schedule="linear", num_channels=128, num_head_channels=64,
                 num_res_blocks=1, resblock_updown=True, use_fp16=False, use_scale_shift_norm=True)
    (folder / "ffhq_p2.json").write_text(json.dumps(flags))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if arguments.whole:
        make_whole(arguments.folder)
    else:
        make_tiny(arguments.folder, arguments.tiny)


if __name__ == "__main__":
    main()
