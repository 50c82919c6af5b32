"""Studies: the program's tables, and going on where one was stopped."""

import pytest

pytest.importorskip("pullback._vips", reason="libvips is not here", exc_type=ImportError)

import pullback.study  # noqa: E402


def test_timesteps(program, tmp_path):
    program("study", "timesteps", "--model", "faces32", "--samples", 2, "--timesteps", 2, "--rank", 3,
            "-q", "-o", tmp_path / "theirs")  # fmt: skip
    settings = {"samples": 2, "timesteps": 2, "rank": 3, "folder": tmp_path / "ours"}
    heard = []

    def stop(task, done, total):
        heard.append((task, total))
        return done > 2

    with pytest.raises(pullback.Cancelled):
        pullback.study.timesteps("faces32", **settings, progress=stop)
    found = pullback.study.timesteps("faces32", **settings)
    assert 0 < found.computed < found.wanted
    assert ("study", found.wanted) in heard
    data = (tmp_path / "theirs" / "data.csv").read_bytes()
    assert (tmp_path / "ours" / "data.csv").read_bytes() == data
    assert len(found["value"]) == data.count(b"\n") - 1
    assert (found.of("effective_rank")["value"] > 1).all()
    with pytest.raises(KeyError, match="power"):
        found.of("nothing")


def test_frame():
    pandas = pytest.importorskip("pandas")
    found = pullback.study.samples("faces32", samples=2, timesteps=1, rank=2)
    assert found.frame().equals(pandas.DataFrame(dict(found)))


def test_others(tmp_path):
    found = pullback.study.prompts(
        "faces64-text", ["a man", "a woman"], samples=1, timesteps=1, rank=2
    )
    assert set(found["quantity"]) >= {"prompted", "among_prompts"}
    found = pullback.study.samples("faces32", samples=2, timesteps=1, rank=2)
    assert len(found) and found.folder.exists()
    with pytest.raises(TypeError, match="nonsense"):
        pullback.study.samples("faces32", nonsense=1)
    with pytest.raises(ValueError, match="^samples: expected 1 to 100000, found 0"):
        pullback.study.timesteps("faces32", samples=0)
    with pytest.raises(ValueError, match="^fix: there is no y"):
        pullback.study.timesteps("faces32", fix="y")
    folder = found.folder
    del found
    assert not folder.exists()  # a temporary one
    with pytest.raises(ValueError, match="at least two"):
        pullback.study.samples("faces32", samples=1, folder=tmp_path / "none")
    assert not (tmp_path / "none").exists()
