"""The certified solver on any linear operator, and the Jacobian of a network as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._pictures import Floats, floats
from ._run import Progress, run, warn

if TYPE_CHECKING:
    _Base: Any = object
else:
    try:
        from scipy.sparse.linalg import LinearOperator as _Base
    except ImportError:
        _Base = object

Doubles = NDArray[np.float64]


def check_vectors(vectors: Any, length: int) -> Floats:
    """Vectors (k,length), as floats."""
    found = floats(vectors)
    if found.ndim != 2 or found.shape[1] != length:
        raise ValueError(f"expected vectors (k, {length}), found {found.shape}")
    return found


class Operator(_Base):  # type: ignore[misc]
    """A linear operator that works on blocks of vectors of float32. Where scipy is installed it is a
    scipy.sparse.linalg.LinearOperator. Whoever derives from it says what ``apply`` does.
    """

    #: Vectors that go through together at best; 0: any number.
    block: int = 0

    def __init__(self, rows: int, cols: int) -> None:
        if _Base is object:
            self.shape = (rows, cols)
            self.dtype = np.dtype(np.float32)
        else:
            super().__init__(np.float32, (rows, cols))

    def apply(self, vectors: Floats, transposed: bool = False) -> Floats:
        """J of k vectors (k,cols), one after the other, as (k,rows); transposed: Jᵀ of (k,rows)."""
        raise NotImplementedError

    def _matmat(self, X: Any) -> Floats:
        return self.apply(floats(np.asarray(X).T)).T

    def _rmatmat(self, X: Any) -> Floats:
        return self.apply(floats(np.asarray(X).T), True).T

    def _matvec(self, x: Any) -> Floats:
        return self.apply(floats(x).reshape(1, -1))[0]

    def _rmatvec(self, x: Any) -> Floats:
        return self.apply(floats(x).reshape(1, -1), True)[0]

    if TYPE_CHECKING or _Base is object:
        shape: tuple[int, int]
        dtype: np.dtype[np.float32]

        def matvec(self, x: Any) -> Floats:
            """J x, of a vector of ``shape[1]`` numbers."""
            return self._matvec(x)

        def rmatvec(self, x: Any) -> Floats:
            """Jᵀ x, of a vector of ``shape[0]`` numbers."""
            return self._rmatvec(x)

        def matmat(self, X: Any) -> Floats:
            """J X, of vectors as columns."""
            return self._matmat(X)

        def rmatmat(self, X: Any) -> Floats:
            """Jᵀ X, of vectors as columns."""
            return self._rmatmat(X)


class Linearisation(Operator):
    """The Jacobian of the map between two taps at a point, as a linear operator on vectors in
    C, H, W order. Made by ``Model.linearise``; it serves one thread at a time.
    """

    def __init__(self, core: Any) -> None:
        self._core = core
        rows, cols, self.block, self.from_shape, self.to_shape, self.memory = core.facts()
        super().__init__(rows, cols)

    def apply(self, vectors: Floats, transposed: bool = False) -> Floats:
        """J of k vectors (k,cols), one after the other, as (k,rows); transposed: Jᵀ of (k,rows)."""
        with run():
            return np.asarray(self._core.apply(floats(vectors), transposed))

    def __repr__(self) -> str:
        return f"<Linearisation {self.from_shape} → {self.to_shape}>"


class SVD(NamedTuple):
    """Leading singular triplets of an operator, with their certificate."""

    u: Floats  #: (rank,rows): left singular vectors, one after the other
    s: Doubles  #: (rank): singular values, descending
    v: Floats  #: (rank,cols): right ones
    residual: Doubles  #: (rank): sqrt(|Jv - su|² + |Jᵀu - sv|²) / s[0], from the recurrence
    angle_bound: Doubles  #: (rank): radians
    facts: dict[str, Any]  #: applications, converged, restarts, probe, seconds, verified …

    def __repr__(self) -> str:
        return (
            f"<SVD {self.u.shape[1]} x {self.v.shape[1]}: {len(self.s)} triplets, "
            f"{self.facts['converged']} converged, s = {self.s[0] if len(self.s) else 0:.4g} …>"
        )


class _Columns(Operator):
    """What acts on vectors as columns."""

    def __init__(self, operator: Any) -> None:
        super().__init__(*operator.shape)
        self.operator = operator

    def apply(self, vectors: Floats, transposed: bool = False) -> Floats:
        act = self.operator.rmatmat if transposed else self.operator.matmat
        return floats(np.asarray(act(vectors.T)).T)


class _Matrix(Operator):
    def __init__(self, matrix: NDArray[Any]) -> None:
        super().__init__(*matrix.shape)
        self.matrix = matrix

    def apply(self, vectors: Floats, transposed: bool = False) -> Floats:
        return floats(vectors @ (self.matrix if transposed else self.matrix.T))


def _target(operator: Any) -> Any:
    """What _core takes for an operator: a Linearisation's, or functions of blocks of vectors."""
    if isinstance(operator, Linearisation):
        return operator._core
    if hasattr(operator, "detach") or isinstance(operator, (list, tuple)):
        operator = floats(operator)
    if hasattr(operator, "tocsr"):  # a sparse matrix
        operator = _Matrix(operator.tocsr())
    if isinstance(operator, np.ndarray):
        if np.iscomplexobj(operator):
            raise TypeError("expected a real matrix, found complex numbers")
        if operator.ndim != 2:
            raise ValueError(f"expected a matrix, found an array of shape {operator.shape}")
        operator = _Matrix(operator)
    elif not isinstance(operator, Operator):
        if not all(hasattr(operator, name) for name in ("shape", "matmat", "rmatmat")):
            raise TypeError(
                f"expected an operator with shape, matmat and rmatmat, found {operator!r}"
            )
        operator = _Columns(operator)
    rows, cols = operator.shape
    return (
        rows,
        cols,
        lambda x: floats(operator.apply(np.asarray(x))),
        lambda x: floats(operator.apply(np.asarray(x), True)),
        operator.block,
    )


def svd_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """What _core tells of an SVD, with the residuals that were measured as an array."""
    if facts["verified"] is not None:
        facts["verified"] = np.asarray(facts["verified"])
    return facts


def svd(
    operator: Any,
    k: int = 10,
    tol: float = 1e-3,
    *,
    method: str = "krylov",
    block: int = 0,
    max_basis: int = 0,
    max_applications: int = 0,
    seed: int = 0,
    start: Any = None,
    verify: bool = False,
    threads: int | None = None,
    progress: Progress = None,
) -> SVD:
    """The k leading singular triplets of a linear operator, with certified residuals.

    operator: anything with ``shape`` (rows, cols), ``matmat`` and ``rmatmat`` (a scipy
    LinearOperator, a Linearisation, ``pullback.torch.linearise``), or a matrix. tol: the residual
    wanted, relative to the first singular value. method: ``"krylov"``, block Golub-Kahan-Lanczos
    with thick restart, or ``"subspace"``, the iteration of Park et al. 2023, algorithm 1. block:
    vectors that go through together (0: chosen). max_applications: stop after so many vectors through
    the operator or its transpose; fewer triplets than k may be within tol then
    (``facts["converged"]``). start: vectors (m,cols) to start from. verify: measure the residuals by
    applying the operator once more (``facts["verified"]``)."""
    options = {
        "rank": k,
        "tol": tol,
        "method": method,
        "block": block,
        "max_basis": max_basis,
        "max_applications": max_applications,
        "seed": seed,
    }
    start = None if start is None else floats(start)
    with run(threads=threads, progress=progress) as r:
        u, s, v, residual, angle_bound, facts = _core.svd(
            _target(operator), options, start, verify, r
        )
    if facts["converged"] < k:
        warn(
            f"{facts['converged']} of {k} triplets converged to {tol:g}: the largest residual is "
            f"{max(np.asarray(residual), default=np.inf):.2g}"
        )
    return SVD(
        u=np.asarray(u),
        s=np.asarray(s),
        v=np.asarray(v),
        residual=np.asarray(residual),
        angle_bound=np.asarray(angle_bound),
        facts=svd_facts(facts),
    )


def least_squares(
    operator: Any,
    b: Any,
    *,
    damping: float = 0.0,
    tol: float = 1e-6,
    max_iterations: int = 0,
    threads: int | None = None,
    progress: Progress = None,
) -> tuple[Floats, dict[str, Any]]:
    """x (cols) that minimises |J x - b|² + damping² |x|², by LSQR (Paige & Saunders 1982), and what
    is known of it: iterations, residual, norm, optimality, converged (optimality within tol).
    max_iterations: 0 for 200."""
    b = floats(np.ravel(b) if not hasattr(b, "detach") else b.ravel())
    if not np.isfinite(b).all():
        raise ValueError("b has numbers that are not finite")
    with run(threads=threads, progress=progress) as r:
        x, facts = _core.least_squares(
            _target(operator), b, damping, tol, max_iterations, r
        )
    facts["converged"] = facts["optimality"] <= tol
    if not facts["converged"]:
        warn(
            f"after {facts['iterations']} iterations the optimality is {facts['optimality']:.2g}, not "
            f"within {tol:g}: more max_iterations, or a larger tol"
        )
    return np.asarray(x), facts


def angles(a: Any, b: Any) -> Doubles:
    """The principal angles, ascending, in radians, between the spans of two sets of vectors, given
    one after the other (each is flattened): (k,n) or (k,c,h,w)."""
    first, second = floats(a), floats(b)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("vectors with numbers that are not finite")
    with run():
        return np.asarray(
            _core.angles(first.reshape(len(first), -1), second.reshape(len(second), -1))
        )
