"""What someone who knows PyTorch well would write: jvp of all vectors in one vmap, vjp linearised
once and mapped over the vectors, and a randomized SVD (Halko, Martinsson & Tropp 2011) with power
iterations until every residual is within the tolerance.
"""

import time

import torch
from torch.func import jvp, vjp, vmap


class Jacobian:
    def __init__(self, h, x):
        self.h, self.x = h, x
        self.applications = 0
        out, self.pull = vjp(h, x)
        self.rows, self.cols = out.numel(), x.numel()
        self.out_shape = out.shape

    def forward(self, v):
        self.applications += len(v)
        one = lambda t: jvp(self.h, (self.x,), (t,))[1]
        return vmap(one)(v.view(-1, *self.x.shape)).reshape(len(v), -1)

    def transpose(self, u):
        self.applications += len(u)
        return vmap(lambda t: self.pull(t)[0])(u.view(-1, *self.out_shape)).reshape(len(u), -1)


def residuals(jacobian, u, s, v):
    a = (jacobian.forward(v) - s[:, None] * u).norm(dim=1)
    b = (jacobian.transpose(u) - s[:, None] * v).norm(dim=1)
    return (a.square() + b.square()).sqrt() / s[0]


def basis(h, x, rank, tolerance, oversampling, most=200):
    """Returns u, s, v, seconds, applications."""
    torch.manual_seed(0)
    start = time.perf_counter()
    jacobian = Jacobian(h, x)
    v = torch.linalg.qr(torch.randn(jacobian.cols, rank + oversampling, dtype=x.dtype))[0].T
    image = jacobian.forward(v.contiguous())
    for _ in range(most):
        u = torch.linalg.qr(image.T)[0].T.contiguous()
        pulled = jacobian.transpose(u)  # J^T U: its SVD is that of J on the range of U
        q, s, p = torch.linalg.svd(pulled.T, full_matrices=False)
        v, left = q.T, p @ u
        # J^T left = s v holds exactly; what is missing is J v - s left. J v begins the next round.
        image = jacobian.forward(v.contiguous())
        if ((image - s[:, None] * left)[:rank].norm(dim=1) / s[0]).max() <= tolerance:
            break
    return left[:rank], s[:rank], v[:rank], time.perf_counter() - start, jacobian.applications
