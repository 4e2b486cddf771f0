"""The planner's scripts as files: small, nothing from outside, no markup made of text, all words there."""

import re
from pathlib import Path

import pytest

from geo_service.web import assets
from geo_service.web.pages import planner_page, plans_page

FOLDER = assets.STATIC_DIR / "js" / "planner"
SCRIPTS = sorted(FOLDER.glob("*.js"))
MOST_LINES = 400


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_small_and_asks_nothing_outside(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    for module in re.findall(r'from "\./([\w.]+)"', text):
        assert (FOLDER / module).is_file(), module


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_what_a_script_takes_from_another_is_there_and_used(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    body = re.sub(r"^import .*$", "", text, flags=re.MULTILINE)
    for names, module in re.findall(r'^import \{ (.+?) \} from "\./([\w.]+)";$', text, re.MULTILINE):
        source = (FOLDER / module).read_text(encoding="utf-8")
        for name in names.split(", "):
            assert re.search(rf"^export (async )?(const|class|function) {name}\b", source, re.MULTILINE), name
            assert re.search(rf"\b{name}\b", body), name


def test_every_word_that_is_asked_for_stands_in_both_languages() -> None:
    words = dict(re.findall(r"^  (\w+): \[(.+)\],$", (FOLDER / "words.js").read_text("utf-8"), re.MULTILINE))
    assert len(words) > 150
    for name, pair in words.items():
        zh, en = re.findall(r'"([^"]*)"', pair)
        assert all((zh, en)), name
        assert set(re.findall(r"\{\w+\}", zh)) == set(re.findall(r"\{\w+\}", en)), name
    asked = set()
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        asked |= set(re.findall(r'\b(?:t|tTitle|tHolder): "(\w+)"', text))
        asked |= set(re.findall(r'\b(?:say|button|dialog|ask|sure)\("(\w+)"', text))
    assert not asked - set(words)


def test_the_pages_name_their_plan_and_refer_to_nothing_outside() -> None:
    address = "/maps/tiles/base/{z}/{x}/{y}.mvt?v=1"
    page = planner_page(7, address)
    assert 'data-plan="7"' in page
    assert f'data-tiles="{address}"' in page
    for text in (page, plans_page("en")):
        assert not re.search(r"https?://|<script>|onclick|style=|\{\{", text)
        for file in re.findall(r'(?:src|href)="/static/([^"?]+)', text):
            assert (assets.STATIC_DIR / file).is_file(), file
