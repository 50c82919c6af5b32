"""The notebooks run from the first cell to the last, and what they show are pictures."""

import ast
import json
import pathlib
import warnings

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "notebooks"


def run(name, monkeypatch, tmp_path):
    """Runs the cells; returns what each of them shows."""
    cells = json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert all(not c.get("outputs") for c in cells), "outputs are not kept in the repository"
    monkeypatch.chdir(tmp_path)
    names, shown = {}, []
    for cell in code:
        tree = ast.parse(cell)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), names)  # noqa: S102
        value = eval(compile(ast.Expression(last.value), name, "eval"), names) if last else None
        shown.append(value)
    return names, [s for s in shown if hasattr(s, "_repr_png_")]


def test_faces32(monkeypatch, tmp_path, capsys):
    names, shown = run("faces32.ipynb", monkeypatch, tmp_path)
    assert len(shown) == 6 and all(s._repr_png_().startswith(b"\x89PNG") for s in shown)
    by_t = names["by_t"]
    assert names["frequency"](by_t[0.3].v) > names["frequency"](by_t[1.0].v)
    assert names["apart"].h.geodesic[0, 1] < names["apart"].h.random["geodesic"]
    assert "largest residual" in capsys.readouterr().out


def test_diffusers(monkeypatch, tmp_path):
    pytest.importorskip("diffusers")
    pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names, shown = run("diffusers.ipynb", monkeypatch, tmp_path)
    assert len(shown) == 1 and names["basis"].facts["verified"].max() < 1.1e-3
    assert names["found"].residual.max() <= 1e-3
