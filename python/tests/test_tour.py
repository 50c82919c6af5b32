"""docs/python.md is one program, and works."""

import pathlib

import pytest

TOUR = pathlib.Path(__file__).resolve().parents[2] / "docs" / "python.md"


def blocks():
    """The indented parts, with the heading that each stands under."""
    heading, block = "", []
    for line in [*TOUR.read_text(encoding="utf-8").splitlines(), "end"]:
        if line.startswith("    ") or (block and not line):
            block.append(line[4:])
            continue
        if block:
            yield heading, "\n".join(block)
            block = []
        if line.startswith("#"):
            heading = line.lstrip("# ")


def test_tour(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, ran = {}, 0
    for heading, block in blocks():
        if heading in ("Python", "Any network of PyTorch"):  # commands; test_torch.py
            continue
        if heading == "Studies":
            pytest.importorskip("pullback._vips", exc_type=ImportError)
        exec(compile(block, heading, "exec"), names)  # noqa: S102
        ran += 1
    assert ran >= 7
    assert names["basis"].u.shape == (10, 128, 8, 8) and names["basis"].residual.max() <= 1e-3
    assert names["jacobian"].shape == (8192, 1024)
    assert abs(names["found"].s[0] - 2 * names["basis"].s[0]) < 1e-2
