"""Scripts of the desk and the worker as files: small, nothing from outside, all words in both languages."""

import re
from pathlib import Path

import pytest

from geo_service.web import assets
from geo_service.web.desk_pages import dispatch_page, worker_page
from geo_service.web.map_ground import MapGround

FOLDER = assets.STATIC_DIR / "js"
SCRIPTS = sorted(one for name in ("kit", "map", "dispatch", "worker") for one in (FOLDER / name).glob("*.js"))
MOST_LINES = 400


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: f"{script.parent.name}/{script.name}")
def test_a_script_is_small_and_asks_nothing_outside(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: f"{script.parent.name}/{script.name}")
def test_what_a_script_takes_from_another_is_there_and_used(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    body = re.sub(r"^import .*$", "", text, flags=re.MULTILINE)
    found = re.findall(r'^import \{ (.+?) \} from "(\.[\w./]+)";$', text, re.MULTILINE)
    assert len(found) == len(re.findall(r"^import ", text, re.MULTILINE))
    for names, module in found:
        source = (script.parent / module).resolve().read_text(encoding="utf-8")
        for name in names.split(", "):
            assert re.search(rf"^export (async )?(const|class|function) {name}\b", source, re.MULTILINE), name
            assert re.search(rf"\b{name}\b", body), name


@pytest.mark.parametrize(("page", "least"), [("dispatch", 150), ("worker", 60)])
def test_every_word_that_is_asked_for_stands_in_both_languages(page: str, least: int) -> None:
    text = (FOLDER / page / "words.js").read_text("utf-8")
    words = {
        quoted or plain: pair
        for quoted, plain, pair in re.findall(r'^  (?:"([\w.]+)"|(\w+)): \[(.+)\],$', text, re.MULTILINE)
    }
    assert len(words) > least
    for name, pair in words.items():
        zh, en = re.findall(r'"([^"]*)"', pair)
        assert all((zh, en)), name
        assert set(re.findall(r"\{\w+\}", zh)) == set(re.findall(r"\{\w+\}", en)), name
    asked = set()
    for script in SCRIPTS:
        if script.parent.name in {page, "kit"}:
            code = script.read_text(encoding="utf-8")
            asked |= set(re.findall(r'\b(?:t|tTitle|tHolder): "(\w+)"', code))
            asked |= set(re.findall(r'\b(?:say|button|field)\("(\w+)"', code))
    assert not asked - set(words)


def test_the_pages_refer_to_nothing_outside_and_name_what_they_stand_on() -> None:
    address = "/maps/tiles/base/{z}/{x}/{y}.mvt?v=1"
    ground = MapGround(tiles=address, edition=3, mark="abc", zone="Asia/Shanghai")
    desk = dispatch_page(ground, ("county", "grid"))
    assert f'data-tiles="{address}"' in desk
    assert 'data-levels="[&quot;county&quot;, &quot;grid&quot;]"' in desk
    for text in (desk, worker_page("Asia/Urumqi", "en")):
        assert not re.search(r"https?://|<script>|onclick|style=|\{\{", text)
        for file in re.findall(r'(?:src|href)="/static/([^"?]+)', text):
            assert (assets.STATIC_DIR / file).is_file(), file
