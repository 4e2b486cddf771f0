"""The examples of docs/library.md run, one after the other, as a reader would type them."""

import re
from pathlib import Path

import pytest

import geo_service
from geo_service import demo, library
from tests import town_at_hand

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"


def test_every_example_runs_and_shows_what_the_page_says(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "generate", town_at_hand.generate)
    monkeypatch.chdir(tmp_path)  # the examples save maps
    names: dict[str, object] = {}
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for number, source in enumerate(examples):
        exec(compile(source, f"{PAGE.name}, example {number + 1}", "exec"), names)
    assert len(names["placed"]) == len(names["reports"])
    assert names["check"](names["cells"])["rule"].tolist() == ["gap"]
    assert names["check"](names["neat"])["rule"].tolist() == ["gap"]
    assert len(names["again"].edges) == len(names["graph"].edges)
    assert names["new"]["households"].between(300, 500).all()
    assert 0 < len(names["free"]) < len(town_at_hand.generate().responders)
    assert names["found"].is_optimal
    assert {file.name for file in tmp_path.iterdir()} == {"staffing.html", "coverage.html"}


def test_the_page_names_every_function():
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in geo_service.LIBRARY if f"`{name}" not in page and f"{name}(" not in page] == []
    assert all(hasattr(library, name) for name in geo_service.LIBRARY)


@pytest.mark.parametrize("name", geo_service.LIBRARY)
def test_every_parameter_is_described(name):
    thing = getattr(library, name)
    code = getattr(thing, "__code__", None)
    if code is None:
        return
    words = thing.__doc__.replace(",", " ").split()
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    assert [one for one in arguments if one not in words] == []
