"""What planners read of changes and refusals is there in both languages."""

import ast
import copy
import pickle
from pathlib import Path

import pytest

import geo_service
from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.planning.telling import summary
from geo_service.planning.verbs import VERBS

ROOT = Path(geo_service.__file__).parent
NAMES = {("community", "1"): "甲村", ("community", "2"): "乙村", ("township", "7"): "南镇"}


def name_of(cell):
    return NAMES.get(cell, cell[1])


@pytest.mark.parametrize(
    ("verb", "arguments", "zh", "en"),
    [
        (
            "merge",
            {"cells": [["community", "1"], ["community", "2"]], "into": ["community", "2"]},
            "合并 甲村 → 乙村",
            "merge 甲村 → 乙村",
        ),
        (
            "hand_over",
            {"cells": [["community", "1"], ["community", "2"]], "to": ["township", "7"]},
            "划转 甲村、乙村 → 南镇",
            "hand over 甲村, 乙村 → 南镇",
        ),
        ("rename", {"cell": ["community", "1"], "name": "丙村"}, "更名 甲村 → 丙村", "rename 甲村 → 丙村"),
        (
            "cut",
            {"cell": ["community", "1"], "line": [[1, 2], [3, 4]]},
            "拆分 甲村",
            "cut 甲村",
        ),
        ("move_vertex", {"from": [1, 2], "to": [3, 4]}, "移动界点 5、甲村", "move corner 5, 甲村"),
        ("later_verb", {}, "later_verb 5、甲村", "later_verb 5, 甲村"),
    ],
)
def test_a_change_is_told_with_the_names_of_its_cells(verb, arguments, zh, en):
    said = summary(verb, arguments, [["grid", "5"], ["community", "1"]], name_of)
    assert (said.zh, said) == (zh, en)


def test_of_many_cells_three_are_named():
    cells = [["grid", str(k)] for k in range(7)]
    said = summary("hand_over", {"cells": cells, "to": ["community", "1"]}, cells, name_of)
    assert said.zh == "划转 0、1、2 等 7 个 → 甲村"
    assert said == "hand over 0, 1, 2 and 4 more → 甲村"


@pytest.mark.parametrize("verb", VERBS)
def test_any_arguments_are_told(verb):
    """What was refused once, or comes from elsewhere, may look like anything."""
    for odd in ({}, {"cell": None}, {"cells": 3, "into": "x", "name": ["y"]}, {"cell": ["a", 1]}):
        assert summary(verb, odd, [], name_of)


def test_a_text_in_both_languages_stays_so():
    said = Words("the line crosses itself", "线与自身相交")
    for same in (copy.deepcopy(said), pickle.loads(pickle.dumps(said))):
        assert (same, same.zh) == (said, said.zh)
    assert Fault("line", said).as_dict() == {
        "field": "line",
        "message": "the line crosses itself",
        "message_zh": "线与自身相交",
    }
    assert "message_zh" not in Fault("line", "plain").as_dict()
    assert str(InvalidInputError(said)) == "the line crosses itself"


@pytest.mark.parametrize(
    "file",
    [
        *(f"geometry/{name}.py" for name in ("edit", "cut", "proof", "retile", "tracing", "workspace")),
        *(f"planning/{name}.py" for name in ("verbs", "redraw", "register", "dividing")),
    ],
)
def test_every_refusal_of_an_edit_has_its_chinese(file):
    """What a planner does may meet any of these: none is in English alone."""
    makers = {"refuse", "refusal", "_refused", "_refusal"}
    plain = []
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in makers:
            plain += [node.lineno for given in node.args[:2] if _is_sentence(given)]
    assert not plain, f"{file}: in one language alone, lines {plain}"


def _is_sentence(node):
    """Names of arguments are one word; sentences have several."""
    if isinstance(node, ast.JoinedStr):
        return True
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
