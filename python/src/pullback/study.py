"""The paper's experiments: what the program does as ``pullback study``, as columns of numbers.

>>> import pullback.study
>>> found = pullback.study.timesteps("faces32", samples=4, rank=10)
>>> found["quantity"], found["t"], found["value"]
>>> found.frame()                     # of pandas

A study that is stopped goes on from there when it is asked for again with the same ``folder``, and
nothing is computed twice. Figures are drawn by libvips and gnuplot, which a wheel does not bring
along: where libvips is missing, importing this module says so.
"""

from __future__ import annotations

import csv
import inspect
import json
import os
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._errors import Error
from ._model import Model
from ._run import Progress, run

try:
    from . import _vips
except ImportError as error:
    raise ImportError(
        f"studies draw figures with libvips, which is not here ({error}): on Debian and Ubuntu "
        "apt install libvips42, elsewhere your system's libvips"
    ) from error

Path = Union[str, "os.PathLike[str]"]
Models = Union[str, "os.PathLike[str]", Model, Sequence[Union[str, "os.PathLike[str]", Model]]]

_TEXT = ("model", "quantity")
_WHOLE = ("index", "samples")


class Study(dict[str, NDArray[Any]]):
    """The columns of a study's data.csv, arrays of one length: model, quantity, t, t2, index, value,
    low, high (the ends of a 95 % interval), samples. What a row does not have is NaN, of whole
    numbers -1."""

    def __init__(
        self, folder: pathlib.Path, items: int, computed: int, seconds: float, keeps: Any
    ) -> None:
        #: The folder with data, figure, report and settings.
        self.folder = folder
        self._keeps = keeps
        #: Items (trajectories, pictures, bases) of the study, and those computed now.
        self.wanted, self.computed, self.seconds = items, computed, seconds
        with open(folder / "data.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        names = list(rows[0]) if rows else []
        super().__init__({name: _column(name, [row[name] for row in rows]) for name in names})

    def frame(self) -> Any:
        """As a pandas.DataFrame."""
        import pandas

        return pandas.DataFrame(dict(self))

    def of(self, quantity: str) -> dict[str, NDArray[Any]]:
        """The rows of one quantity."""
        rows = self["quantity"] == quantity
        if not rows.any():
            known = ", ".join(sorted(set(self["quantity"].tolist())))
            raise KeyError(f"{quantity}: there are {known}")
        return {name: self[name][rows] for name in self}

    def _repr_png_(self) -> bytes | None:
        """Its figure."""
        figure = self.folder / "figure.png"
        return figure.read_bytes() if figure.exists() else None

    def __repr__(self) -> str:
        return f"<Study in {self.folder}: {len(self['value'])} rows of {', '.join(self)}>"


def _column(name: str, values: list[str]) -> NDArray[Any]:
    if name in _TEXT:
        return np.array(values)
    if name in _WHOLE and all(v == "" or v.lstrip("-").isdigit() for v in values):
        return np.array([int(v) if v else -1 for v in values])
    return np.array([float(v) if v else np.nan for v in values])


def _names(models: Models) -> list[str]:
    many = [models] if isinstance(models, (str, os.PathLike, Model)) else list(models)
    return [m.info["path"] if isinstance(m, Model) else os.fspath(m) for m in many]


def _do(
    kind: str,
    models: Models,
    *,
    images: Sequence[Path],
    folder: Path | None,
    catalogue: Path | None,
    force: bool,
    memory: int | None,
    threads: int | None,
    progress: Progress,
    **settings: Any,
) -> Study:
    keeps = None if folder else tempfile.TemporaryDirectory(prefix="pullback-study-")
    where = pathlib.Path(keeps.name if keeps else os.fspath(folder or "")).absolute()
    pictures = [os.path.abspath(image) for image in images]
    values: dict[str, Any] = {
        "pullback": _core.version(),
        "study": kind,
        "models": _names(models),
        "images": pictures,
        "folder": str(where),
    }
    if pictures:
        settings["samples"] = len(pictures)
    if catalogue is not None:
        values["catalogue"] = os.path.abspath(catalogue)
    values |= {name: value for name, value in settings.items() if value is not None}
    handle, path = tempfile.mkstemp(suffix=".json")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(values, file)
        with run(memory=memory, threads=threads, progress=progress) as r:
            items, computed, seconds = _vips.study(path, force, r)
    except Error as error:  # the file is ours: its name would say nothing
        raise type(error)(str(error).removeprefix(f"{path}: ")) from None
    finally:
        os.unlink(path)
    return Study(where, items, computed, seconds, keeps)


def timesteps(
    model: Models,
    images: Sequence[Path] = (),
    *,
    samples: int = 10,
    timesteps: int = 20,
    rank: int = 50,
    tol: float = 1e-3,
    seed: int = 0,
    steps: int = 100,
    tap: str = "mid",
    from_tap: str = "x",
    space: str = "H",
    fix: str = "nothing",
    guided: bool | None = None,
    prompt: str | None = None,
    edit_prompt: str | None = None,
    negative_prompt: str | None = None,
    guidance_scale: float | None = None,
    class_label: int = -1,
    direct: bool = False,
    crop: Any = "auto",
    boost: float = 1.0,
    folder: Path | None = None,
    catalogue: Path | None = None,
    force: bool = False,
    memory: int | None = None,
    threads: int | None = None,
    progress: Progress = None,
) -> Study:
    """How the local basis of a sample changes with t: the frequency content of its directions, its
    singular values and effective rank, and the distance of the tangent space at t to that at other t.

    images: paths of photos in place of drawn samples. timesteps: P, for t = 1/P … 1. fix: ablations:
    "x", all bases at x_T, or "t", the network at T. space: distances in "H" or "X". crop: of photos:
    "auto", None or (x, y, width, height). folder: where all is left (default: a temporary one,
    which goes with the study).
    catalogue: where bases are kept; studies may share one."""
    options = dict(locals())
    for name in ("model", "images", "samples", "timesteps", "rank"):
        del options[name]
    return _like("timesteps", model, images, samples, timesteps, rank, options)


def samples(
    model: Models,
    images: Sequence[Path] = (),
    *,
    samples: int = 10,
    timesteps: int = 20,
    rank: int = 50,
    **options: Any,
) -> Study:
    """How far the tangent spaces of samples are apart at each t. Options: as of ``timesteps``."""
    return _like("samples", model, images, samples, timesteps, rank, options)


def models(
    models: Models,
    images: Sequence[Path] = (),
    *,
    samples: int = 10,
    timesteps: int = 20,
    rank: int = 50,
    **options: Any,
) -> Study:
    """Both, for several models. Options: as of ``timesteps``."""
    return _like("models", models, images, samples, timesteps, rank, options)


def prompts(
    model: Models,
    prompts: Sequence[str],
    images: Sequence[Path] = (),
    *,
    samples: int = 3,
    timesteps: int = 10,
    rank: int = 50,
    **options: Any,
) -> Study:
    """How prompts move a sample's tangent space at each t. Options: as of ``timesteps``, without
    prompts of its own."""
    options["prompts"] = list(prompts)
    return _like("prompts", model, images, samples, timesteps, rank, options)


#: What all studies take, and its defaults.
_OPTIONS = {
    name: parameter.default
    for name, parameter in inspect.signature(timesteps).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name not in ("samples", "timesteps", "rank")
}


def _like(
    kind: str, of: Models, images: Sequence[Path], count: int, points: int, rank: int,
    options: dict[str, Any],
) -> Study:  # fmt: skip
    for name in options:
        if name not in _OPTIONS and name != "prompts":
            raise TypeError(f"there is no option {name!r}")
    settings = _OPTIONS | options
    settings["guided"] = settings["guided"] or None
    settings["from"] = settings.pop("from_tap")
    settings["class"] = settings.pop("class_label")
    return _do(kind, of, images=images, samples=count, timesteps=points, rank=rank, fit="crop",
               **settings)  # fmt: skip
