"""Writes a diffusers folder of Stable Diffusion 1.x, 2.x or XL as one file in the original layout.

    python bench/original.py FOLDER FILE.safetensors [--parts unet,vae,text] [--ema] [--prefix P]
                             [--metadata KEY=VALUE]…

The names are those of CompVis' and Stability's training code: model.diffusion_model, first_stage_model,
and cond_stage_model.transformer (CLIP, 1.x) or cond_stage_model.model (OpenCLIP, 2.x: q, k and v as one
in_proj_weight, and a last layer more, of random numbers, which no prompt passes through); of XL
conditioner.embedders.0.transformer (CLIP) and conditioner.embedders.1.model (OpenCLIP, text_projection
transposed). The tensors are
the folder's, byte for byte, of whatever type. Beside them lie what training leaves: the schedule's
tables, position_ids, logit_scale, and with --ema averages of other values. `--prefix ""` writes a part
alone without a prefix.

    python bench/original.py FOLDER FILE.json [--shapes]

writes what the file would be made of: each tensor's name, its type and shape, and the folder's tensors
whose bytes it has, one behind the other (none: other numbers), and true where these are transposed; with
--shapes names, types and shapes alone. `--pixel ddpm` and `--pixel adm` do the same of a flat folder with a
UNet2DModel, in the names of CompVis' DDPM or of guided-diffusion (q, k and v one behind the other, all of q
first), for which FOLDER/unet then stands. The lists of tests/golden/original are made so: of sd1-tiny,
sd2-tiny and sdxl-tiny, of unet2d-ddpm and unet2d-modern, and the shapes of what bench/models.py --stable-diffusion makes.
"""

import argparse
import json
import pathlib
import re

import numpy
from safetensors import safe_open
from safetensors.numpy import save_file

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
          "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}


def resnet(rest):
    part, leaf = rest.rsplit(".", 1)
    return f"{RESNET[part]}.{leaf}"


def unet_name(name, config):
    layers = config["layers_per_block"]
    channels = config["block_out_channels"]
    ups = config["up_block_types"]
    plain = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
             "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
             "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}
    for begin, other in plain.items():
        if name.startswith(begin + "."):
            return other + name[len(begin):]
    found = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", name)
    if found:
        way, i, kind, j, rest = found.groups()
        i, j = int(i), int(j)
        block = "input_blocks" if way == "down" else "output_blocks"
        n = i * (layers + 1) + j + (way == "down")
        if kind == "resnets":
            return f"{block}.{n}.0.{resnet(rest)}"
        if kind == "attentions":
            return f"{block}.{n}.1.{rest}"
        if way == "down":
            return f"{block}.{n + layers}.0.op{rest[len('conv'):]}"
        return f"{block}.{n + layers}.{2 if 'Attn' in ups[i] else 1}.{rest}"
    found = re.fullmatch(r"mid_block\.(\w+)\.(\d+)\.(.+)", name)
    kind, j, rest = found.groups()
    if kind == "attentions":
        return f"middle_block.1.{rest}"
    return f"middle_block.{2 * int(j)}.{resnet(rest)}"


def vae_name(name, config):
    levels = len(config["block_out_channels"])
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = name.replace("mid_block.resnets.0", "mid.block_1").replace("mid_block.resnets.1", "mid.block_2")
    name = name.replace("mid_block.attentions.0", "mid.attn_1").replace(".group_norm.", ".norm.")
    for part, other in {"to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out", "query": "q",
                        "key": "k", "value": "v", "proj_attn": "proj_out"}.items():
        name = name.replace(f"attn_1.{part}.", f"attn_1.{other}.")
    return level_name(name, levels)


def level_name(name, levels):
    """Of a network or an autoencoder in CompVis' names."""
    name = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d+)\.resnets", lambda m: f"up.{levels - 1 - int(m[1])}.block", name)
    return re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name)


def ddpm_name(name, config):
    levels = len(config["block_out_channels"])
    name = re.sub(r"down_blocks\.(\d+)\.attentions", r"down.\1.attn", name)
    name = re.sub(r"up_blocks\.(\d+)\.attentions", lambda m: f"up.{levels - 1 - int(m[1])}.attn", name)
    name = name.replace("time_embedding.linear_1", "temb.dense.0").replace("time_embedding.linear_2", "temb.dense.1")
    name = name.replace("time_emb_proj", "temb_proj")
    name = re.sub(r"\.to_([qkv])\.", r".\1.", name).replace(".to_out.0.", ".proj_out.")
    return vae_name(name, config).replace(".group_norm.", ".norm.")


def adm(tensors, config):
    """q, k and v become one."""
    out, parts = {}, {}
    for name, tensor in tensors.items():
        found = re.fullmatch(r"(.+)\.to_([qkv])\.(weight|bias)", name)
        if found:
            parts.setdefault((found[1], found[3]), {})[found[2]] = tensor
            continue
        if "samplers.0." in name:
            way, i, rest = re.fullmatch(r"(down|up)_blocks\.(\d+)\.\w+\.0\.(.+)", name).groups()
            conv, layers = rest.startswith("conv."), config["layers_per_block"]
            n = (int(i) + 1) * (layers + 1) - (way == "up")
            part = 0 if way == "down" else 2 if "Attn" in config["up_block_types"][int(i)] else 1
            rest = rest if conv and way == "up" else "op" + rest[4:] if conv else resnet(rest)
            out[f"{'input' if way == 'down' else 'output'}_blocks.{n}.{part}.{rest}"] = tensor
            continue
        out[unet_name(name, config).replace(".group_norm.", ".norm.").replace(".to_out.0.", ".proj_out.")] = tensor
    for (place, leaf), three in parts.items():
        name = unet_name(f"{place}.qkv.{leaf}", config)
        out[name] = join([three[part] for part in "qkv"])
    return out


class Listed:
    """In the place of a tensor: what it is made of."""

    def __init__(self, dtype, shape, of=(), transposed=False):
        self.dtype, self.shape, self.of, self.transposed = dtype, tuple(shape), list(of), transposed

    @property
    def T(self):
        return Listed(self.dtype, self.shape[::-1], self.of, True)


def join(tensors):
    if isinstance(tensors[0], Listed):
        first = tensors[0]
        return Listed(first.dtype, (sum(t.shape[0] for t in tensors), *first.shape[1:]),
                      [name for t in tensors for name in t.of])
    return numpy.concatenate(tensors)


def with_pixels(tensor):
    """(M, N) as the weight of a convolution of one pixel."""
    shape = tuple(tensor.shape) + (1, 1)
    return Listed(tensor.dtype, shape, tensor.of) if isinstance(tensor, Listed) else tensor.reshape(shape)


def like(tensor, random, shape=None):
    shape = tensor.shape if shape is None else shape
    if isinstance(tensor, Listed):
        return Listed(tensor.dtype, shape)
    return random.standard_normal(shape).astype(tensor.dtype)


def open_clip(tensors, cut):
    """What OpenCLIP calls the same; cut: and one layer more."""
    names = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
             "self_attn.out_proj": "attn.out_proj"}
    out, layers = {}, {}
    for name, tensor in tensors.items():
        name = name.removeprefix("text_model.")
        found = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
        if found:
            layers.setdefault(int(found[1]), {})[found[2], found[3]] = tensor
    random = numpy.random.default_rng(7)
    last = max(layers)
    if cut:
        layers[last + 1] = {key: like(value, random) for key, value in layers[last].items()}
    for i, layer in layers.items():
        before = f"transformer.resblocks.{i}"
        for leaf in "weight", "bias":
            out[f"{before}.attn.in_proj_{leaf}"] = join(
                [layer[f"self_attn.{part}_proj", leaf] for part in "qkv"])
            for part, other in names.items():
                out[f"{before}.{other}.{leaf}"] = layer[part, leaf]
    plain = {key.removeprefix("text_model."): value for key, value in tensors.items()}
    out["token_embedding.weight"] = plain["embeddings.token_embedding.weight"]
    out["positional_embedding"] = plain["embeddings.position_embedding.weight"]
    for leaf in "weight", "bias":
        out[f"ln_final.{leaf}"] = plain[f"final_layer_norm.{leaf}"]
    norm = out["ln_final.weight"]
    out["text_projection"] = (plain["text_projection.weight"].T if "text_projection.weight" in plain
                              else like(norm, random, (norm.shape[0], norm.shape[0])))
    out["logit_scale"] = like(norm, random, ())
    return out


def read(folder, listed):
    tensors = {}
    for path in sorted(folder.glob("*model*.safetensors")):
        with safe_open(path, "np") as file:
            for name in file.keys():
                part = file.get_slice(name)
                tensors[name] = (Listed(part.get_dtype(), part.get_shape(), [f"{folder.name}/{name}"])
                                 if listed else file.get_tensor(name))
    return tensors, json.loads((folder / "config.json").read_text())


def convert(folder, parts, prefix=None, older=False, listed=False):
    out = {}

    def put(default, tensors):
        for name, tensor in tensors.items():
            out[(default if prefix is None else prefix) + name] = tensor

    if "unet" in parts:
        tensors, config = read(folder / "unet", listed)
        put("model.diffusion_model.", {unet_name(n, config): t for n, t in tensors.items()})
    if "vae" in parts:
        tensors, config = read(folder / "vae", listed)
        attention = re.compile(r"attn_1\.(q|k|v|proj_out)\.weight$")
        renamed = {vae_name(n, config): t for n, t in tensors.items()}
        put("first_stage_model.", {n: with_pixels(t) if attention.search(n) and len(t.shape) == 2 else t
                                   for n, t in renamed.items()})
    if "text" in parts:
        is_xl = (folder / "text_encoder_2").exists()
        if is_xl:
            tensors, config = read(folder / "text_encoder_2", listed)
            put("conditioner.embedders.1.model.", open_clip(tensors, cut=False))
        tensors, config = read(folder / "text_encoder", listed)
        if config["hidden_act"] == "gelu" and not is_xl:
            put("cond_stage_model.model.", open_clip(tensors, cut=True))
        else:
            before = "" if older else "text_model."
            tensors = {before + n.removeprefix("text_model."): t for n, t in tensors.items()}
            tensors[before + "embeddings.position_ids"] = (
                Listed("I64", (1, 77)) if listed else numpy.arange(77, dtype=numpy.int64)[None])
            put("conditioner.embedders.0.transformer." if is_xl else "cond_stage_model.transformer.", tensors)
    return out


def convert_pixel(folder, kind, listed):
    tensors, config = read(folder, listed)
    if listed:
        for name, tensor in tensors.items():
            tensor.of = [f"unet/{name}"]
    if kind == "adm":
        return adm(tensors, config)
    attention = re.compile(r"\.(q|k|v|proj_out)\.weight$")
    renamed = {ddpm_name(n, config): t for n, t in tensors.items()}
    return {n: with_pixels(t) if attention.search(n) and len(t.shape) == 2 else t for n, t in renamed.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="of diffusers")
    parser.add_argument("file", type=pathlib.Path,
                        help="to write: safetensors, whatever it is called, or of .json a list of what would be in it")
    parser.add_argument("--parts", default="unet,vae,text", help="which, of unet,vae,text (default: all)")
    parser.add_argument("--prefix", help="in the place of each part's own")
    parser.add_argument("--ema", action="store_true", help="averages beside the U-Net")
    parser.add_argument("--older", action="store_true", help="CLIP's names without text_model")
    parser.add_argument("--shapes", action="store_true", help="into FILE.json only these")
    parser.add_argument("--pixel", choices=["ddpm", "adm"], help="of a network that sees pixels")
    parser.add_argument("--metadata", action="append", default=[], metavar="KEY=VALUE",
                        help="of the file, say modelspec.prediction_type=v")
    arguments = parser.parse_args()
    if not set(arguments.parts.split(",")) <= {"unet", "vae", "text"}:
        parser.error(f"--parts {arguments.parts}: expected some of unet,vae,text")
    listed = arguments.file.suffix == ".json"
    out = (convert_pixel(arguments.folder, arguments.pixel, listed) if arguments.pixel else
           convert(arguments.folder, arguments.parts.split(","), arguments.prefix, arguments.older, listed))
    if listed:
        lines = [json.dumps(name) + ": " + json.dumps([t.dtype, t.shape, [] if arguments.shapes else t.of]
                                                      + [True] * (t.transposed and not arguments.shapes))
                 for name, t in sorted(out.items())]
        arguments.file.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        return
    if arguments.prefix is None and "unet" in arguments.parts and not arguments.pixel:
        out["betas"] = numpy.linspace(0.00085 ** 0.5, 0.012 ** 0.5, 1000, dtype=numpy.float32) ** 2
        out["alphas_cumprod"] = numpy.cumprod(1 - out["betas"], dtype=numpy.float32)
    if arguments.ema:
        for name in [n for n in out if n.startswith("model.diffusion_model.")]:
            out["model_ema." + name[len("model."):].replace(".", "")] = -out[name]
        out["model_ema.decay"] = numpy.float32(0.9999)
        out["model_ema.num_updates"] = numpy.int32(1)
    metadata = dict(pair.split("=", 1) for pair in arguments.metadata)
    save_file({n: numpy.ascontiguousarray(t) for n, t in out.items()}, arguments.file, metadata or None)


if __name__ == "__main__":
    main()
