"""Riemannian geometry of a diffusion model's latent space.

>>> import pullback
>>> model = pullback.open("faces64-text")
>>> point = model.point(seed=0, prompt="a face")
>>> basis = model.basis(point, rank=10)
>>> model.edit(point, basis, direction=0).strip()

The functions are those of the program ``pullback``, under its names and with its defaults, and give
the same numbers to the last bit. ``pullback.svd`` and ``pullback.torch`` bring the certified solver
to any other network. Images that go in are arrays, paths or PIL images; arrays come out.
"""

from . import _core
from ._basis import Basis, Comparison, compare, load, mean, transport
from ._edit import Edit
from ._errors import (
    Cancelled,
    Error,
    FormatError,
    InvalidError,
    IOError,
    MissingFileError,
    NumericError,
    OutOfMemoryError,
    PullbackWarning,
    UnsupportedError,
)
from ._model import Model, Point, Schedule, open
from ._pictures import Picture, pixels
from ._solve import SVD, Linearisation, Operator, angles, least_squares, svd

__version__: str = _core.version()

__all__ = [
    "Basis",
    "Cancelled",
    "Comparison",
    "Edit",
    "Error",
    "FormatError",
    "IOError",
    "InvalidError",
    "Linearisation",
    "MissingFileError",
    "Model",
    "NumericError",
    "Operator",
    "OutOfMemoryError",
    "Picture",
    "Point",
    "PullbackWarning",
    "SVD",
    "Schedule",
    "UnsupportedError",
    "angles",
    "compare",
    "least_squares",
    "load",
    "mean",
    "open",
    "pixels",
    "svd",
    "transport",
]
