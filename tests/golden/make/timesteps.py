"""Writes tests/golden/timesteps.crc: a CRC-32 for each list of timesteps that DDIMScheduler.set_timesteps
of diffusers gives.

    python tests/golden/make/timesteps.py        (diffusers 0.42, NumPy 2.4, x86-64)

Numbers of 32 bits, little-endian: for T of LENGTHS, for each of SPACINGS (spacing, steps_offset), for S
from 2 to min(T, 1000), the CRC-32 of the S timesteps as 32-bit integers, little-endian. 0 stands for
lists with which DDIMScheduler cannot sample: of trailing spacing where np.arange, whose length is
rounded up after a division, has S + 1 entries (T = 1000: 61, 103, 121 …; the last timestep is -1); and
where steps_offset leads to a timestep of T or more.
"""

import pathlib
import zlib

import numpy as np
from diffusers import DDIMScheduler

GOLDEN = pathlib.Path(__file__).resolve().parents[1]
LENGTHS = [100, 1000, 4000]
SPACINGS = [("leading", 0), ("leading", 1), ("leading", 7), ("trailing", 0), ("linspace", 0)]


def checksum(scheduler, T, S):
    scheduler.set_timesteps(S)
    t = scheduler.timesteps.numpy()
    if len(t) != S or t.max() >= T:
        return 0
    return zlib.crc32(t.astype("<i4").tobytes())


def main():
    sums = []
    for T in LENGTHS:
        for spacing, offset in SPACINGS:
            scheduler = DDIMScheduler(T, timestep_spacing=spacing, steps_offset=offset)
            sums += [checksum(scheduler, T, S) for S in range(2, min(T, 1000) + 1)]
    (GOLDEN / "timesteps.crc").write_bytes(np.array(sums, "<u4").tobytes())


if __name__ == "__main__":
    main()
