"""Models: opened, and at work."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple, Union

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._basis import Basis
from ._edit import Edit
from ._errors import check_choice, check_kind, check_whole
from ._pictures import Floats, ImageLike, floats, is_path, photo
from ._run import Progress, run, warn
from ._solve import Linearisation, svd_facts

#: Points of the time grid, and stages to each side: the program's.
STEPS = 100
STAGES = 4

#: Those of diffusers, in the order of pb_spacing.
SPACINGS = ("leading", "trailing", "linspace")


class Schedule(NamedTuple):
    """The noise schedule of a model."""

    length: int  #: T, timesteps there are
    prediction: str  #: epsilon, v_prediction, sample or velocity
    kind: str
    hash: str
    alpha_bar: NDArray[np.float64]  #: (T)

    def __repr__(self) -> str:
        return f"<Schedule of {self.length} timesteps, {self.kind}, predicts {self.prediction}>"


class Point:
    """A noisy image x_t: where a basis is taken, or an edit begins. Made by ``Model.point``."""

    def __init__(self, thing: Any) -> None:
        self._thing = thing

    @property
    def x(self) -> Floats:
        """(1,c,h,w): x_t, as the network sees it."""
        return np.asarray(self._thing.x)

    @property
    def image(self) -> Floats | None:
        """(1,c,h,w): what was inverted, or None."""
        found = self._thing.image
        return None if found is None else np.asarray(found)

    @property
    def mask(self) -> Floats | None:
        """(h,w), 0 to 1, or None."""
        found = self._thing.mask
        return None if found is None else np.asarray(found)

    @property
    def t(self) -> float:
        """The noise level asked for, a fraction of T."""
        return float(self._thing.t)

    @property
    def timestep(self) -> float:
        """The network's time."""
        return float(self._thing.timestep)

    @property
    def steps(self) -> int:
        """Points of the time grid it lies on."""
        return int(self._thing.steps)

    @property
    def prompts(self) -> dict[str, Any]:
        """What the model is told."""
        return dict(self._thing.prompts)

    def is_of(self, basis: Basis) -> bool:
        """Is this the point that a basis was computed at?"""
        check_kind("basis", basis, Basis)
        return bool(_core.point_is(self._thing, basis._thing))

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.x.shape[1:]))
        t = "" if np.isnan(self.t) else f"t = {self.t:g}, "
        return f"<Point {shape} at {t}timestep {self.timestep:g}>"


def _prompts(**given: Any) -> dict[str, Any]:
    sizes = {name: given.pop(name, None) for name in ("original_size", "crop_coords", "target_size")}
    return given | {"sizes": sizes}


class Model:
    """A diffusion model. Opened by ``pullback.open``.

    It may be used by several threads at once: each has a session of its own, with what was prepared
    there (plans for images of one size, embeddings of prompts).

    All methods that compute take ``memory`` (bytes to work in, beside the weights; 2 GiB), ``threads``
    and ``progress`` (True, or a function of the task, the steps done and those in all).
    """

    def __init__(self, core: Any, opened: tuple[Any, ...]) -> None:
        self._core = core
        self._opened = opened
        self._sessions = threading.local()
        #: Facts: architecture, sizes, parameters, what is recommended … as ``pullback info`` has them.
        self.info: dict[str, Any] = core.info()

    @property
    def _session(self) -> Any:
        if not hasattr(self._sessions, "own"):
            self._sessions.own = _core.session(self._core)
        return self._sessions.own

    def __reduce__(self) -> Any:
        return _open, self._opened

    def __repr__(self) -> str:
        return f"<Model {self.info['path']}: {self.info['architecture']}>"

    @property
    def taps(self) -> list[str]:
        """Places in the network, from input to output; besides them "eps" and "x0"."""
        return list(self._core.taps())

    @property
    def components(self) -> dict[str, str]:
        """What it is made of: the class of each part."""
        return dict(self._core.components())

    @property
    def schedule(self) -> Schedule:
        """Its noise schedule."""
        length, prediction, kind, digest, alpha_bar = self._core.schedule()
        return Schedule(length, prediction, kind, digest, np.asarray(alpha_bar))

    def hash(self, *, progress: Progress = None) -> str:
        """SHA-256 over all files that can change a number; reads them all the first time."""
        with run(progress=progress) as r:
            return str(self._core.hash(r))

    def tap_shape(
        self, tap: str, height: int | None = None, width: int | None = None
    ) -> tuple[int, int, int]:
        """Shape (C,H,W) of a tap for images of height x width pixels (default: as trained)."""
        h, w = self._session.size(height or 0, width or 0)
        return tuple(self._core.tap_shape(tap, h, w))  # type: ignore[return-value]

    # -- pictures ----------------------------------------------------------------------------------

    def picture(
        self,
        image: ImageLike,
        *,
        crop: Sequence[int] | None = None,
        fit: str = "crop",
        height: int | None = None,
        width: int | None = None,
    ) -> Floats:
        """A picture (1,c,H,W) in [-1, 1] as the model takes it: of a photo (a path, a PIL image, an
        array (H,W,3) of uint8) the part ``crop`` (x, y, width, height; pixels), or without one the
        middle in the model's proportions (fit="crop"), all of it with white beside it ("pad") or out
        of proportion ("stretch"), scaled to height x width pixels (default: as trained). Floats are
        left as they are."""
        found = photo(self._session, image, crop, fit, height, width)
        if found is not None:
            return found
        if crop is not None or fit != "crop":
            raise ValueError("a picture of floats is taken as it is: expected no crop and no fit")
        array = _one(image)
        if array.ndim == 4 and array.shape[3] in (3, 4) and array.shape[1] not in (1, 3):
            raise ValueError(
                f"floats of shape {array.shape[1:]}: expected (c,H,W) in [-1, 1]; pixels (H,W,3) are "
                "of uint8"
            )
        if array.size and np.abs(array).max() > 2:
            warn(f"a picture in [-1, 1] is expected: this one reaches {np.abs(array).max():g}")
        return array

    def encode(self, pictures: ImageLike, **how: Any) -> Floats:
        """Pictures (n,c,H,W) in [-1, 1], or one of pixels, as what the network sees: latents
        (n,c,h,w) of a latent model, else the pictures."""
        array = self.picture(pictures)
        with run(**how) as r:
            return np.asarray(self._session.encode(array, r))

    def decode(self, images: Any, **how: Any) -> Floats:
        """And back: images (n,c,h,w) to pictures (n,c,H,W) in about [-1, 1]."""
        array = _one(images)
        with run(**how) as r:
            return np.asarray(self._session.decode(array, r))

    def embed(
        self, prompt: str, *, height: int | None = None, width: int | None = None, **how: Any
    ) -> dict[str, Floats]:
        """What the network is told of a prompt: "context" (tokens,width), and where it takes them
        "pooled" (1,width) and "time_ids" (1,6)."""
        h, w = self._session.size(height or 0, width or 0)
        with run(**how) as r:
            found = self._session.embed({"prompt": prompt}, h, w, r)
        return {name: np.asarray(array) for name, array in found.items()}

    # -- points ------------------------------------------------------------------------------------

    def point(
        self,
        image: ImageLike = None,
        *,
        seed: int | None = None,
        x: Any = None,
        latents: Any = None,
        basis: Basis | None = None,
        t: float | None = None,
        timestep: float | None = None,
        steps: int | None = None,
        direct: bool = False,
        mask: Any = None,
        crop: Sequence[int] | None = None,
        fit: str = "crop",
        prompt: str | None = None,
        edit_prompt: str | None = None,
        negative_prompt: str | None = None,
        guidance_scale: float | None = None,
        class_label: int | None = None,
        height: int | None = None,
        width: int | None = None,
        original_size: Sequence[int] | None = None,
        crop_coords: Sequence[int] | None = None,
        target_size: Sequence[int] | None = None,
        memory: int | None = None,
        threads: int | None = None,
        progress: Progress = None,
    ) -> Point:
        """The noisy image x_t: of a picture by DDIM inversion, of a seed from its noise (as
        torch.manual_seed(seed); torch.randn draws it), of latents, of an x_t of your own, or of a
        basis the point that it was computed at.

        t: fraction of T, 0 (the image) to 1 (noise), on a grid of ``steps`` (100) points; default:
        the model's recommendation, else 0.6, of latents 0.7. timestep: of x, in place of t. direct:
        invert up to t only. mask: (h,w), 0 to 1, of an image's size: where an edit is wanted. prompt:
        of the trajectory; edit_prompt (default: the prompt): of the basis and of guidance along it.
        crop, fit, height, width: of a photo, as ``picture`` has them; height and width also of what a
        seed draws."""
        prompts = _prompts(
            prompt=prompt,
            edit_prompt=edit_prompt,
            negative_prompt=negative_prompt,
            guidance_scale=guidance_scale,
            class_label=class_label,
            original_size=original_size,
            crop_coords=crop_coords,
            target_size=target_size,
        )
        of = {"image": image, "seed": seed, "x": x, "latents": latents, "basis": basis}
        given = [name for name, value in of.items() if value is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"expected one of {', '.join(of)}, found {found}")
        if basis is not None:
            check_kind("basis", basis, Basis)
            if any(v is not None for v in (t, timestep, mask, crop)):
                raise ValueError("a basis has its own point: expected nothing but prompts and steps")
            with run(memory=memory, threads=threads, progress=progress) as r:
                return Point(self._session.point_of(basis._thing, steps or 0, prompts, r))
        picture = None
        if image is not None:
            picture = self.picture(image, crop=crop, fit=fit, height=height, width=width)
        elif crop is not None:
            raise ValueError("a crop is of an image, and there is none")
        options: dict[str, Any] = {
            "picture": picture,
            "image": None if latents is None else _one(latents),
            "x": None if x is None else _one(x),
            "has_seed": seed is not None,
            "seed": seed,
            "height": height,
            "width": width,
            "steps": STEPS if steps is None else steps,
            "t": t,
            "timestep": timestep,
            "direct": direct,
            "mask": None if mask is None else floats(mask),
            "prompts": prompts,
        }
        with run(memory=memory, threads=threads, progress=progress) as r:
            return Point(self._session.point(options, r))

    def move(self, point: Point, t: float, **how: Any) -> Point:
        """The same image at another t, a fraction of T: moved along its grid by DDIM steps."""
        check_kind("point", point, Point)
        with run(**how) as r:
            return Point(self._session.point_to(point._thing, t, r))

    # -- bases -------------------------------------------------------------------------------------

    def basis(
        self,
        point: Point,
        rank: int = 50,
        tol: float = 1e-3,
        *,
        tap: str | None = None,
        from_tap: str | None = None,
        method: str = "krylov",
        precision: str = "fp32",
        block: int = 0,
        max_applications: int = 0,
        start_seed: int = 0,
        start: Any = None,
        guided: bool = False,
        null_rank: int | None = None,
        verify: bool = False,
        memory: int | None = None,
        threads: int | None = None,
        progress: Progress = None,
    ) -> Basis:
        """The local latent basis at a point: the leading singular vectors of the map from the tap
        that varies ("x") to the one observed ("mid"; "x0" with a mask), with certified residuals.

        tol: the largest residual, relative to the first singular value. precision: "fp32", or "bf16"
        with a refinement in fp32. guided: the map with classifier-free guidance, to eps or x0.
        null_rank: with a mask, keep to the complement of so many leading directions of the rest (50).
        verify: measure the residuals by applying the map once more."""
        check_kind("point", point, Point)
        check_choice("precision", precision, "fp32", "bf16")
        options = {
            "rank": rank,
            "tol": tol,
            "tap": tap,
            "from_tap": from_tap,
            "method": method,
            "bf16": precision == "bf16",
            "block": block,
            "max_applications": max_applications,
            "seed": start_seed,
            "start": None if start is None else floats(start),
            "guided": guided,
            "null_rank": null_rank,
        }
        with run(memory=memory, threads=threads, progress=progress) as r:
            thing, facts = self._session.basis(point._thing, options, verify, r)
        return Basis(thing, svd_facts(facts))

    def linearise(
        self,
        point: Point,
        tap: str = "mid",
        *,
        from_tap: str = "x",
        memory: int | None = None,
        threads: int | None = None,
        progress: Progress = None,
    ) -> Linearisation:
        """The Jacobian of a map at a point, as a linear operator."""
        check_kind("point", point, Point)
        with run(memory=memory, threads=threads, progress=progress) as r:
            return Linearisation(_core.linearise(self._session, point._thing, from_tap, tap, r))

    # -- edits -------------------------------------------------------------------------------------

    def edit(
        self,
        point: Point,
        basis: Basis | None = None,
        direction: Union[int, Sequence[int]] = 0,
        *,
        stages: int = STAGES,
        strength: float | None = None,
        mode: str | None = None,
        sides: str = "both",
        edit_step: float | None = None,
        edit_scale: float | None = None,
        edit_iterations: int | None = None,
        edit_length: float | None = None,
        boost: float | None = None,
        noise_seed: int = 0,
        u: Any = None,
        damping: float = 0.1,
        carry: bool = False,
        onto: Basis | None = None,
        form: str = "projection",
        project: bool = False,
        rank: int = 0,
        tol: float = 1e-3,
        tap: str | None = None,
        memory: int | None = None,
        threads: int | None = None,
        progress: Progress = None,
    ) -> Edit:
        """Edits a point along directions: of its own basis (computed where none is given), of a basis
        of another point or a mean, which are carried here, or along pre-images of directions u of H.

        direction: a number from 0 on, or several. stages: pictures on each side. strength: a share
        of the full edit, 0 to 1 (0.5, or 1 where iterations or length are given). mode: "guidance"
        (default), "straight" (default with a mask) or "relinearise". sides: "both", "forwards" or
        "backwards". What is not given is the model's recommendation, or the paper's choice."""
        check_kind("point", point, Point)
        for name, one in (("basis", basis), ("onto", onto)):
            if one is not None:
                check_kind(name, one, Basis)
        many = isinstance(direction, (Sequence, np.ndarray)) and not isinstance(direction, str)
        several: Any = direction if many else [direction]
        numbers = [check_whole("direction", one, 0) for one in several]
        if not numbers:
            raise ValueError("expected at least one direction")
        check_whole("stages", stages, 1)
        if mode is None:
            mode = "guidance" if point.mask is None else "straight"
        if mode == "relinearise" and not rank:
            rank = max(20, max(numbers, default=0) + 1)
        along = {
            "basis": None if basis is None else basis._thing,
            "carry": carry or (basis is not None and not basis.samples and not point.is_of(basis)),
            "onto": None if onto is None else onto._thing,
            "form": form,
            "project": project,
            "u": None if u is None else floats(u),
            "damping": damping,
            "needed": max(numbers, default=0) + 1,
            "here": {"rank": rank, "tol": tol, "tap": tap},
        }
        how = {
            "mode": mode,
            "directions": numbers,
            "strength": strength,
            "sides": sides,
            "stages": stages,
            "edit_step": edit_step,
            "edit_scale": edit_scale,
            "edit_iterations": edit_iterations,
            "edit_length": edit_length,
            "boost": boost,
            "noise_seed": noise_seed,
        }
        with run(memory=memory, threads=threads, progress=progress) as r:
            found = self._session.directions(point._thing, along, r)
            thing, facts = self._session.edit(point._thing, found, how, r)
        here = _core.basis_of(found)
        return Edit(thing, facts, None if here is None else Basis(here))

    # -- images ------------------------------------------------------------------------------------

    def sample(
        self,
        n: int | None = None,
        *,
        seed: int = 0,
        x: Any = None,
        steps: int = STEPS,
        spacing: str = "paper",
        boost: float = 0.0,
        noise_seed: int | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        guidance_scale: float | None = None,
        class_label: int | None = None,
        height: int | None = None,
        width: int | None = None,
        original_size: Sequence[int] | None = None,
        crop_coords: Sequence[int] | None = None,
        target_size: Sequence[int] | None = None,
        decode: bool = True,
        memory: int | None = None,
        threads: int | None = None,
        progress: Progress = None,
    ) -> Floats:
        """Draws n images (1): pictures (n,c,H,W) in about [-1, 1], or where not ``decode`` what the
        network sees. spacing: "paper" (points of an even grid), or "leading", "trailing", "linspace"
        as diffusers' DDIMScheduler has them. boost: stochastic steps from this fraction of T on (1:
        all). x: noise of your own."""
        check_choice("spacing", spacing, "paper", *SPACINGS)
        if boost and spacing != "paper":
            raise ValueError(f"boost {boost:g} with spacing {spacing}: only paper's has one")
        if guidance_scale is None and self.info["context_width"]:
            guidance_scale = self._session.drawing_scale()
        prompts = _prompts(
            prompt=prompt,
            negative_prompt=negative_prompt,
            guidance_scale=guidance_scale,
            class_label=class_label,
            original_size=original_size,
            crop_coords=crop_coords,
            target_size=target_size,
        )
        if x is None:
            h, w = self._session.size(height or 0, width or 0)
            start = np.asarray(self._session.noise(1 if n is None else n, h, w, seed))
        else:
            start = floats(x)
            if n is not None and n != len(start):
                raise ValueError(f"n: {n} images of {len(start)} in x")
        noise = seed if noise_seed is None else noise_seed
        with run(memory=memory, threads=threads, progress=progress) as r:
            if spacing == "paper":
                images = self._session.move(
                    start, prompts, steps, steps - 1, 0, {"t": boost, "seed": noise, "own": True}, r
                )
            else:
                images = self._session.sample(start, prompts, steps, SPACINGS.index(spacing), r)
            if decode:
                images = self._session.decode(np.asarray(images), r)
        return np.asarray(images)

    def invert(self, image: ImageLike, *, t: float = 1.0, **options: Any) -> Point:
        """The noise that a picture comes from: as ``point``, at t = 1."""
        return self.point(image, t=t, **options)


def _one(image: Any) -> Floats:
    """(1,c,h,w) of (c,h,w); (n,c,h,w) as it is."""
    array = floats(image)
    return array if array.ndim == 4 else array[None]


def _lora(lora: Any) -> tuple[Any, float]:
    path, weight = (lora, 1.0) if is_path(lora) else lora
    return _whole_path(path), float(weight)


def _whole_path(path: Any) -> Any:
    """From the root, where there is such a file: for whoever goes elsewhere before it is read."""
    return os.path.abspath(path) if path is not None and os.path.exists(path) else path


def open(
    name: Union[str, "os.PathLike[str]"],
    *,
    schedule: Union[str, "os.PathLike[str]", None] = None,
    backend: str | None = None,
    vae: Union[str, "os.PathLike[str]", None] = None,
    prediction_type: str | None = None,
    config: Union[str, "os.PathLike[str]", None] = None,
    loras: Sequence[Any] = (),
) -> Model:
    """Opens a model: a folder of diffusers, a single file (.safetensors, .ckpt), the name of a
    bundled model, or owner/name in the Hugging Face cache. Reads headers; weights are read when they
    are needed.

    schedule: of a network that comes without one, a scheduler_config.json or "ddpm". backend: "cpu"
    or "reference". vae: another autoencoder, a file or a folder. prediction_type, config: of single
    files, what nothing in them says. loras: LoRAs of Stable Diffusion, each a path, or a path and its
    weight (1)."""
    options = {
        "schedule": _whole_path(schedule),
        "backend": backend,
        "vae": _whole_path(vae),
        "prediction_type": prediction_type,
        "config": _whole_path(config),
    }
    if is_path(loras):
        loras = [loras]
    return _open(_whole_path(name), options, [_lora(one) for one in loras])


def _open(*how: Any) -> Model:
    return Model(_core.open(*how), how)
