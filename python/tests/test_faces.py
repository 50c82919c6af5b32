"""What is shown: pictures, representations, help, types."""

import inspect
import io
import pathlib
import subprocess
import sys

import numpy as np
import pullback
import pytest


def test_pictures(faces, point, basis, tmp_path):
    Image = pytest.importorskip("PIL.Image")
    edit = faces.edit(point, basis, [0, 1], stages=1)
    for shown in (edit, basis, edit.strip(), edit.picture(), basis.pictures()):
        with Image.open(io.BytesIO(shown._repr_png_())) as image:
            image.load()
            assert image.mode == "RGB"
    strip = edit.strip()
    assert strip.pixels.shape == (2 * 32 + 2, 3 * 32 + 4, 3)
    strip.save(tmp_path / "strip.png")
    with Image.open(tmp_path / "strip.png") as image:
        assert np.array_equal(np.asarray(image), strip.pixels)
    strip.save(tmp_path / "strip.jpg")
    assert np.asarray(strip).dtype == np.uint8
    assert strip.pil().size == (100, 66)


def test_names(faces):
    """Every public name has words, and every function says what it takes."""
    for name in pullback.__all__:
        value = getattr(pullback, name)
        assert inspect.getdoc(value), name
        if inspect.isclass(value) and not issubclass(value, tuple):
            for member, function in vars(value).items():
                if not member.startswith("_") and callable(function):
                    assert inspect.getdoc(function), f"{name}.{member}"
    assert faces.info["parameters"] == 2734945
    assert "mid" in faces.taps and faces.tap_shape("mid") == (128, 8, 8)
    assert faces.schedule.length == 1000 and len(faces.schedule.alpha_bar) == 1000
    assert len(faces.hash()) == 64
    assert "UNet2DModel" in repr(faces)


def test_types(tmp_path):
    pytest.importorskip("mypy")
    project = pathlib.Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", project / "pyproject.toml", "-p", "pullback"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
