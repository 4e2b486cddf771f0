"""The notebooks run from top to bottom, as a reader would run them, and show what they say."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from geo_service import demo
from tests import town_at_hand

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
NAMES = ["coverage_week", "patrol", "quick_start", "redraw_compared", "siting"]


def run(notebook: Path) -> tuple[dict[str, Any], list[Any]]:
    """Run every cell; return the names it leaves and what the last line of each cell shows."""
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], "commit notebooks without outputs"
            tree = ast.parse("".join(cell["source"]))
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, f"{notebook.name} {cell['id']}", "exec"), names)
            if last is not None:
                shown.append(eval(compile(ast.Expression(last.value), notebook.name, "eval"), names))
    return names, shown


def looks_right(stem: str, names: dict[str, Any], said: str) -> bool:
    """Say whether a notebook found what the town holds."""
    if stem == "quick_start":
        return names["findings"]["rule"].tolist() == ["gap"] and "within five minutes" in said
    if stem == "redraw_compared":
        even = [
            plan["households"].between(300, 500).all()
            for name, plan in names["plans"].items()
            if name != "today"
        ]
        moved = {name: row["share"] for name, row in names["rows"].items()}
        return all(even) and moved["today"] == 0 and moved["careful"] <= moved["afresh"]
    if stem == "coverage_week":
        return len(names["share"]) == 168 and names["share"].between(0, 1).all() and len(names["alike"]) < 168
    if stem == "siting":
        values = [one.value for one in names["found"].values()]
        return values == sorted(values) and names["after"]["covered"].sum() == names["three"].value
    return 0 < names["done"] < 1 and len(names["week"].visits) > 0


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(
    notebook: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "generate", town_at_hand.generate)
    monkeypatch.chdir(tmp_path)
    names, shown = run(notebook)
    assert looks_right(notebook.stem, names, capsys.readouterr().out)
    for one in shown:
        if hasattr(one, "_repr_html_"):
            assert one._repr_html_()


def test_all_the_notebooks_are_there_and_name_no_place_of_a_machine() -> None:
    assert [path.stem for path in NOTEBOOKS] == NAMES
    assert not [path.name for path in NOTEBOOKS if '"/' in path.read_text(encoding="utf-8")]
