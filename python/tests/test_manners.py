"""Errors, progress, stopping, threads, processes: how the library behaves as a guest."""

import ctypes
import gc
import io
import multiprocessing
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pullback
import pytest

#: What glibc tells of its memory.
MALLINFO = [
    (name, ctypes.c_size_t)
    for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
]


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
    with pytest.raises(ValueError, match="rank: expected a whole number from 0 to .* found -1"):
        faces.basis(point, -1)


GREY = np.full((40, 50, 3), 128, np.uint8)


def test_what_is_named(faces, point, basis):
    """An argument that cannot be is called by its name, and is not taken for another."""
    pixels = np.zeros((9, 9, 3), np.uint8)
    refused = [
        (TypeError, "rank: .*'x'", lambda: faces.basis(point, "x")),
        (TypeError, "rank: .*2.0", lambda: faces.basis(point, 2.0)),
        (ValueError, "threads: .*4294967297", lambda: faces.basis(point, 2, threads=2**32 + 1)),
        (ValueError, "memory: .*-1", lambda: faces.basis(point, 2, memory=-1)),
        (TypeError, "progress: .*'bar'", lambda: faces.basis(point, 2, progress="bar")),
        (MemoryError, None, lambda: faces.basis(point, 2**63 - 1, verify=True)),
        (ValueError, "direction: .*-1", lambda: faces.edit(point, basis, -1)),
        (TypeError, "direction: .*1.5", lambda: faces.edit(point, basis, 1.5)),
        (TypeError, "direction: .*'0'", lambda: faces.edit(point, basis, "0")),
        (ValueError, "direction", lambda: faces.edit(point, basis, [])),
        (ValueError, "stages: .* 0", lambda: faces.edit(point, basis, stages=0)),
        (TypeError, "point: expected a Point, found ndarray", lambda: faces.edit(point.x, basis)),
        (TypeError, "point: expected a Point, found Basis", lambda: faces.basis(basis)),
        (TypeError, "onto: expected a Basis", lambda: faces.edit(point, basis, onto=3)),
        (TypeError, "basis 1: expected a Basis", lambda: pullback.compare([basis, "b"])),
        (TypeError, "source: expected a Basis", lambda: pullback.transport("a", basis)),
        (ValueError, "one of image, seed, .* found none", lambda: faces.point()),
        (ValueError, "found seed and x", lambda: faces.point(seed=0, x=point.x)),
        (TypeError, "crop: expected .x, y, width", lambda: faces.picture(GREY, crop="1,2,3,4")),
        (TypeError, "crop: expected .x, y, width", lambda: faces.picture(GREY, crop=(0, 0, 5))),
        (ValueError, "pixels", lambda: faces.picture(GREY[:0])),
        (TypeError, "uint8 or floats.*object", lambda: faces.picture(None)),
        (TypeError, "complex", lambda: faces.point(x=point.x * 1j, timestep=600)),
        (ValueError, "uint8", lambda: faces.picture(GREY.astype(float))),
        (TypeError, "numbers, found 'x.npy'", lambda: faces.point(x="x.npy")),
        (ValueError, "2 images of 1 in x", lambda: faces.sample(2, x=point.x)),
        (TypeError, "edit.direction, stage.", lambda: faces.edit(point, basis, stages=1)[0]),
        (ValueError, "seed: .*-1", lambda: faces.sample(seed=-1, spacing="leading", steps=2)),
        (ValueError, "n: .*-1", lambda: faces.sample(n=-1)),
        (ValueError, "steps: .*-3", lambda: faces.sample(steps=-3)),
        (ValueError, "boost", lambda: faces.sample(steps=4, spacing="leading", boost=1)),
        (TypeError, "t: .*'a'", lambda: faces.point(seed=0, t="a")),
        (ValueError, "t: .*nan", lambda: faces.point(seed=0, t=float("nan"))),
        (ValueError, "t: .*nan", lambda: faces.move(point, float("nan"))),
        (TypeError, "prompt: .*5", lambda: faces.point(seed=0, prompt=5)),
        (ValueError, "height: .*-32", lambda: faces.tap_shape("mid", -32, 32)),
        (TypeError, "uint8 or floats.*int64", lambda: faces.picture(np.zeros((32, 32), np.int64))),
        (TypeError, "crop: .*7", lambda: faces.picture(pixels, crop=7)),
        (TypeError, "crop: .*1.5", lambda: faces.picture(pixels, crop=(1.5, 0, 9, 9))),
        (ValueError, "fit: .*None", lambda: faces.picture(pixels, fit=None)),
        (TypeError, "uint8 or floats.*object", lambda: faces.picture(io.BytesIO())),
        (ValueError, "nothing but prompts", lambda: faces.point(basis=basis, crop=(0, 0, 9, 9))),
        (TypeError, "point: expected a Point, found Basis", lambda: faces.move(basis, 0.5)),
        (AttributeError, "'Basis' object has no attribute 'rank'", lambda: basis.rank),
        (FileNotFoundError, "^a.safetensors", lambda: pullback.open("faces32", loras="a.safetensors")),
    ]
    for kind, match, act in refused:
        with pytest.raises(kind, match=match):
            act()


def test_numbers_of_numpy(faces, basis):
    """Whole numbers are of any type that is one."""
    point = faces.point(seed=np.int64(0), steps=np.int32(100))
    found = faces.basis(point, rank=np.uint8(6))
    assert np.array_equal(found.v, basis.v)
    assert faces.edit(point, found, np.arange(2), stages=1).directions == (0, 1)


def test_core_makes_its_objects():
    """Nobody else can: an object of nothing would be read from address 0."""
    for name in ("Array", "Thing", "Model", "Session", "Linearisation"):
        with pytest.raises(TypeError, match="cannot create"):
            getattr(pullback._core, name)()


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


def _child(queue, model):
    try:
        queue.put(float(model.basis(model.point(seed=0), rank=2).s[0]))
    except pullback.Error as error:
        queue.put(str(error))


@pytest.mark.parametrize("manner", ["spawn", "fork"])
def test_processes(faces, basis, manner):
    """A process that is spawned works; one that is forked after use says why not."""
    context = multiprocessing.get_context(manner)
    queue = context.Queue()
    process = context.Process(target=_child, args=(queue, faces))
    process.start()
    answer = queue.get(timeout=120)
    process.join()
    if manner == "spawn":
        assert abs(answer - float(basis.s[0])) < 1e-4 * answer
    else:
        assert "spawn" in answer


def test_pickles(faces, basis):
    again = pickle.loads(pickle.dumps(basis))
    assert again.metadata() | {"file": None} == basis.metadata() and again.facts == basis.facts
    for name in ("u", "s", "v", "residual", "angle_bound", "x"):
        assert np.array_equal(getattr(again, name), getattr(basis, name))
    assert pickle.loads(pickle.dumps(faces)).hash() == faces.hash()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("j = m.linearise(m.point(seed=0))", "j.matvec(numpy.ones(1024))"),
        ("m.picture(photo)", "m.picture(photo)"),  # whose threads are libvips'
    ],
    ids=["product", "photo"],
)
def test_use_after_fork(before, after):
    """What was at work before a fork says why it is not after it, and does not wait for threads."""
    script = (
        "import os, signal, numpy, pullback\n"
        "m = pullback.open('faces32')\n"
        "photo = numpy.zeros((50, 50, 3), numpy.uint8)\n"
        f"{before}\n"
        "pid = os.fork()\n"
        "if pid:\n"
        "    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "signal.alarm(20)\n"
        "try:\n"
        f"    {after}\n"
        "except pullback.Error as error:\n"
        "    os._exit(0 if 'spawn' in str(error) else 1)\n"
        "os._exit(2)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_moving_folders(faces, tmp_path, monkeypatch):
    """A model is the one that was opened, wherever the process goes before it is read."""
    monkeypatch.chdir(pathlib.Path(faces.info["path"]).parent)
    model = pullback.open("faces32")
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(pickle.dumps(model)).hash() == model.hash() == faces.hash()


def test_moving_points(faces, point):
    moved = faces.move(point, 0.3)
    assert moved.t == 0.3 and "t = 0.3" in repr(moved)
    off = faces.point(x=point.x, timestep=600)
    assert "nan" not in repr(off)
    with pytest.raises(ValueError, match="timestep 600 is not on a grid"):
        faces.move(off, 0.3)


def test_fork_before_use():
    script = (
        "import os, pullback\n"
        "pid = os.fork()\n"
        "m = pullback.open('faces32')\n"
        "m.basis(m.point(seed=0), rank=1)\n"
        "assert not pid or os.waitpid(pid, 0)[1] == 0\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_memory(faces, text, tmp_path):
    """What is made over and over, or refused, is given back: of some batches of ten calls one
    leaves less than the smallest array for each, and of Python's own blocks, which come and go, few."""
    allocated = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if allocated is None:
        pytest.skip("the C library does not tell what is allocated")
    allocated.restype = type("mallinfo2", (ctypes.Structure,), {"_fields_": MALLINFO})
    path, matrix, clear = tmp_path / "b.safetensors", np.eye(20)[:, :10], np.zeros((8, 8, 4), np.uint8)

    tiny = faces.point(seed=0, height=8, width=8, steps=2, t=1.0)
    start = np.eye(2, 64).reshape(2, 1, 8, 8)

    class Broken(pullback.Operator):
        def apply(self, vectors, transposed=False):
            raise KeyError

    def held():
        gc.collect()
        all_of_it = allocated()
        return all_of_it.uordblks + all_of_it.hblkhd, sys.getallocatedblocks()

    def work():
        basis = faces.basis(tiny, 2, tol=0.5, verify=True, start=start)
        basis.save(path)
        again = pullback.load(path)
        pullback.mean([basis, again])
        pullback.compare([basis, again], draws=2)
        pullback.transport(basis, again)
        pullback.svd(faces.linearise(tiny), 1, tol=0.5)
        pullback.open("faces32").sample(steps=2, height=8, width=8)
        pullback.svd(matrix, 2, verify=True)
        pullback.least_squares(matrix, np.ones(20))
        pullback.angles(matrix[:2], matrix[2:3])
        pullback._pictures.pixels(faces.picture(clear)[0])
        text.embed("a man")
        tiny.x, tiny.prompts, faces.schedule, faces.hash()  # noqa: B018
        for refused, act in (
            (KeyError, lambda: pullback.svd(Broken(20, 10), 2)),
            (ValueError, lambda: faces.edit(tiny, basis, 7)),
            (ValueError, lambda: faces.sample(x=np.zeros(3))),
            (ValueError, lambda: faces.picture(clear, crop=(0, 0, 9, 9))),
            (FileNotFoundError, lambda: faces.picture(tmp_path / "none.png")),
        ):
            with pytest.raises(refused):
                act()

    before, left = held(), []
    while len(left) < 12:
        for _ in range(10):
            work()
        now = held()
        left.append((now[0] - before[0], now[1] - before[1]))
        if left[-1][0] < 300 and left[-1][1] < 150:
            break
        before = held()
    else:
        pytest.fail(f"bytes and Python's blocks left by ten calls each: {left}")
