"""How a call is done: memory, threads, progress, warnings."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, Union

from ._errors import InternalError, PullbackWarning

#: True: a bar (tqdm, where it is installed); or a function of the task, the steps done and those in
#: all, (0: not known), which may return True to stop.
Progress = Union[bool, Callable[[str, int, int], Any], None]

_used = False
_forked = False


def _in_child() -> None:
    global _forked
    _forked = _used


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


class _Bar:
    """A tqdm bar for each task, or a line on stderr."""

    def __init__(self) -> None:
        self.task = ""
        self.bar: Any = None
        try:
            from tqdm.auto import tqdm

            self.make: Any = tqdm
        except ImportError:
            self.make = None

    def __call__(self, task: str, done: int, total: int, svd: Any) -> None:
        if svd is not None:
            _, done, total, _ = svd
        if self.make is None:
            if total:
                print(f"\r{task} {done}/{total}", end="", file=sys.stderr, flush=True)
            return
        if task != self.task or self.bar is None:
            self.close()
            self.task = task
            self.bar = self.make(desc=task, total=total or None, leave=False)
        if total:
            self.bar.total = total
        self.bar.n = done
        self.bar.refresh()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        elif self.make is None and self.task:
            print(file=sys.stderr)


def warn(text: str) -> None:
    level = 1
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("pullback"):
        level += 1
        frame = frame.f_back  # type: ignore[assignment]
    warnings.warn(text, PullbackWarning, stacklevel=level + 1)


class run:
    """With these: the dictionary that functions of _core take."""

    def __init__(
        self,
        *,
        memory: int | None = None,
        threads: int | None = None,
        progress: Progress = None,
    ) -> None:
        self.bar: _Bar | None = None
        tell: Any = None
        if progress is True:
            self.bar = tell = _Bar()
        elif callable(progress):

            def tell(task: str, done: int, total: int, svd: Any) -> Any:
                if svd is not None:
                    _, done, total, _ = svd
                return progress(task, done, total)

        elif progress not in (None, False):
            raise TypeError(f"progress: expected True or a function, found {progress!r}")

        self.values = {"memory": memory, "threads": threads, "progress": tell, "warn": warn}

    def __enter__(self) -> dict[str, Any]:
        global _used
        if _forked:
            raise InternalError(
                "pullback was used before this process was forked, and its threads are not here: "
                'start processes by "spawn" (multiprocessing.get_context("spawn"))'
            )
        _used = True
        return self.values

    def __exit__(self, *exception: object) -> None:
        if self.bar is not None:
            self.bar.close()
