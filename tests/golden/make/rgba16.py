"""Makes the files of tests/golden/photos: pictures of 16 bits with transparency. Needs NumPy, Pillow.

    python rgba16.py GOLDEN

photos/rgba16.png is sRGB, photos/rgba16_icc.png has the same colours in Display P3 with its profile;
photos/expected.png is what is seen of either over white. Where nothing is, the colour is noise. The
16-bit files are put together here; only expected.png is written by Pillow.
"""

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

TO_P3 = np.array([[0.8224621, 0.1775380, 0], [0.0331941, 0.9668058, 0],
                  [0.0170827, 0.0723974, 0.9105199]])
# XYZ of the primaries, relative to D50.
P3 = [(0.515102, 0.241182, -0.001050), (0.291965, 0.692236, 0.041882),
      (0.157153, 0.066582, 0.784378)]
D50 = (0.9642, 1, 0.8249)


def linear(v):
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def encoded(v):
    return np.where(v <= 0.0031308, 12.92 * v, 1.055 * np.maximum(v, 1e-9) ** (1 / 2.4) - 0.055)


def fractions(values):
    return b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def profile():
    curve = b"para" + struct.pack(">IHH", 0, 3, 0) + fractions(
        (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
    tags = [(b"wtpt", b"XYZ \0\0\0\0" + fractions(D50))]
    tags += [(name, b"XYZ \0\0\0\0" + fractions(xyz))
             for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), P3)]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, data = struct.pack(">I", len(tags)), b""
    for name, body in tags:
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(data), len(body))
        data += body
    head = struct.pack(">II", 132 + 12 * len(tags) + len(data), 0)
    head += struct.pack(">I", 0x04300000) + b"mntrRGB XYZ " + struct.pack(">6H", 2020, 1, 1, 0, 0, 0)
    head = (head + b"acsp").ljust(68, b"\0") + fractions(D50)
    return head.ljust(128, b"\0") + table + data


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(path, pixels, icc=None):
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    body = b"\x89PNG\r\n\x1a\n"
    body += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0))
    if icc:
        body += chunk(b"iCCP", b"Display P3\0\0" + zlib.compress(icc, 9))
    path.write_bytes(body + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def words(values):
    return np.round(np.clip(values, 0, 1) * 65535).astype(np.uint16)


folder = Path(sys.argv[1]) / "photos"
y, x = np.mgrid[0:32, 0:32] / 31
colour = np.stack([x, y, 0.5 + 0.5 * np.sin(9 * x * y)], -1) * 0.9 + 0.05
alpha = np.clip(1.4 * np.abs(np.sin(3 * x + 2 * y)) - 0.2, 0, 1)[..., None]
p3 = encoded(linear(colour) @ TO_P3.T)
noise = np.random.default_rng(1).random(colour.shape)
for name, values, icc in (("rgba16.png", colour, None), ("rgba16_icc.png", p3, profile())):
    shown = np.where(alpha > 0, values, noise)
    png(folder / name, words(np.concatenate([shown, alpha], -1)), icc)
over = np.round(255 * (1 + alpha * (colour - 1))).astype(np.uint8)
Image.fromarray(over).save(folder / "expected.png")
