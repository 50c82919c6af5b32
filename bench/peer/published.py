"""The published algorithm: subspace iteration as Park et al. (NeurIPS 2023, algorithm 1 and
appendix) describe it. J v comes from jacfwd over the scalar a of h(x + a v), a chunk of vectors at
a time; J^T u from torch.autograd.functional.jacobian of <u, h(x)>; then an SVD makes the vectors
orthonormal again.
"""

import time

import torch
from torch.func import jacfwd


def basis(h, x, rank, iterations, chunk=25):
    """Returns u (rank, m), s, v (rank, n), seconds per iteration (a list)."""
    torch.manual_seed(0)
    shape = x.shape[1:]
    v = torch.linalg.qr(torch.randn(x.numel(), rank, dtype=x.dtype))[0].T
    seconds = []
    for _ in range(iterations):
        start = time.perf_counter()
        a = torch.zeros((), dtype=x.dtype)
        u = torch.cat(
            [
                jacfwd(lambda a, part=part: h(x + a * part.view(-1, *shape)))(a).flatten(1)
                for part in v.split(chunk)
            ]
        )
        pulled = torch.autograd.functional.jacobian(
            lambda x: torch.einsum("km,m->k", u, h(x).flatten()), x
        ).reshape(rank, -1)
        _, s, v = torch.linalg.svd(pulled, full_matrices=False)
        seconds.append(time.perf_counter() - start)
    s = s.sqrt()  # of J^T J
    u = torch.cat(
        [
            jacfwd(lambda a, part=part: h(x + a * part.view(-1, *shape)))(a).flatten(1)
            for part in v.split(chunk)
        ]
    )
    return u / u.norm(dim=1, keepdim=True), s, v, seconds
