"""The solver on anybody's operator, and a network's Jacobian as one."""

import numpy as np
import pullback
import pytest


@pytest.fixture(scope="module")
def matrix():
    rng = np.random.default_rng(0)
    u, _ = np.linalg.qr(rng.standard_normal((300, 80)))
    v, _ = np.linalg.qr(rng.standard_normal((200, 80)))
    return (u * 0.9 ** np.arange(80)) @ v.T


def test_matrix(matrix):
    found = pullback.svd(matrix, 8, 1e-5, verify=True)
    exact = np.linalg.svd(matrix)[1][:8]
    assert np.abs(found.s - exact).max() < 1e-6
    assert found.residual.max() <= 1e-5 and found.facts["converged"] == 8
    assert np.abs(found.facts["verified"]).max() < 2e-5
    assert np.abs(found.u @ found.u.T - np.eye(8)).max() < 1e-5
    error = matrix @ found.v.T - found.u.T * found.s
    assert np.linalg.norm(error, axis=0).max() <= 2e-5 * exact[0]


def test_operators(matrix):
    """Whatever has shape, matmat and rmatmat is as good as the matrix."""

    class Mine:
        shape = matrix.shape

        def matmat(self, X):
            return matrix @ X

        def rmatmat(self, X):
            return matrix.T @ X

    class Blocks(pullback.Operator):
        block = 3

        def apply(self, vectors, transposed=False):
            assert vectors.flags["C_CONTIGUOUS"] and vectors.dtype == np.float32
            return np.ascontiguousarray(vectors @ (matrix if transposed else matrix.T), np.float32)

    expected = pullback.svd(matrix, 5).s
    assert np.abs(pullback.svd(Mine(), 5).s - expected).max() < 1e-6
    assert np.abs(pullback.svd(Blocks(*matrix.shape), 5).s - expected).max() < 1e-3
    sparse = pytest.importorskip("scipy.sparse.linalg")
    assert np.abs(pullback.svd(sparse.aslinearoperator(matrix), 5).s - expected).max() < 1e-6


def test_failing_operators(matrix):
    class Broken(pullback.Operator):
        def apply(self, vectors, transposed=False):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        pullback.svd(Broken(20, 10), 2)

    class Narrow(pullback.Operator):
        def apply(self, vectors, transposed=False):
            return vectors[:, :5]

    with pytest.raises(ValueError, match="another shape"):
        pullback.svd(Narrow(20, 10), 2)
    with pytest.raises(ValueError, match="rank"):
        pullback.svd(matrix, 1000)
    with pytest.raises(TypeError, match="matmat"):
        pullback.svd(3, 1)
    with pytest.raises(pullback.NumericError):
        pullback.svd(np.full((20, 10), np.nan), 2)


def test_least_squares(matrix):
    b = matrix @ np.ones(200) + 0.1
    x, facts = pullback.least_squares(matrix, b, damping=0.1)
    exact = np.linalg.solve(matrix.T @ matrix + 0.01 * np.eye(200), matrix.T @ b)
    assert np.abs(x - exact).max() < 1e-4 and facts["optimality"] < 1e-5


def test_angles():
    a, b = np.eye(4, dtype=np.float32)[:2], np.eye(4, dtype=np.float32)[1:3]
    assert np.allclose(pullback.angles(a, b), [0, np.pi / 2])


def test_jacobian(faces, point, basis):
    jacobian = faces.linearise(point)
    rows, cols = jacobian.shape
    assert (rows, cols) == (128 * 8 * 8, 32 * 32)
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, cols)), rng.standard_normal((2, rows))
    assert np.allclose(jacobian.matmat(x.T).T, [jacobian.matvec(v) for v in x], atol=1e-4)
    left, right = np.sum(jacobian.matmat(x.T) * y.T), np.sum(x.T * jacobian.rmatmat(y.T))
    assert abs(left - right) < 1e-4 * abs(left)
    sparse = pytest.importorskip("scipy.sparse.linalg")
    assert isinstance(jacobian, sparse.LinearOperator)
    found = pullback.svd(jacobian, 6)
    assert np.array_equal(found.v.reshape(basis.v.shape), basis.v)
    assert found.facts["applications"] == basis.applications
    with pytest.raises(ValueError):
        jacobian.matvec(np.zeros(3))
