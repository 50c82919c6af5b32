"""Edits of a point along directions."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ._basis import Basis
from ._pictures import Floats, Picture, grid, pixels


class Edit:
    """A point edited along directions, in stages to one side or to both.

    ``edit[d, stage]`` is the picture (c,H,W) in about [-1, 1] of direction number d at a stage from
    -stages to stages; stage 0 is the reconstruction. ``pictures`` has all (1 + n,c,H,W), ``change``
    of each direction the root mean square change of 255, ``outside`` with a mask the share of it
    outside, ``basis`` the basis at the point; ``strength``, ``directions``, ``stages``, ``sides`` and
    ``mode`` say what was done.
    """

    __iter__ = None  # numbers of directions need not begin at 0

    def __init__(self, thing: Any, facts: dict[str, Any], basis: Basis | None) -> None:
        self._thing = thing
        #: The pictures (1 + n,c,H,W): the reconstruction, then for each direction its stages
        #: forwards and those backwards.
        self.pictures: Floats = np.asarray(thing.pictures)
        #: The basis at the point.
        self.basis = basis
        #: How far it goes, as a share of the full edit; backwards negative.
        self.strength: float = facts["strength"]
        #: Of each direction the root mean square change of its last stage, of 255.
        self.change: list[float] = facts["change"]
        #: With a mask: the share of the squared change outside of it.
        self.outside: list[float] = facts["outside"]
        self.directions: tuple[int, ...] = thing.directions
        self.stages: int = thing.stages
        self.sides: str = thing.sides
        self.mode: str = thing.mode

    def __getitem__(self, at: tuple[int, int]) -> Floats:
        if not isinstance(at, tuple) or len(at) != 2:
            raise TypeError(f"expected edit[direction, stage], found edit[{at!r}]")
        direction, stage = (operator.index(number) for number in at)
        if direction not in self.directions:
            raise KeyError(f"direction {direction}: edited along {self.directions}")
        if abs(stage) > self.stages:
            raise KeyError(f"stage {stage}: there are {self.stages}")
        if stage == 0:
            return self.pictures[0]
        back = stage < 0
        if back != (self.sides == "backwards") and self.sides != "both":
            raise KeyError(f"stage {stage}: edited {self.sides}")
        sides = 2 if self.sides == "both" else 1
        first = 1 + self.directions.index(direction) * sides * self.stages
        return self.pictures[first + (self.stages if back and sides == 2 else 0) + abs(stage) - 1]

    def picture(self, direction: int | None = None, stage: int | None = None) -> Picture:
        """One of them as pixels (default: the first direction's last stage)."""
        if direction is None:
            direction = self.directions[0]
        if stage is None:
            stage = -self.stages if self.sides == "backwards" else self.stages
        return Picture(pixels(self[direction, stage]))

    def strip(self) -> Picture:
        """All of them: a row for each direction, the reconstruction between its two sides."""
        low = 0 if self.sides == "forwards" else -self.stages
        high = 0 if self.sides == "backwards" else self.stages
        return grid(
            [[pixels(self[d, i]) for i in range(low, high + 1)] for d in self.directions]
        )

    def settings(self) -> dict[str, Any]:
        """What was done: all that would do it again at the same point."""
        names = ("mode", "directions", "sides", "stages", "guidance", "full_iterations",
                 "edit_length", "boost", "noise_seed", "timestep", "steps")  # fmt: skip
        return {name: getattr(self._thing, name) for name in names} | {"strength": self.strength}

    def _repr_png_(self) -> bytes:
        return self.strip()._repr_png_()

    def __repr__(self) -> str:
        return f"<Edit along {self.directions}, {self.mode}, {self.stages} stages, {self.sides}>"
