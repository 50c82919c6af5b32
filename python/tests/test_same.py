"""Each function gives the program's numbers, to the last bit."""

import io
import json
import os
import pathlib
import threading

import numpy as np
import pullback
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def same(array, path):
    expected = np.load(path)
    assert np.asarray(array).shape == expected.shape
    assert np.array_equal(np.asarray(array), expected)


def test_basis(faces, basis, program, tmp_path):
    theirs, ours = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    program("basis", "--model", "faces32", "--seed", 0, "--rank", 6, "--no-pictures", "-o", theirs)
    basis.save(ours)
    assert ours.read_bytes() == theirs.read_bytes()
    again = pullback.load(theirs)
    for name in ("u", "s", "v", "residual", "angle_bound", "x"):
        assert np.array_equal(getattr(again, name), getattr(basis, name))
    assert again.metadata() | {"file": None} == basis.metadata()


def test_point_and_inversion(faces, photo, program, tmp_path):
    picture = np.asarray(photo.resize((32, 32)).convert("L"), np.float32)[None, None] / 127.5 - 1
    np.save(tmp_path / "in.npy", picture)
    out = tmp_path / "x.npy"
    program("invert", "--model", "faces32", tmp_path / "in.npy", "--t", 0.6, "--steps", 20, "-o", out)
    same(faces.invert(picture, t=0.6, steps=20).x, out)
    same(faces.point(picture, t=0.6, steps=20).x, out)
    assert np.array_equal(picture, np.load(tmp_path / "in.npy"))


def test_pixels(faces, photo, program, tmp_path):
    """Pixels of the model's own size become the picture that the program makes of a file of them."""
    photo = photo.resize((32, 32))
    photo.save(tmp_path / "in.png")
    out = tmp_path / "x.npy"
    program("invert", "--model", "faces32", tmp_path / "in.png", "--crop", "none", "--t", 0.5,
            "--steps", 10, "-o", out)  # fmt: skip
    for given in (photo, np.asarray(photo), tmp_path / "in.png", str(tmp_path / "in.png")):
        same(faces.invert(given, t=0.5, steps=10).x, out)


def test_photos(faces, program, tmp_path):
    """And of any size, where libvips is there: cropped, padded, transparent, turned."""
    pytest.importorskip("pullback._vips", reason="libvips is not here", exc_type=ImportError)
    from PIL import Image

    portrait, out = ROOT / "examples" / "portrait.png", tmp_path / "x.npy"
    clear = tmp_path / "clear.png"
    with Image.open(portrait) as image:
        opened = image.convert("RGB")
        alpha = Image.linear_gradient("L").resize(image.size)
        opened.putalpha(alpha)
        opened.save(clear)
        pixels = np.asarray(image.convert("RGB"))
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels[:, :150]).save(turned, exif=exif, quality=95)
    how = {"t": 0.3, "steps": 5}
    for given, path, options, more in (
        (portrait, portrait, ("--crop", "none"), {}),
        (pixels, portrait, ("--crop", "none"), {}),
        (pixels, portrait, ("--crop", "none", "--fit", "pad"), {"fit": "pad"}),
        (pixels[:90], None, ("--crop", "none", "--fit", "stretch"), {"fit": "stretch"}),
        (pixels, portrait, ("--crop", "93,60,104,104"), {"crop": (93, 60, 104, 104)}),
        (clear, clear, ("--crop", "none"), {}),
        (turned, turned, ("--crop", "none"), {}),
    ):
        if path is None:
            path = tmp_path / "part.png"
            Image.fromarray(given).save(path)
        program("invert", "--model", "faces32", path, *options, "--t", 0.3, "--steps", 5, "--force",
                "-o", out)  # fmt: skip
        same(faces.invert(given, **how, **more).x, out)
    with Image.open(clear) as image:
        one = faces.picture(image)
        deep = Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257)
        assert np.array_equal(faces.picture(deep), faces.picture(pixels[:, :, 0]))
    with Image.open(turned) as image:
        assert np.abs(faces.picture(image) - faces.picture(turned)).max() < 0.02
    assert np.abs(one - faces.picture(clear)).max() < 0.02  # laid over white before, not after
    with pytest.raises(ValueError, match="crop"):
        faces.picture(pixels, crop=(200, 200, 104, 104))
    cropped = faces.picture(pixels, crop=(93, 60, 104, 104))
    for crop in ([93, 60, 104, 104], np.array([93, 60, 104, 104])):
        assert np.array_equal(faces.picture(os.fsencode(portrait), crop=crop), cropped)


def test_photos_of_sixteen_bits(faces, tmp_path):
    """Their black and white are those of eight bits, whoever reads them."""
    from PIL import Image

    pixels = np.arange(0, 256, 8, np.uint8)[None].repeat(32, 0)
    deep = Image.fromarray(pixels.astype(np.uint16) * 257)
    deep.save(tmp_path / "deep.png")
    for given in (deep, tmp_path / "deep.png"):
        assert np.abs(faces.picture(given) - faces.picture(pixels)).max() < 0.01
    with pytest.raises(TypeError, match="mode F"):
        faces.picture(Image.fromarray(pixels).convert("F"))


def test_photos_in_threads(faces, photo, tmp_path):
    """What is wrong with one is not told of another that is read meanwhile."""
    pytest.importorskip("pullback._vips", reason="libvips is not here", exc_type=ImportError)
    whole, told = {}, set()
    for kind in ("png", "jpeg"):
        buffer = io.BytesIO()
        photo.save(buffer, kind)
        whole[kind] = buffer.getvalue()
        (tmp_path / kind).write_bytes(whole[kind][: len(whole[kind]) // 2])

    def read(kind):
        for _ in range(30):
            with pytest.raises(pullback.FormatError) as caught:
                faces.picture(tmp_path / kind)
            told.add(str(caught.value).replace(str(tmp_path), ""))

    threads = [threading.Thread(target=read, args=(kind,)) for kind in whole]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 2 and all(kind in "".join(told) for kind in whole), told


def test_photos_without_libvips(faces, photo, tmp_path, monkeypatch):
    """They are read by Pillow, and made smaller by another filter: nearly the same."""
    whole = faces.picture(photo), faces.picture(photo, crop=(8, 8, 32, 32))
    monkeypatch.setattr(pullback._pictures, "_vips", None)
    photo.save(tmp_path / "in.png")
    for given in (photo, tmp_path / "in.png"):
        assert np.abs(faces.picture(given) - whole[0]).mean() < 0.03
        assert np.array_equal(faces.picture(given, crop=(8, 8, 32, 32)), whole[1])
    with pytest.raises(ValueError, match="64 x 64"):
        faces.picture(photo, crop=(50, 0, 32, 32))


def test_samples(faces, program, tmp_path):
    out = tmp_path / "x.npy"
    program("sample", "--model", "faces32", "-n", 2, "--seed", 3, "--steps", 10, "-o", out)
    same(faces.sample(2, seed=3, steps=10), out)
    program("sample", "--model", "faces32", "-n", 2, "--seed", 3, "--steps", 10, "--boost", 1,
            "--force", "-o", out)  # fmt: skip
    same(faces.sample(2, seed=3, steps=10, boost=1), out)
    program("sample", "--model", "faces32", "-n", 2, "--seed", 3, "--steps", 10, "--spacing",
            "trailing", "--force", "-o", out)  # fmt: skip
    same(faces.sample(2, seed=3, steps=10, spacing="trailing"), out)


def test_edit(faces, point, basis, program, tmp_path):
    out = tmp_path / "edit.npy"
    program("edit", "--model", "faces32", "--seed", 0, "--rank", 6, "--direction", "0,2", "--stages",
            2, "--strip", "-o", out)  # fmt: skip
    edit = faces.edit(point, basis, [0, 2], stages=2)
    same(edit.pictures, out)
    assert np.array_equal(edit[2, -1], edit.pictures[1 + 4 + 2])
    assert np.array_equal(edit[0, 0], edit.pictures[0])
    program("edit", "--model", "faces32", "--seed", 0, "--rank", 6, "--direction", 1, "--strength",
            0.25, "-o", tmp_path / "one.png")  # fmt: skip
    from PIL import Image

    one = faces.edit(point, basis, 1, stages=1, sides="forwards", strength=0.25)
    with Image.open(tmp_path / "one.png") as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), one.picture().pixels)


def test_prompts(text, program, tmp_path):
    """Embeddings, and an edit of a model of latents that reads text."""
    out = tmp_path / "x.npy"
    program("sample", "--model", "faces64-text", "-n", 1, "--seed", 1, "--steps", 4, "--prompt",
            "a smiling woman", "-o", out)  # fmt: skip
    latents = text.sample(seed=1, steps=4, prompt="a smiling woman", decode=False)
    same(latents, out)
    program("decode", "--model", "faces64-text", out, "-o", tmp_path / "picture.npy")
    same(text.decode(latents), tmp_path / "picture.npy")
    same(text.sample(seed=1, steps=4, prompt="a smiling woman"), tmp_path / "picture.npy")
    program("encode", "--model", "faces64-text", tmp_path / "picture.npy", "-o", tmp_path / "z.npy")
    same(text.encode(np.load(tmp_path / "picture.npy")), tmp_path / "z.npy")


def test_comparison(faces, point, basis, program, tmp_path):
    other = faces.basis(faces.point(seed=1), rank=6)
    for name, one in (("a", basis), ("b", other)):
        one.save(tmp_path / f"{name}.safetensors")
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    found = json.loads(program("compare", *files, "--json"))
    h, x = pullback.compare([basis, other])
    assert isinstance(h, pullback._basis.Compared) and isinstance(x, pullback._basis.Compared)
    for name, side in (("H", h), ("X", x)):
        (pair,) = found[name]["pairs"]
        assert side.k == found[name]["rank"] and side.n == found[name]["dimension"]
        for kind in ("geodesic", "chordal", "procrustes", "projection"):
            assert abs(getattr(side, kind)[0, 1] - pair["distance"][kind]) < 1e-7
            assert abs(side.random[kind] - found[name]["random"][kind]) < 1e-7
    program("mean", *files, "-o", tmp_path / "mean.safetensors")
    mean = pullback.mean([basis, other])
    mean.save(tmp_path / "ours.safetensors")
    ours = (tmp_path / "ours.safetensors").read_bytes()
    assert ours == (tmp_path / "mean.safetensors").read_bytes()
    assert mean._repr_png_() is None  # it has no directions of x
    with pytest.raises(ValueError, match="no directions of x"):
        mean.pictures()
    program("edit", "--model", "faces32", "--seed", 2, "--basis", tmp_path / "mean.safetensors",
            "--stages", 1, "--strip", "-o", tmp_path / "edit.npy")  # fmt: skip
    same(faces.edit(faces.point(seed=2, t=mean.timestep / 1000), mean, stages=1).pictures,
         tmp_path / "edit.npy")  # fmt: skip


def test_loras(program, tmp_path):
    """A LoRA given as a path, or with a weight, is the program's --lora."""
    from pullback._foreign import write_safetensors

    model = ROOT / "tests" / "golden" / "sd1-tiny"
    with open(model / "unet" / "diffusion_pytorch_model.safetensors", "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    rows, cols = header[f"{layer}.weight"]["shape"]
    rng, path = np.random.default_rng(0), tmp_path / "a.safetensors"
    name = "lora_unet_" + layer.replace(".", "_")
    factors = {
        f"{name}.lora_down.weight": rng.standard_normal((2, cols)).astype(np.float32),
        f"{name}.lora_up.weight": rng.standard_normal((rows, 2)).astype(np.float32),
    }
    write_safetensors(str(path), factors, {})
    out = tmp_path / "x.npy"
    drawn = {"steps": 2, "decode": False, "height": 32, "width": 32}
    for loras, option in (([path], path), ([(path, -0.5)], f"{path}:-0.5")):
        program("sample", "--model", model, "--lora", option, "-n", 1, "--steps", 2, "--height", 32,
                "--width", 32, "--force", "-o", out)  # fmt: skip
        same(pullback.open(model, loras=loras).sample(**drawn), out)
    assert not np.array_equal(pullback.open(model).sample(**drawn), np.load(out))
