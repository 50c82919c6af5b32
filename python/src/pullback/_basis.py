"""Local latent bases and global directions, and what is made of several."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple, Union

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._errors import check_choice, check_kind, check_whole
from ._pictures import Floats, Picture, directions, grid
from ._run import Progress, run

Path = Union[str, "os.PathLike[str]"]


class Basis:
    """The leading singular vectors of a map between two taps of a network at a point: the local
    latent basis. Or global directions: a mean of several (``samples`` of them).

    Made by ``Model.basis``, ``load`` and ``mean``; it does not change.
    """

    _ARRAYS = ("u", "s", "v", "residual", "angle_bound", "x", "mask", "agreement")

    def __init__(self, thing: Any, facts: dict[str, Any] | None = None) -> None:
        self._thing = thing
        #: What is known of the computation (applications, restarts, seconds …); empty of a basis
        #: from a file.
        self.facts: dict[str, Any] = facts or {}

    def _array(self, name: str) -> Floats | None:
        found = getattr(self._thing, name)
        return None if found is None else np.asarray(found)

    @property
    def u(self) -> Floats:
        """Left singular vectors (k,C,H,W), at the tap observed."""
        return self._array("u")  # type: ignore[return-value]

    @property
    def s(self) -> Floats:
        """Singular values (k), descending."""
        return self._array("s")  # type: ignore[return-value]

    @property
    def v(self) -> Floats:
        """Right singular vectors (k,c,h,w), at the tap that varies: directions of x."""
        return self._array("v")  # type: ignore[return-value]

    @property
    def residual(self) -> Floats | None:
        """(k): sqrt(|Jv - su|² + |Jᵀu - sv|²), relative to the first singular value."""
        return self._array("residual")

    @property
    def angle_bound(self) -> Floats | None:
        """(k): how far each v may be from the true one, in radians."""
        return self._array("angle_bound")

    @property
    def x(self) -> Floats | None:
        """The point (c,h,w); None of a mean."""
        return self._array("x")

    @property
    def mask(self) -> Floats | None:
        """(H,W): weights of the tap observed, or None."""
        return self._array("mask")

    @property
    def agreement(self) -> Floats | None:
        """(k), of a mean: the mean |cos| with the samples' own directions."""
        return self._array("agreement")

    def __getattr__(self, name: str) -> Any:
        if name not in _FACTS:
            raise AttributeError(f"'Basis' object has no attribute {name!r}", name=name, obj=self)
        return getattr(self._thing, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_FACTS})

    def __len__(self) -> int:
        return len(self.s)

    def __repr__(self) -> str:
        if self.samples:
            return f"<mean of {self.samples} bases at {self.tap}: {len(self)} directions>"
        return (
            f"<Basis {self.from_tap} → {self.tap} at timestep {self.timestep:g}: {len(self)} "
            f"directions, {self.converged} within {self.tol:g}>"
        )

    def metadata(self) -> dict[str, Any]:
        """All that a basis says of itself besides its arrays, as its file does."""
        return {name: getattr(self._thing, name) for name in _FACTS}

    def save(self, path: Path) -> None:
        """Writes a .safetensors, which the program reads too; whole, or not at all."""
        _core.basis_write(self._thing, path)

    def __reduce__(self) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "basis.safetensors")
            self.save(path)
            with open(path, "rb") as file:
                return _of_file, (file.read(), self.facts)

    def pictures(self, count: int = 8) -> Picture:
        """The leading directions v, each scaled to its largest entry."""
        check_whole("count", count, 1)
        if self._array("v") is None:
            raise ValueError("a mean in H has no directions of x: an edit carries them there")
        return grid([directions(self.v[:count])])

    def _repr_png_(self) -> bytes | None:
        """The spectrum as bars above the leading directions; of a mean in H nothing."""
        if self._array("v") is None:
            return None
        shown = self.pictures().pixels
        s = self.s / (self.s[0] or 1)
        height = 64
        width = max(shown.shape[1], len(s))
        sheet = np.full((height + 4 + shown.shape[0], width, 3), 255, np.uint8)
        for x in range(width):
            bar = int(round(height * float(s[x * len(s) // width])))
            sheet[height - bar : height, x] = (70, 110, 170)
        sheet[height + 4 :, : shown.shape[1]] = shown
        return Picture(sheet)._repr_png_()


_FACTS = (
    "model",
    "model_hash",
    "prediction",
    "schedule",
    "schedule_hash",
    "from_tap",
    "tap",
    "timestep",
    "t",
    "steps",
    "class_label",
    "tol",
    "method",
    "prompt",
    "trajectory_prompt",
    "negative_prompt",
    "sizes",
    "guidance_scale",
    "guided",
    "converged",
    "applications",
    "null_rank",
    "samples",
    "space",
    "version",
    "loras",
    "file",
)


def load(path: Path) -> Basis:
    """Reads a basis file (.safetensors), of the program's or of ``Basis.save``, and checks it."""
    return Basis(_core.basis_read(path, True))


def _of_file(content: bytes, facts: dict[str, Any]) -> Basis:
    """A basis that was pickled: as the content of its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "basis.safetensors")
        with open(path, "wb") as file:
            file.write(content)
        return Basis(_core.basis_read(path, False), facts)


class Transported(NamedTuple):
    """Directions carried from one tangent space to another."""

    v: Floats  #: (k,c,h,w), unit vectors
    share: NDArray[np.float64]  #: (k): the share of each that survives


def transport(source: Basis, target: Basis, *, form: str = "projection") -> Transported:
    """Carries all directions u of a basis through H to the point of another (Park et al. 2023,
    section 3.3). form: ``"projection"``, the paper's, or ``"pseudo-inverse"``."""
    check_kind("source", source, Basis)
    check_kind("target", target, Basis)
    check_choice("form", form, "projection", "pseudo-inverse")
    with run():
        v, share = _core.transport(source._thing, target._thing, form == "pseudo-inverse")
    return Transported(np.asarray(v), np.asarray(share))


def _all_bases(bases: Sequence[Basis]) -> list[Basis]:
    found = list(bases)
    for i, one in enumerate(found):
        check_kind(f"basis {i}", one, Basis)
    return found


class Compared(NamedTuple):
    """One side of a comparison: distances between spaces of dimension k of Rⁿ."""

    n: int
    k: int
    geodesic: NDArray[np.float64]  #: (bases,bases), radians: sqrt of the sum of squared angles
    chordal: NDArray[np.float64]
    procrustes: NDArray[np.float64]
    projection: NDArray[np.float64]
    angles: NDArray[np.float64]  #: (bases,bases,k): principal angles, ascending
    largest: dict[str, float]  #: what the distances are for k right angles
    random: dict[str, float]  #: and for random spaces, on average


class Comparison(NamedTuple):
    """How far bases are apart, in H (of their u) and in X (of their v)."""

    h: Any  #: Compared; or a text that says why they cannot be
    x: Any  #: likewise


def _compared(found: Any) -> Compared | str:
    if isinstance(found, str):
        return found
    four = np.asarray(found["distances"])
    return Compared(
        n=found["n"],
        k=found["k"],
        geodesic=four[:, :, 0],
        chordal=four[:, :, 1],
        procrustes=four[:, :, 2],
        projection=four[:, :, 3],
        angles=np.asarray(found["angles"]),
        largest=found["largest"],
        random=found["random"],
    )


def compare(
    bases: Sequence[Basis],
    *,
    rank: int | None = None,
    across_models: bool = False,
    draws: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress = None,
) -> Comparison:
    """How far the tangent spaces of two or more bases are apart, each from each.

    rank: leading directions of each (default: as many as all have). across_models: also of different
    models. draws, seed: of random spaces, for the scale."""
    bases = _all_bases(bases)
    options = {"rank": rank, "across_models": across_models, "draws": draws, "seed": seed}
    with run(threads=threads, progress=progress) as r:
        h, x = _core.compare([basis._thing for basis in bases], options, r)
    return Comparison(_compared(h), _compared(x))


def mean(
    bases: Sequence[Basis],
    *,
    kind: str = "karcher",
    space: str = "H",
    threads: int | None = None,
    progress: Progress = None,
) -> Basis:
    """Global directions: the mean of bases at several points. kind: ``"karcher"`` (of the spaces) or
    ``"matched"`` (of individual directions); space: ``"H"`` or ``"X"``. ``facts`` of the result has
    the spread."""
    bases = _all_bases(bases)
    check_choice("kind", kind, "karcher", "matched")
    check_choice("space", space, "H", "X")
    with run(threads=threads, progress=progress) as r:
        thing, report = _core.mean(
            [basis._thing for basis in bases], kind == "matched", space == "X", r
        )
    return Basis(thing, report if kind == "karcher" else None)


__all__ = ["Basis", "Comparison", "Compared", "Transported", "compare", "load", "mean", "transport"]
