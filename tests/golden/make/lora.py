"""Makes tests/golden/lora.json and tests/golden/lora.safetensors: LoRAs for sd1-tiny and sdxl-tiny in all
kinds of names, and what diffusers and PEFT compute with them, in double precision. Needs torch, diffusers,
transformers, peft, safetensors.

    python lora.py GOLDEN

lora.json: of each file its metadata and its tensors, {"name": [type, shape, amplitude]}, or
[type, [], value] of alpha. Entry i of a tensor is amplitude ((s(i) >> 16 & 255) - 127.5) / 128, where
s(0) is the FNV-1a hash (32 bits) of the name and s(i + 1) = 1664525 s(i) + 1013904223 mod 2^32: exact
in float16, so that the test writes the same file. lora.safetensors: of each case `CASE.embedding` (of the
prompt of io.safetensors) and `CASE.eps` (at its x and t, under that embedding); the metadata say which
files with which weights a case is of, and of which model.
"""

import json
import pathlib
import sys
import tempfile

import numpy
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.models.attention_processor import Attention, AttnProcessor
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file


def numbers(name, shape, amplitude):
    s = 2166136261
    for byte in name.encode():
        s = (s ^ byte) * 16777619 % 2**32
    out = []
    for _ in range(int(numpy.prod(shape))):
        out.append(amplitude * ((s >> 16 & 255) - 127.5) / 128)
        s = (1664525 * s + 1013904223) % 2**32
    return torch.tensor(out, dtype=torch.float64).reshape(shape)


def tensors(recipe):
    return {
        name: torch.tensor(value, dtype=torch.float64) if not shape else numbers(name, shape, value)
        for name, (_, shape, value) in recipe["tensors"].items()
    }


# -- recipes ----------------------------------------------------------------------------------------


def shapes(golden, model, part):
    name = "diffusion_pytorch_model" if part == "unet" else "model"
    weights = load_file(f"{golden}/{model}/{part}/{name}.safetensors")
    return {k[: -len(".weight")]: list(w.shape) for k, w in weights.items() if k.endswith(".weight")}


def factors(shape, rank):
    """Of a convolution the window is the lower factor's."""
    one = [1] * (len(shape) - 2)
    return [rank] + shape[1:], [shape[0], rank] + one


def chosen(layers, words):
    return {k: s for k, s in layers.items() if len(s) > 1 and any(w in k for w in words)}


LINEAR = ("attn1.to_", "attn2.to_", "ff.net", "proj_in", "proj_out")
TEXT = ("self_attn", "mlp")


def kohya(golden, model, place, rename=lambda k: k, convolutions=(), rank=4, alpha=2.0, texts=()):
    recipe = {}

    def put(prefix, layer, shape):
        down, up = factors(shape, rank)
        name = prefix + layer.replace(".", "_")
        recipe[name + ".lora_down.weight"] = ["F16", down, 0.25]
        recipe[name + ".lora_up.weight"] = ["F16", up, 0.125]
        recipe[name + ".alpha"] = ["F32", [], alpha]

    unet = shapes(golden, model, "unet")
    for layer, shape in chosen(unet, [f"{p}.transformer_blocks.0.{w}" for p in place for w in LINEAR[:3]]).items():
        put("lora_unet_", rename(layer), shape)
    for layer, shape in chosen(unet, [f"{p}.{w}" for p in place for w in LINEAR[3:]]).items():
        put("lora_unet_", rename(layer), shape)
    for layer in convolutions:
        put("lora_unet_", rename(layer), unet[layer])
    for part, prefix in texts:
        for layer, shape in chosen(shapes(golden, model, part), ["layers.1." + w for w in TEXT]).items():
            put(prefix, layer, shape)
    return {"tensors": recipe}


def older(golden, place, rank=3):
    """Attention processors', as diffusers wrote them before PEFT."""
    recipe = {}
    of_text = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}
    for layer, shape in chosen(shapes(golden, "sd1-tiny", "unet"), [f"{p}.transformer_blocks.0.{w}" for p in place for w in LINEAR[:2]]).items():
        if ".to_" not in layer:
            continue
        head, last = layer.replace(".to_out.0", ".to_out").rsplit(".", 1)
        name = f"unet.{head}.processor.{last}_lora"
        recipe[name + ".down.weight"] = ["F32", factors(shape, rank)[0], 0.25]
        recipe[name + ".up.weight"] = ["F32", factors(shape, rank)[1], 0.25]
    for layer, shape in chosen(shapes(golden, "sd1-tiny", "text_encoder"), ["layers.0.self_attn"]).items():
        head, last = layer.rsplit(".", 1)
        name = f"text_encoder.{head}.{of_text[last]}_lora"
        recipe[name + ".down.weight"] = ["F32", factors(shape, rank)[0], 0.25]
        recipe[name + ".up.weight"] = ["F32", factors(shape, rank)[1], 0.25]
    return {"tensors": recipe}


def peft(golden, place, rank=2):
    """diffusers' today, with the metadata that it writes."""
    recipe = {}
    for part, words in (("unet", [f"{p}.{w}" for p in place for w in LINEAR[3:]] + [f"{p}.transformer_blocks.0.{w}" for p in place for w in LINEAR[:3]]), ("text_encoder", ["layers.2.mlp", "layers.2.self_attn"])):
        for layer, shape in chosen(shapes(golden, "sd1-tiny", part), words).items():
            if ".norm" in layer:
                continue
            name = f"{part}.{layer.removeprefix('text_model.')}"  # as transformers 5 calls them
            a, b = (".lora_A", ".lora_B") if part == "unet" else (".lora_linear_layer.down", ".lora_linear_layer.up")
            recipe[name + a + ".weight"] = ["F16", factors(shape, rank)[0], 0.25]
            recipe[name + b + ".weight"] = ["F16", factors(shape, rank)[1], 0.25]
    config = {
        part: {"r": rank, "lora_alpha": alpha, "lora_bias": False, "use_dora": False, "use_rslora": rslora,
               "rank_pattern": {}, "alpha_pattern": patterns, "init_lora_weights": True, "bias": "none",
               "target_modules": sorted({n[len(part) + 1 :].split(".lora_")[0] for n in recipe if n.startswith(part + ".")})}
        for part, alpha, rslora, patterns in (
            ("unet", 3, True, {}),
            ("text_encoder", 5, False, {}),
        )
    }
    flat = {f"{part}.{k}": v for part, c in config.items() for k, v in c.items()}
    return {"tensors": recipe, "metadata": {"lora_adapter_metadata": json.dumps(flat, sort_keys=True)}}


def own(golden, place, rank=2):
    """PEFT's own, of a U-Net alone, whose config is a file beside it."""
    recipe = {}
    for layer, shape in chosen(shapes(golden, "sd1-tiny", "unet"), [f"{p}.transformer_blocks.0.{w}" for p in place for w in LINEAR[:2]] + ["down_blocks.2.resnets.0.conv1"]).items():
        name = f"base_model.model.{layer}"
        recipe[name + ".lora_A.weight"] = ["F32", factors(shape, rank)[0], 0.25]
        recipe[name + ".lora_B.weight"] = ["F32", factors(shape, rank)[1], 0.25]
    names = [n[len("base_model.model.") : -len(".lora_A.weight")] for n in recipe if "lora_A" in n]
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": 8, "use_rslora": False, "bias": "none",
              "alpha_pattern": {"attn2.to_k": 1.5, f"{place[0]}.transformer_blocks.0.attn1.to_q": 3},
              "target_modules": names, "fan_in_fan_out": False, "use_dora": False}
    return {"tensors": recipe, "config": config}


def locon(golden):
    """What diffusers does not read: a factor in the middle, and whole differences."""
    conv, linear, norm = "mid_block.resnets.0.conv1", "mid_block.attentions.0.transformer_blocks.0.attn1.to_v", "up_blocks.1.resnets.0.norm1"
    unet = shapes(golden, "sd1-tiny", "unet")
    o, i, h, w = unet[conv]
    flat = {k: "lora_unet_" + k.replace(".", "_") for k in (conv, linear, norm)}
    return {
        "tensors": {
            flat[conv] + ".lora_down.weight": ["F16", [3, i, 1, 1], 0.5],
            flat[conv] + ".lora_mid.weight": ["F16", [3, 3, h, w], 0.5],
            flat[conv] + ".lora_up.weight": ["F16", [o, 3, 1, 1], 0.5],
            flat[conv] + ".alpha": ["I64", [], 2],
            flat[linear] + ".diff": ["F16", unet[linear], 0.125],
            flat[conv] + ".diff_b": ["F16", [o], 0.25],
            flat[norm] + ".w_norm": ["F16", unet[norm], 0.25],
            flat[norm] + ".b_norm": ["F16", unet[norm], 0.25],
        }
    }


def add_locon(pipe, recipe, weight):
    t = tensors(recipe)
    at = lambda path: pipe.unet.get_submodule(path)
    conv = at("mid_block.resnets.0.conv1")
    name = "lora_unet_mid_block_resnets_0_conv1"
    down, mid, up = (t[f"{name}.lora_{k}.weight"] for k in ("down", "mid", "up"))
    x = torch.randn(1, down.shape[1], 5, 5, dtype=torch.float64)
    delta = torch.einsum("oa,abhw,bi->oihw", up[:, :, 0, 0], mid, down[:, :, 0, 0])
    f = torch.nn.functional.conv2d
    assert torch.allclose(f(f(f(x, down), mid, padding=1), up), f(x, delta, padding=1))
    conv.weight += weight * t[name + ".alpha"] / down.shape[0] * delta
    conv.bias += weight * t[name + ".diff_b"]
    at("mid_block.attentions.0.transformer_blocks.0.attn1.to_v").weight += weight * t["lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_v.diff"]
    at("up_blocks.1.resnets.0.norm1").weight += weight * t["lora_unet_up_blocks_1_resnets_0_norm1.w_norm"]
    at("up_blocks.1.resnets.0.norm1").bias += weight * t["lora_unet_up_blocks_1_resnets_0_norm1.b_norm"]


def sgm(layer):
    """sdxl-tiny's layers as the original layout has them: two residual blocks a level."""
    where, rest = layer.split(".", 1)
    if where == "mid_block":
        kind, n, rest = rest.split(".", 2)
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(n)}.{rest}"
    i, kind, n, rest = rest.split(".", 3)
    down = where == "down_blocks"
    number = 1 + 3 * int(i) + int(n) if down else 3 * int(i) + int(n)
    return f"{'input' if down else 'output'}_blocks.{number}.{1 if kind == 'attentions' else 0}.{rest}"


# -- values -----------------------------------------------------------------------------------------


def open_pipe(golden, model):
    kind = StableDiffusionXLPipeline if model.startswith("sdxl") else StableDiffusionPipeline
    extra = {} if model.startswith("sdxl") else {"safety_checker": None}
    pipe = kind.from_pretrained(f"{golden}/{model}", torch_dtype=torch.float64, **extra)
    for module in pipe.unet.modules():
        if isinstance(module, Attention):
            module.set_processor(AttnProcessor())
    return pipe


# transformers 5.24 does not take the state dict that diffusers 0.42 hands it for a text encoder: PEFT itself does.
TEXTS = {"lora_te_": "text_encoder", "lora_te1_": "text_encoder", "lora_te2_": "text_encoder_2", "text_encoder.": "text_encoder"}
OLDER = {"to_q_lora": "q_proj", "to_k_lora": "k_proj", "to_v_lora": "v_proj", "to_out_lora": "out_proj"}


def merge_text(pipe, state, weight, metadata):
    for part in ("text_encoder", "text_encoder_2"):
        encoder = getattr(pipe, part, None)
        if encoder is None:
            continue
        layers = {name.replace(".", "_"): name for name, m in encoder.named_modules() if isinstance(m, torch.nn.Linear)}
        found, alpha = {}, None
        for key, tensor in state.items():
            prefix = next((p for p, of in TEXTS.items() if key.startswith(p) and of == part), None)
            if prefix is None:
                continue
            path = key[len(prefix) :]
            for old, new in OLDER.items():
                path = path.replace(old + ".", new + ".lora_")
            path = path.replace("lora_linear_layer.", "lora_").replace(".down.", ".lora_down.")
            layer, last = path.split(".alpha" if path.endswith(".alpha") else ".lora_", 1)
            if path.endswith(".alpha"):
                alpha = float(tensor)
                continue
            flat = layer.replace(".", "_").removeprefix("text_model_")
            found[layers.get(flat) or layers["text_model_" + flat], last.startswith("down")] = tensor
        if not found:
            continue
        rank = next(t.shape[0] for (_, down), t in found.items() if down)
        alpha = metadata.get(part + ".lora_alpha", alpha if alpha is not None else rank)
        config = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha * weight,
                  "target_modules": sorted({layer for layer, _ in found})}
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "adapter_config.json").write_text(json.dumps(config))
            save_file({f"base_model.model.{layer}.lora_{'A' if down else 'B'}.weight": t for (layer, down), t in found.items()},
                      f"{folder}/adapter_model.safetensors")
            setattr(pipe, part, PeftModel.from_pretrained(encoder, folder).merge_and_unload())


def fuse(pipe, recipes, loras):
    names = []
    for i, (name, weight) in enumerate(loras):
        recipe, state = recipes[name], tensors(recipes[name])
        if name == "locon":
            add_locon(pipe, recipe, weight)
            continue
        with tempfile.TemporaryDirectory() as folder:
            if name == "own":
                assert weight == 1
                (pathlib.Path(folder) / "adapter_config.json").write_text(json.dumps(recipe["config"]))
                save_file(state, f"{folder}/adapter_model.safetensors")
                pipe.unet = PeftModel.from_pretrained(pipe.unet, folder).merge_and_unload()
                continue
            metadata = recipe.get("metadata", {})
            merge_text(pipe, state, weight, json.loads(metadata.get("lora_adapter_metadata", "{}")))
            state = {k: t for k, t in state.items() if not k.startswith(tuple(TEXTS))}
            save_file(state, f"{folder}/pytorch_lora_weights.safetensors", metadata)
            pipe.load_lora_weights(folder, weight_name="pytorch_lora_weights.safetensors", adapter_name=f"a{i}")
        names.append((f"a{i}", weight))
    if names:
        pipe.set_adapters([n for n, _ in names], [w for _, w in names])
        pipe.fuse_lora(components=["unet"])
        pipe.unload_lora_weights()


@torch.no_grad()
def values(golden, model, recipes, loras):
    io = load_file(f"{golden}/{model}/io.safetensors")
    with safe_open(f"{golden}/{model}/io.safetensors", "pt") as file:
        prompt = file.metadata()["prompt"]
    pipe = open_pipe(golden, model)
    parts = [p for p in ("unet", "text_encoder", "text_encoder_2") if getattr(pipe, p, None) is not None]
    before = {p: {k: v.clone() for k, v in getattr(pipe, p).state_dict().items()} for p in parts}
    fuse(pipe, recipes, loras)
    changed = {p: sum(not torch.equal(v, before[p][k]) for k, v in getattr(pipe, p).state_dict().items()) for p in parts}
    print(loras, changed)  # of each part so many weights
    if model.startswith("sdxl"):
        embedding, _, pooled, _ = pipe.encode_prompt(prompt, device="cpu", do_classifier_free_guidance=False)
        ids = torch.tensor([[32, 32, 0, 0, 32, 32]], dtype=torch.float64)
        more = {"added_cond_kwargs": {"text_embeds": pooled.double(), "time_ids": ids}}
    else:
        embedding, more = pipe.encode_prompt(prompt, "cpu", 1, False)[0], {}
    eps = pipe.unet(io["x"].double(), io["t"], embedding.double(), **more).sample
    return embedding.float().contiguous(), eps.float().contiguous()


def main(golden):
    place = ["down_blocks.1.attentions.0", "up_blocks.1.attentions.1"]
    xl_place = ["down_blocks.1.attentions.1", "mid_block.attentions.0", "up_blocks.0.attentions.2"]
    recipes = {
        "kohya": kohya(golden, "sd1-tiny", place, texts=[("text_encoder", "lora_te_")], convolutions=[
            "down_blocks.1.resnets.0.conv1", "down_blocks.1.resnets.0.time_emb_proj",
            "down_blocks.1.resnets.0.conv_shortcut", "down_blocks.0.downsamplers.0.conv",
            "up_blocks.0.upsamplers.0.conv", "mid_block.resnets.1.conv2"]),
        "older": older(golden, place),
        "peft": peft(golden, place),
        "own": own(golden, place),
        "locon": locon(golden),
        "xl": kohya(golden, "sdxl-tiny", xl_place, rename=sgm, rank=3, alpha=4.0,
                    texts=[("text_encoder", "lora_te1_"), ("text_encoder_2", "lora_te2_")]),
    }
    cases = {
        "kohya": ("sd1-tiny", [("kohya", 1.0)]),
        "negative": ("sd1-tiny", [("kohya", -0.75)]),
        "older": ("sd1-tiny", [("older", 1.0)]),
        "peft": ("sd1-tiny", [("peft", 0.5)]),
        "two": ("sd1-tiny", [("kohya", 0.5), ("older", -0.25)]),
        "own": ("sd1-tiny", [("own", 1.0)]),
        "locon": ("sd1-tiny", [("locon", 0.5)]),
        "xl": ("sdxl-tiny", [("xl", 1.5)]),
    }
    out, metadata = {}, {}
    for case, (model, loras) in cases.items():
        embedding, eps = values(golden, model, recipes, loras)
        out[case + ".eps"] = eps
        if case in ("kohya", "older", "peft", "two", "xl"):
            out[case + ".embedding"] = embedding
        metadata[case] = json.dumps({"model": model, "loras": loras})
    with open(f"{golden}/lora.json", "w") as file:
        json.dump(recipes, file, indent=0, separators=(",", ":"))
    save_file(out, f"{golden}/lora.safetensors", metadata)


main(sys.argv[1])
