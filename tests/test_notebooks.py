"""The notebooks run from top to bottom, as a reader would run them."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], "commit notebooks without outputs"
            exec(compile("".join(cell["source"]), f"{notebook.name} {cell['id']}", "exec"), names)
    if notebook.stem == "quick_start":
        said = capsys.readouterr().out
        assert "in no cell" in said
        assert "within five minutes" in said
        assert [finding.rule for finding in names["inspection"].findings] == ["gap"]


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS
