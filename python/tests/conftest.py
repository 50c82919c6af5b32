"""What the tests share: the program they compare with, and a small model."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("PULLBACK_PROGRAM", ROOT / "build" / "pullback"))
os.environ.setdefault("PULLBACK_MODELS", str(ROOT / "models"))

import pullback  # noqa: E402


@pytest.fixture(scope="session")
def program():
    """Runs the program; returns what it prints."""
    if not PROGRAM.exists():
        pytest.skip(f"no program at {PROGRAM}")

    def run(*arguments):
        done = subprocess.run(
            [str(PROGRAM), *map(str, arguments)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def faces():
    return pullback.open("faces32")


@pytest.fixture(scope="session")
def text():
    return pullback.open("faces64-text")


@pytest.fixture(scope="session")
def point(faces):
    return faces.point(seed=0)


@pytest.fixture(scope="session")
def basis(faces, point):
    return faces.basis(point, rank=6)


@pytest.fixture(scope="session")
def photo():
    """64 x 64 pixels of the bundled portrait."""
    from PIL import Image

    with Image.open(ROOT / "examples" / "portrait.png") as image:
        return image.convert("RGB").crop((93, 60, 197, 164)).resize((64, 64), Image.LANCZOS)
