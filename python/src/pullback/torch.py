"""The certified solver on any network of PyTorch, on any device.

>>> import pullback.torch
>>> basis = pullback.torch.basis(unet, x, timestep, tap="mid_block", rank=50)
>>> basis.s, basis.residual
"""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import numpy as np
import torch

from ._basis import Basis
from ._errors import PullbackWarning, check_whole
from ._foreign import new_basis
from ._pictures import Floats
from ._run import Progress
from ._solve import SVD, Operator, check_vectors, svd

Function = Callable[[torch.Tensor], torch.Tensor]

#: Vectors that go through a network together unless it is said.
CHUNK = 8


class _Reached(Exception):
    """The tap has its value: the rest of the network is left out."""


def _first_tensor(value: Any) -> torch.Tensor:
    """Of what a module gives: the tensor, the first of a tuple, a dataclass's ``sample``."""
    if isinstance(value, torch.Tensor):
        return value
    if hasattr(value, "sample"):
        return _first_tensor(value.sample)
    if isinstance(value, (tuple, list)) and value:
        return _first_tensor(value[0])
    raise TypeError(f"expected a tensor from the tap, found {type(value).__name__}")


def tap(module: torch.nn.Module, name: str) -> Callable[..., torch.Tensor]:
    """The output of a submodule, by its name ("mid_block", "up_blocks.1", "transformer_blocks.5"), as
    a function of what the whole module is given. "" is the module's own output. What comes behind the
    submodule is not computed; of several tensors it is the first."""
    if not isinstance(name, str):
        raise TypeError(f"tap: expected the name of a submodule, found {type(name).__name__}")
    if not name:
        return lambda *args, **kwargs: _first_tensor(module(*args, **kwargs))
    try:
        found = module.get_submodule(name)
    except AttributeError:
        names = [n for n, _ in module.named_modules() if n]
        near = get_close_matches(name, names) or [n for n in names if "." not in n]
        raise ValueError(f"there is no submodule {name!r}: {', '.join(near)}, …") from None

    def reach(*args: Any, **kwargs: Any) -> torch.Tensor:
        kept: list[torch.Tensor] = []

        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            kept.append(_first_tensor(output))
            raise _Reached

        hook = found.register_forward_hook(keep)
        try:
            module(*args, **kwargs)
        except _Reached:
            return kept[0]
        finally:
            hook.remove()
        raise ValueError(f"the module {name!r} took no part in the evaluation")

    return reach


_tap = tap  # basis() has a parameter of that name


# -- derivatives -----------------------------------------------------------------------------------


def _plain_attention() -> Any:
    """Attention by its definition, which has all derivatives."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel(SDPBackend.MATH)


def _check_real(name: str, value: Any) -> None:
    if not isinstance(value, torch.Tensor):
        more = ": take its .sample" if hasattr(value, "sample") else ""
        raise TypeError(f"{name}: expected a tensor, found {type(value).__name__}{more}")
    if not value.is_floating_point():
        raise TypeError(f"{name}: expected real floating-point numbers, found {value.dtype}")


class Linearisation(Operator):
    """The Jacobian of a function at x. Made by ``linearise``.

    ``manner``: how J v is computed, "forward" or "double-backward"; ``plain_attention``: whether
    attention had to be taken apart for it; ``batched``: whether vectors go through by vmap.
    """

    def __init__(self, f: Function, x: torch.Tensor, chunk: int) -> None:
        check_whole("chunk", chunk, 1)
        _check_real("x", x)
        self.f = f
        self.x = x.detach()
        with torch.no_grad():
            _check_real("f(x)", f(self.x))  # whose own errors are shown as they are
        self.block = chunk
        self.manner = ""
        self.plain_attention = False
        self.batched = True
        #: Vectors through J and Jᵀ so far.
        self.applications = 0
        self._settle()
        super().__init__(self.value.numel(), self.x.numel())

    # How it is computed is found by trying, the quickest way first.
    def _settle(self) -> None:
        reasons = []
        for plain in (False, True):
            for manner in ("forward", "double-backward"):
                for batched in (True, False):
                    self.manner, self.plain_attention, self.batched = manner, plain, batched
                    try:
                        self._linearise()
                        self._jvp(torch.zeros_like(self.x)[None])
                        self._vjp(torch.zeros_like(self.value)[None])
                    except torch.cuda.OutOfMemoryError:
                        raise
                    except (NotImplementedError, RuntimeError) as error:
                        reasons.append(f"{manner}: {str(error).splitlines()[0]}")
                        continue
                    if reasons:
                        self._tell(reasons[0])
                    return
        raise NotImplementedError("no way to differentiate the function: " + "; ".join(reasons))

    def _tell(self, reason: str) -> None:
        how = [f"derivatives by {self.manner}"]
        if self.plain_attention:
            how.append("attention by its definition, which keeps whole matrices")
        if not self.batched:
            how.append("one vector at a time")
        warnings.warn(f"{', '.join(how)} ({reason[:200]})", PullbackWarning, stacklevel=6)

    def _attention(self) -> Any:
        return _plain_attention() if self.plain_attention else contextlib.nullcontext()

    def _linearise(self) -> None:
        with torch.no_grad(), self._attention():
            self.value, self._pull = torch.func.vjp(self.f, self.x)
            if self.manner == "double-backward":
                zero = torch.zeros_like(self.value)
                _, push = torch.func.vjp(lambda u: self._pull(u)[0], zero)
                self._push = push
        self.value = self.value.detach()

    def _many(self, one: Function, vectors: torch.Tensor) -> torch.Tensor:
        if self.batched:
            return torch.func.vmap(one)(vectors)
        return torch.stack([one(vector) for vector in vectors])

    def _jvp(self, v: torch.Tensor) -> torch.Tensor:
        def forward(w: torch.Tensor) -> torch.Tensor:
            return torch.func.jvp(self.f, (self.x,), (w,))[1]

        def backward(w: torch.Tensor) -> torch.Tensor:
            return self._push(w)[0]

        with torch.no_grad(), self._attention():
            return self._many(forward if self.manner == "forward" else backward, v)

    def _vjp(self, u: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), self._attention():
            return self._many(lambda w: self._pull(w)[0], u)

    def _chunk(self, vectors: torch.Tensor, transposed: bool) -> torch.Tensor:
        """As many at a time as the device has room for."""
        act = self._vjp if transposed else self._jvp
        parts = []
        done = 0
        while done < len(vectors):
            part = vectors[done : done + self.block]
            try:
                parts.append(act(part))
            except torch.cuda.OutOfMemoryError:
                if len(part) == 1:
                    raise
                self.block = len(part) // 2
                torch.cuda.empty_cache()
                continue
            done += len(part)
        return torch.cat(parts)

    def apply(self, vectors: Floats, transposed: bool = False) -> Floats:
        """J of k vectors (k,cols), one after the other, as (k,rows); transposed: Jᵀ of (k,rows)."""
        like = self.value if transposed else self.x
        vectors = check_vectors(vectors, like.numel())
        given = torch.from_numpy(np.array(vectors, np.float32)).to(like.device, like.dtype)
        self.applications += len(given)
        found = self._chunk(given.reshape(-1, *like.shape), transposed)
        return found.reshape(len(given), -1).float().cpu().numpy()

    def __repr__(self) -> str:
        return (
            f"<Linearisation {tuple(self.x.shape)} → {tuple(self.value.shape)} on {self.x.device}, "
            f"{self.manner}>"
        )


def linearise(f: Function, x: torch.Tensor, chunk: int = CHUNK) -> Linearisation:
    """The Jacobian of any function of PyTorch at x, as a linear operator.

    f: of one tensor, gives one tensor; on any device, of any real dtype. chunk: vectors that go
    through together; fewer where a card has no room for them. Vectors are float32 outside, and of x's
    dtype inside. J v is computed in forward mode, or where an operation has no forward derivative by
    differentiating Jᵀ u (double backward); fused attention, which may have neither, is taken apart
    then. A warning says so."""
    return Linearisation(f, x, chunk)


# -- bases -----------------------------------------------------------------------------------------


def fingerprint(network: torch.nn.Module) -> str:
    """SHA-256 over the names, shapes and 64 values of each parameter and buffer: tells bases of
    one network from those of another without reading all of it."""
    digest = hashlib.sha256(type(network).__name__.encode())
    for name, value in sorted(network.state_dict().items()):
        flat = value.detach().reshape(-1)
        some = flat[:: max(1, len(flat) // 64)][:64].double().cpu().numpy()
        digest.update(f"{name} {tuple(value.shape)}".encode() + some.tobytes())
    return digest.hexdigest()


def basis(
    network: torch.nn.Module,
    x: torch.Tensor,
    timestep: Any,
    *,
    tap: str = "mid_block",
    rank: int = 50,
    tol: float = 1e-3,
    chunk: int = CHUNK,
    block: int = 0,
    max_applications: int = 0,
    seed: int = 0,
    verify: bool = False,
    prompt: str = "",
    threads: int | None = None,
    progress: Progress = None,
    **inputs: Any,
) -> Basis:
    """The local latent basis of a network of diffusers (U-Nets, transformers), or of any module that
    is called as ``network(x, timestep, **inputs)``: the leading singular vectors of the map from x to
    the output of the submodule ``tap``, with certified residuals.

    x: (1,c,h,w) or (c,h,w), on the network's device. inputs: what else the network is called with
    (``encoder_hidden_states=…``, ``class_labels=…``, ``added_cond_kwargs=…``). prompt: a note, kept
    in the file; bases know their network by its ``fingerprint``. rank, tol, block, max_applications, seed, verify: as ``pullback.svd``."""
    _check_real("x", x)
    x = x.detach()
    image = x if x.ndim == 4 else x[None]
    if image.ndim != 4 or len(image) != 1:
        raise ValueError(f"expected one image (1,c,h,w) or (c,h,w), found {tuple(x.shape)}")
    if not isinstance(timestep, torch.Tensor):
        timestep = torch.tensor(timestep, device=x.device)
    if timestep.numel() != 1:
        raise ValueError(f"timestep: expected one, found {timestep.numel()}")
    reach = _tap(network, tap)

    def f(varied: torch.Tensor) -> torch.Tensor:
        return reach(varied, timestep, **inputs)

    map_ = linearise(f, image, chunk)
    found: SVD = svd(
        map_,
        rank,
        tol,
        block=block,
        max_applications=max_applications,
        seed=seed,
        verify=verify,
        threads=threads,
        progress=progress,
    )
    made = new_basis(
        found,
        image[0].float().cpu().numpy(),
        tuple(map_.value.shape[1:]),
        tap=tap or "out",
        timestep=float(timestep.reshape(-1)[0]),
        tol=tol,
        model=type(network).__name__,
        model_hash=fingerprint(network),
        prompt=prompt,
    )
    made.facts["manner"] = map_.manner
    return made


__all__ = ["CHUNK", "Linearisation", "basis", "fingerprint", "linearise", "tap"]
