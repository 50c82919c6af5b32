"""Leading singular triplets of one Jacobian in PyTorch, by Pullback's solver and by others.

    python bench/solvers.py MODEL [--rank 10 50] [--tol 1e-3] [--threads N]

MODEL is a folder of a UNet2DModel (build/models/ddpm-cifar10-32 of bench/models.py). Each solver works
on the same operator, pullback.torch.linearise of x -> mid_block, at the same point, until the largest
residual sqrt(|Jv - su|^2 + |J^T u - sv|^2) / s_1, measured anew, is within the tolerance; of solvers
whose own tolerance means something else the loosest setting that reaches it is taken. Applications are
vectors through J or its transpose, without those of the measurement. A Markdown table is printed.
"""

import argparse
import pathlib
import sys
import time
import warnings

import numpy as np
import scipy.sparse.linalg
import torch
from diffusers import UNet2DModel
from diffusers.models.attention_processor import AttnProcessor

import pullback
import pullback.torch

sys.path.insert(0, str(pathlib.Path(__file__).parent / "peer"))
import expert  # noqa: E402


class Counted(pullback.Operator):
    """The operator, with the vectors that went through it."""

    def __init__(self, operator):
        super().__init__(*operator.shape)
        self.operator, self.block, self.applications = operator, operator.block, 0

    def apply(self, vectors, transposed=False):
        self.applications += len(vectors)
        return self.operator.apply(np.ascontiguousarray(vectors, np.float32), transposed)


def residual(operator, u, s, v):
    """The largest, of vectors as rows."""
    a = operator.apply(v) - s[:, None] * u
    b = operator.apply(u, True) - s[:, None] * v
    return float(np.sqrt((a**2).sum(1) + (b**2).sum(1)).max() / s[0])


# Each: (operator, rank, setting) -> u, s, v as rows, descending; settings from loose to tight.


def ours(block):
    def solve(operator, rank, tol):
        found = pullback.svd(operator, rank, tol, block=block)
        return found.u, found.s, found.v

    return solve


def svds(solver):
    def solve(operator, rank, tol):
        more = {"maxiter": 2000} if solver == "lobpcg" else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            u, s, v = scipy.sparse.linalg.svds(
                operator, rank, tol=tol, solver=solver, rng=np.random.default_rng(0), **more
            )
        order = np.argsort(-s)
        return u.T[order].astype(np.float32), s[order], v[order].astype(np.float32)

    return solve


def lowrank(operator, rank, setting):
    """torch.svd_lowrank takes nothing but a matrix: it gets the Jacobian's, and what it multiplies goes
    through the operator as often and as wide as it does (2 niter + 2 blocks of q vectors)."""
    more, rounds = setting
    q = rank + more
    inner = operator.operator
    for i in range(2 * rounds + 2):
        side = operator.shape[0] if i % 2 else operator.shape[1]
        operator.apply(np.zeros((q, side), np.float32), i % 2 == 1)
    torch.manual_seed(0)
    u, s, v = torch.svd_lowrank(torch.from_numpy(getattr(inner, "matrix", MATRIX[0])), q, niter=rounds)
    return (u.T[:rank].contiguous().numpy(), s[:rank].numpy().astype(float),
            v.T[:rank].contiguous().numpy())  # fmt: skip


MATRIX = []  # the Jacobian, once it is there
TOLERANCES = [1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6]
SOLVERS = {
    "`pullback.torch.basis`": (ours(0), [None]),
    "`pullback.torch.basis`, one vector at a time": (ours(1), [None]),
    "`svds`, arpack": (svds("arpack"), TOLERANCES),
    "`svds`, propack": (svds("propack"), TOLERANCES),
    "`svds`, lobpcg": (svds("lobpcg"), TOLERANCES),
    "`torch.svd_lowrank`, 10 more": (lowrank, [(10, n) for n in (2, 4, 6, 8, 12, 16, 24, 32, 48)]),
    "`torch.svd_lowrank`, 50 more": (lowrank, [(50, n) for n in (1, 2, 3, 4, 6, 8, 12)]),
}


def measure(operator, dense, rank, tol, name):
    """The loosest setting is found on the matrix itself; then it runs on the network."""
    solve, settings = SOLVERS[name]
    best = None
    for setting in settings:
        setting = tol if setting is None else setting
        trial = Counted(dense)
        try:
            error = residual(dense, *solve(trial, rank, setting))
        except Exception as problem:  # noqa: BLE001
            print(f"{name}, {setting}: {problem}", file=sys.stderr)
            continue
        if error <= tol and (best is None or trial.applications < best[1]):
            best = setting, trial.applications
            break
    if best is None:
        return None
    counted = Counted(operator)
    start = time.perf_counter()
    found = solve(counted, rank, best[0])
    seconds = time.perf_counter() - start
    return counted.applications, seconds, residual(operator, *found), best[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--rank", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--tol", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    folder = pathlib.Path(arguments.model)
    folder = folder / "unet" if (folder / "unet").is_dir() else folder
    net = UNet2DModel.from_pretrained(folder).eval().requires_grad_(False)
    for module in net.modules():
        if hasattr(module, "set_processor"):  # the fused one has no forward derivative
            module.set_processor(AttnProcessor())
    torch.manual_seed(0)
    x = torch.randn(1, net.config.in_channels, net.config.sample_size, net.config.sample_size)
    reach = pullback.torch.tap(net, "mid_block")
    h = lambda varied: reach(varied, torch.tensor(600))  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        operator = pullback.torch.linearise(h, x)
    rows, cols = operator.shape
    print(f"{folder}: {rows} x {cols}, {operator.manner}, {torch.get_num_threads()} threads", file=sys.stderr)
    side = min(rows, cols)
    matrix = operator.apply(np.eye(side, dtype=np.float32), rows < cols)
    dense = pullback._solve._Matrix(matrix if rows < cols else matrix.T)
    MATRIX.append(dense.matrix)
    for rank in arguments.rank:
        print(f"\n| rank {rank} | applications | seconds | largest residual |\n|---|---|---|---|")
        for name in SOLVERS:
            found = measure(operator, dense, rank, arguments.tol, name)
            row = f"{found[0]} | {found[1]:.1f} | {found[2]:.1e}" if found else "– | – | not reached"
            print(f"| {name} | {row} |", flush=True)
        with torch.no_grad():
            u, s, v, seconds, count = expert.basis(h, x, rank, arguments.tol, 10)
        error = residual(operator, u.numpy(), s.numpy().astype(float), v.numpy())
        print(f"| expert's randomized SVD, 10 more | {count} | {seconds:.1f} | {error:.1e} |", flush=True)


if __name__ == "__main__":
    main()
