"""The solver on anybody's operator, and a network's Jacobian as one."""

import ctypes
import os
import signal
import threading
import time

import numpy as np
import pullback
import pytest

M_PERTURB = -6  # of glibc's malloc: what is freed is overwritten


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
    import scipy.sparse

    for same in (scipy.sparse.csr_array(matrix), matrix.tolist()):
        assert np.abs(pullback.svd(same, 5).s - expected).max() < 1e-6


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
    with pytest.raises(TypeError, match="complex"):
        pullback.svd(matrix * 1j, 2)
    with pytest.warns(pullback.PullbackWarning, match="of 5 triplets converged"):
        pullback.svd(matrix, 5, 1e-9, max_applications=12)
    with pytest.warns(pullback.PullbackWarning, match="optimality"):
        _, facts = pullback.least_squares(matrix, np.ones(len(matrix)), max_iterations=1)
    assert not facts["converged"]
    with pytest.raises(ValueError, match="not finite"):
        pullback.least_squares(matrix, np.full(len(matrix), np.nan))
    with pytest.raises(ValueError, match="not finite"):
        pullback.angles(np.full((2, 5), np.nan), np.eye(5)[:2])


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


def test_vectors_may_be_kept(matrix):
    """What an operator is given is its own: it does not change, nor go, when the solver goes on."""
    kept = []

    class Keeps(pullback.Operator):
        def apply(self, vectors, transposed=False):
            kept.append((vectors, vectors.copy()))
            return vectors @ (matrix if transposed else matrix.T)

    pullback.svd(Keeps(*matrix.shape), 5)
    assert len(kept) > 3
    assert all(np.array_equal(vectors, then) for vectors, then in kept)


def test_start(matrix):
    found = pullback.svd(matrix, 3)
    assert np.abs(pullback.svd(matrix, 3, start=found.v).s - found.s).max() < 1e-5
    with pytest.raises(ValueError, match=r"start: expected vectors \(m, cols\), found .* 1 dim"):
        pullback.svd(matrix, 3, start=found.v[0])


def test_linearisation_of_another_thread(faces, point, basis):
    """A Jacobian made in a thread that has ended is decomposed in this one and in a third: what is
    left of that thread is overwritten where it is used."""
    made, found = [], []
    perturb = getattr(ctypes.CDLL(None), "mallopt", lambda *_: 0)
    perturb(M_PERTURB, 0x55)
    for work in (
        lambda: made.append(faces.linearise(point)),
        lambda: found.append(pullback.svd(made[0], 6).s),
    ):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        time.sleep(0.1)  # after which it looks for signals, in its first product
    found.append(pullback.svd(made[0], 6).s)
    perturb(M_PERTURB, 0)
    assert np.array_equal(found[0], found[1])
    assert np.abs(found[0] - basis.s).max() < 1e-4


@pytest.fixture(scope="module")
def large(faces):
    """A Jacobian whose products take longer than looks for signals are apart."""
    point = faces.point(seed=0, height=128, width=128, steps=2, t=1.0)
    return faces.linearise(point, "out", threads=1)


def test_linearisation_is_stopped(large):
    """Ctrl-C within a network's product, and a progress function, end the solver's run as what they
    are, and leave the Jacobian as it was."""
    ones = np.ones(128 * 128, np.float32)
    expected = large.matvec(ones)
    for act in (
        lambda: pullback.least_squares(large, ones, tol=1e-12, max_iterations=500),
        lambda: pullback.svd(large, 50, tol=1e-6),
    ):
        timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            act()
        timer.join()
        assert np.array_equal(large.matvec(ones), expected)
    with pytest.raises(pullback.Cancelled):
        pullback.svd(large, 50, tol=1e-6, progress=lambda *_: True)
    assert np.array_equal(large.matvec(ones), expected)


def test_signals_within_products(large):
    """They are heard within a network's product, more often than a solver tells of its products."""
    heard, told = [], []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(len(told)))
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        pullback.svd(large, 1, tol=0.5, block=8, progress=lambda *_: told.append(1) and None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(heard) > 2 * len(told) + 2


def test_linearising_is_work(faces):
    """A session that linearises is not there for what its progress function asks; and the function
    hears of that alone, not of products later."""
    session, told = faces._session, []
    point = faces.point(seed=0, height=64, width=64, steps=2, t=1.0)

    def within(*_progress):
        try:
            session.decode(np.zeros((1, 1, 32, 32), np.float32), None)
            told.append("it was served")
        except RuntimeError as error:
            told.append(str(error))

    run = {"progress": within, "threads": 1}
    for _ in range(50):
        if not told:
            jacobian = pullback._core.linearise(session, point._thing, "x", "out", run)
    assert told and all("one call at a time" in one for one in told)
    heard = len(told)
    jacobian.apply(np.ones((16, 64 * 64), np.float32), False)
    assert len(told) == heard
