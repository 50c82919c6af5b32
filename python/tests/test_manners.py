"""Errors, progress, stopping, threads, processes: how the library behaves as a guest."""

import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pullback
import pytest


def test_errors(faces, point, basis, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such model"):
        pullback.open("no-such-model")
    with pytest.raises(pullback.Error):
        pullback.load(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(pullback.FormatError, match="bad.safetensors"):
        pullback.load(tmp_path / "bad.safetensors")
    with pytest.raises(ValueError, match="expected"):
        faces.point(seed=0, t=7)
    with pytest.raises(ValueError):
        faces.point()
    with pytest.raises(ValueError, match="tap"):
        faces.basis(point, 2, tap="nowhere")
    with pytest.raises(ValueError, match="guidance, straight or relinearise"):
        faces.edit(point, basis, mode="sideways")
    with pytest.raises(TypeError, match="point"):
        faces._session.basis(basis._thing, {}, False, None)
    with pytest.raises(TypeError, match="there is no option 'rnk'"):
        faces._session.basis(point._thing, {"rnk": 1}, False, None)
    with pytest.raises(ValueError):
        faces.point(np.zeros((2, 3, 4, 5, 6), np.float32))
    with pytest.raises(OverflowError):
        faces.basis(point, -1)


def test_inputs_are_left_alone(faces):
    x = np.random.default_rng(0).standard_normal((1, 1, 32, 32)).astype(np.float32)
    kept = x.copy()
    point = faces.point(x=x, t=0.5)
    faces.sample(x=x, steps=4)
    assert np.array_equal(x, kept)
    x[:] = 0
    assert np.array_equal(point.x, kept)
    with pytest.raises(ValueError):
        point.x[:] = 0
    held = point.x
    del point
    assert np.array_equal(held, kept)


def test_progress_and_stopping(faces, point):
    heard = []
    faces.basis(point, rank=6, progress=lambda *p: heard.append(p) and None)
    assert heard and all(len(p) == 3 for p in heard)
    assert any(task == "basis" for task, _, _ in heard)
    with pytest.raises(pullback.Cancelled):
        faces.basis(point, rank=50, progress=lambda *p: True)
    with pytest.raises(ZeroDivisionError):
        faces.basis(point, rank=50, progress=lambda *p: 1 / 0)
    assert len(faces.basis(point, rank=3)) == 3
    faces.basis(point, rank=3, progress=True)


def test_warnings(faces):
    with pytest.warns(pullback.PullbackWarning, match="grid") as caught:
        faces.point(seed=0, t=0.5, steps=10)
    assert pathlib.Path(caught[0].filename).name == "test_manners.py"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(pullback.PullbackWarning):
            faces.point(seed=0, t=0.5, steps=10)


def test_interrupt(faces, point):
    """Ctrl-C stops within an evaluation, and the session goes on."""
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(100):
            faces.basis(point, rank=50, tol=1e-6)
    timer.join()
    assert len(faces.basis(point, rank=2)) == 2


def test_interpreter_goes_on(faces, point):
    """Other threads run while the library works."""
    counted = 0
    done = threading.Event()

    def count():
        nonlocal counted
        while not done.is_set():
            counted += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    faces.basis(point, rank=50)
    done.set()
    thread.join()
    assert counted > 5


def test_two_threads(faces, point, basis):
    """One model in several threads: each has a session, and all find the same."""
    found = {}

    def work(i):
        found[i] = faces.basis(faces.point(seed=0), rank=6, threads=1).v

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert all(np.array_equal(found[0], found[i]) for i in found)


def test_one_session_at_a_time(faces, point):
    session = faces._session
    told = []

    def within(*_progress):
        try:
            session.basis(point._thing, {"rank": 1}, False, None)
        except RuntimeError as error:
            told.append(str(error))

    faces.basis(point, rank=6, progress=within)
    assert told and "one call at a time" in told[0]


def _child(queue):
    try:
        model = pullback.open("faces32")
        queue.put(float(model.basis(model.point(seed=0), rank=2).s[0]))
    except pullback.Error as error:
        queue.put(str(error))


@pytest.mark.parametrize("manner", ["spawn", "fork"])
def test_processes(basis, manner):
    """A process that is spawned works; one that is forked after use says why not."""
    context = multiprocessing.get_context(manner)
    queue = context.Queue()
    process = context.Process(target=_child, args=(queue,))
    process.start()
    answer = queue.get(timeout=120)
    process.join()
    if manner == "spawn":
        assert abs(answer - float(basis.s[0])) < 1e-4 * answer
    else:
        assert "spawn" in answer


def test_fork_before_use():
    script = (
        "import os, pullback\n"
        "pid = os.fork()\n"
        "m = pullback.open('faces32')\n"
        "m.basis(m.point(seed=0), rank=1)\n"
        "assert not pid or os.waitpid(pid, 0)[1] == 0\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
