"""Bases of networks that the library does not read."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

import numpy as np

from . import _core
from ._basis import Basis
from ._pictures import Floats, floats
from ._solve import SVD


def _shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(C,H,W) of what a tap gives for one image: of tokens (n,width) it is (1,n,width), as of the
    library's own, of numbers alone (n,1,1)."""
    if len(shape) == 3:
        return shape  # type: ignore[return-value]
    if len(shape) == 2:
        return (1, *shape)
    if len(shape) == 1:
        return (*shape, 1, 1)
    raise ValueError(f"expected a tap of one to three dimensions, found {shape}")


def write_safetensors(path: str, tensors: dict[str, Floats], metadata: dict[str, str]) -> None:
    """Float32 tensors and text as one file of the format."""
    header: dict[str, Any] = {"__metadata__": metadata}
    at = 0
    for name, array in tensors.items():
        header[name] = {
            "dtype": "F32",
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in tensors.values():
            file.write(array.astype("<f4").tobytes())


def new_basis(
    svd: SVD,
    x: Floats,
    shape: tuple[int, ...],
    *,
    tap: str,
    timestep: float,
    tol: float,
    model: str,
    model_hash: str,
    prompt: str,
) -> Basis:
    """A basis of an SVD of somebody's map from x (c,h,w) to a tap: written as a file and read again,
    so that what checks files checks it, too."""
    k = len(svd.s)
    tensors = {
        "u": svd.u.reshape(k, *_shape(shape)),
        "s": floats(svd.s),
        "v": svd.v.reshape(k, *x.shape),
        "residual": floats(svd.residual),
        "angle_bound": floats(svd.angle_bound),
        "x": floats(x),
    }
    metadata = {
        "format": "pullback basis 1",
        "model": model,
        "model_hash": model_hash,
        "from": "x",
        "tap": tap,
        "timestep": repr(timestep),
        "t": "nan",
        "class_label": "-1",
        "tol": repr(tol),
        "method": "krylov",
        "prompt": prompt,
        "converged": str(svd.facts["converged"]),
        "applications": str(svd.facts["applications"]),
        "version": _core.version(),
    }
    handle, path = tempfile.mkstemp(suffix=".safetensors")
    os.close(handle)
    try:
        write_safetensors(path, {n: np.ascontiguousarray(a) for n, a in tensors.items()}, metadata)
        thing = _core.basis_read(path, False)
    finally:
        os.unlink(path)
    return Basis(thing, dict(svd.facts))
