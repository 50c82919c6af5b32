"""Pictures in and out: arrays, PIL images and files."""

from __future__ import annotations

import operator
import os
import struct
import threading
import zlib
from collections.abc import Sequence
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._errors import check_choice
from ._run import run

try:
    from . import _vips
except ImportError:  # without libvips photos are read by Pillow
    _vips = None  # type: ignore[assignment]

#: One photo at a time: libvips has one text of errors and one number of threads for the process.
_one_photo = threading.Lock()

#: What is taken for a picture: a path, a PIL image, an array (H,W,3), (H,W,4) or (H,W) of uint8, or
#: floats (c,H,W) or (1,c,H,W) in [-1, 1].
ImageLike = Any

Floats = NDArray[np.float32]


def is_path(image: Any) -> bool:
    return isinstance(image, (str, bytes, os.PathLike))


def floats(array: Any) -> Floats:
    """A C-contiguous float32 array; anything with __array__, and torch's tensors."""
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        array = (array if array.is_complex() else array.float()).resolve_conj().numpy()
    if array is None or is_path(array):
        raise TypeError(f"expected an array of numbers, found {array!r}")
    if np.iscomplexobj(array):
        raise TypeError("expected real numbers, found complex ones")
    return np.ascontiguousarray(array, dtype=np.float32)


def _area(crop: Any) -> tuple[int, ...]:
    try:
        found = tuple(operator.index(number) for number in crop)
    except TypeError:
        found = ()
    if len(found) != 4:
        raise TypeError(f"crop: expected (x, y, width, height) in pixels, found {crop!r}")
    return found


def _on_white(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels (H,W,3): transparency of (H,W,4) is laid over white."""
    if array.shape[2] == 4:
        alpha = array[:, :, 3:].astype(np.uint32)
        array = ((array[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(array)


def _of_pil(image: Any) -> NDArray[np.uint8]:
    """Of a PIL image, upright."""
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):  # which PIL would cut off at 255
        return _of_array((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise TypeError(f"a PIL image of mode {image.mode}: expected pixels of 8 or 16 bits")
    clear = "A" in image.getbands() or "transparency" in image.info
    return _on_white(np.asarray(image.convert("RGBA" if clear else "RGB")))


def _read(path: Any) -> NDArray[np.uint8]:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            "to read a picture from a file: pip install pillow, or the system's libvips"
        ) from None
    with Image.open(path) as opened:
        return _of_pil(opened)


def _of_array(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or not array.size:
        raise ValueError(f"expected pixels (H,W,3), (H,W,4) or (H,W), found {array.shape}")
    return _on_white(array)


def _rgb(image: ImageLike) -> NDArray[np.uint8] | None:
    """The pixels (H,W,3) of what has pixels; None of floats."""
    if hasattr(image, "convert") and hasattr(image, "size"):
        return _of_pil(image)
    if hasattr(image, "detach") and hasattr(image, "dtype"):
        if "int" not in str(image.dtype):
            return None
        image = image.detach().cpu()
    array = np.asarray(image)
    if array.dtype != np.uint8:
        if array.dtype.kind in "iubcOSU":
            raise TypeError(f"expected pixels of uint8 or floats in [-1, 1], found {array.dtype}")
        return None
    return _of_array(array)


def photo(
    session: Any,
    image: ImageLike,
    crop: Sequence[int] | None,
    fit: str,
    height: int | None,
    width: int | None,
) -> Floats | None:
    """A picture (1,c,H,W) for a session's model, of what has pixels; None of floats."""
    check_choice("fit", fit, "crop", "pad", "stretch")
    pixels = image if is_path(image) else _rgb(image)
    if pixels is None:
        return None
    area = None if crop is None else _area(crop)
    h, w = session.size(height or 0, width or 0)
    factor, channels = session.pixels()
    if _vips is not None:
        with run(), _one_photo:
            found = _vips.photo(pixels, area, fit, channels, h * factor, w * factor)
        return np.asarray(found)
    if fit != "crop" or height or width:
        raise ImportError("libvips is not here: photos are cut to the model's own size alone")
    if is_path(pixels):
        pixels = _read(pixels)
    if area is not None:
        x, y, wide, high = area
        if min(x, y, wide - 1, high - 1, pixels.shape[1] - x - wide, pixels.shape[0] - y - high) < 0:
            raise ValueError(f"a crop of {area} of {pixels.shape[1]} x {pixels.shape[0]} pixels")
        pixels = np.ascontiguousarray(pixels[y : y + high, x : x + wide])
    return np.asarray(session.of_rgb(pixels))


def pixels(picture: Any) -> NDArray[np.uint8]:
    """A picture (c,H,W) in [-1, 1] as pixels (H,W,3) of uint8; (n,c,H,W) as (n,H,W,3).

    c is 1 or 3. As the program writes them: rounded, and cut to the range."""
    array = floats(picture)
    if not np.isfinite(array).all():
        raise ValueError("a picture with numbers that are not finite")
    if array.ndim == 4:
        return np.stack([pixels(one) for one in array])
    return np.asarray(_core.rgb_of(array))


def png(array: NDArray[np.uint8]) -> bytes:
    """A PNG of pixels (H,W,3)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    height, width, _ = array.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = array.reshape(height, 3 * width)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 6))
        + chunk(b"IEND", b"")
    )


class Picture:
    """Pixels that show themselves in a notebook; ``numpy.asarray`` has them as (H,W,3) of uint8."""

    def __init__(self, array: NDArray[np.uint8]) -> None:
        self.pixels = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return self.pixels if dtype is None else self.pixels.astype(dtype)

    def _repr_png_(self) -> bytes:
        """Small ones enlarged, to be looked at."""
        factor = max(1, 192 // max(1, min(self.pixels.shape[:2])))
        return png(self.pixels.repeat(factor, axis=0).repeat(factor, axis=1))

    def __repr__(self) -> str:
        return f"<Picture {self.pixels.shape[1]} x {self.pixels.shape[0]}>"

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Writes a file: a PNG, or by Pillow what the name's ending says."""
        if str(path).lower().endswith(".png"):
            part = f"{os.fspath(path)}.part"
            with open(part, "wb") as file:
                file.write(png(self.pixels))
            os.replace(part, path)
        else:
            self.pil().save(path)

    def pil(self) -> Any:
        """As a PIL image."""
        from PIL import Image

        return Image.fromarray(self.pixels)


def grid(rows: list[list[NDArray[np.uint8]]], gap: int = 2) -> Picture:
    """Pictures of one size side by side, on white."""
    height, width, _ = rows[0][0].shape
    sheet = np.full(
        (len(rows) * (height + gap) - gap, len(rows[0]) * (width + gap) - gap, 3), 255, np.uint8
    )
    for i, row in enumerate(rows):
        for j, one in enumerate(row):
            y, x = i * (height + gap), j * (width + gap)
            sheet[y : y + height, x : x + width] = one
    return Picture(sheet)


def directions(v: Floats) -> list[NDArray[np.uint8]]:
    """Vectors (k,c,h,w) as pictures: of 1 channel blue to red, of 3 as colours around grey, of
    others their mean over channels."""
    found = []
    for one in v:
        if one.shape[0] == 3:
            scaled = 0.5 + 0.5 * one / (np.abs(one).max() or 1)
            found.append((255 * scaled.transpose(1, 2, 0) + 0.5).astype(np.uint8))
            continue
        flat = one.mean(axis=0)
        flat = flat / (np.abs(flat).max() or 1)
        red, blue = np.clip(1 + flat, 0, 1), np.clip(1 - flat, 0, 1)
        found.append((255 * np.stack([red, np.minimum(red, blue), blue], 2) + 0.5).astype(np.uint8))
    return found
