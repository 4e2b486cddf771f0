"""The report page of a plan in a real browser: its words in one language, its head, its maps."""

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import let_in

BOX = """(one) => {
    const box = one.getBoundingClientRect();
    return [box.left, box.top, box.right, box.bottom];
}"""


@pytest.fixture
def merged(api: httpx.Client) -> dict[str, Any]:
    """A plan in which two neighbouring communities have become one."""
    plan: dict[str, Any] = api.post("/v1/plans", json={"name": "合并两个村 Two villages in one"}).json()
    url = f"/v1/plans/{plan['id']}"
    found = api.get(f"{url}/cells", params={"level": "community"}).json()["features"]
    codes = sorted(one["properties"]["code"] for one in found)
    for code in codes[1:]:
        arguments = {"cells": [["community", code]], "into": ["community", codes[0]]}
        body = {"revision": 0, "verb": "merge", "arguments": arguments}
        if api.post(f"{url}/changes", json=body).status_code == 200:
            return plan | {"into": codes[0]}
    raise AssertionError("no two communities can be merged")


@pytest.fixture
def wide(browser: Browser, service: str, keys: dict[str, str]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, timezone_id="Asia/Shanghai")
    let_in(context, service, keys["张三"])
    yield context.new_page()
    context.close()


def test_the_report_in_english(wide: Page, service: str, merged: dict[str, Any]) -> None:
    wide.goto(f"{service}/planner/{merged['id']}/preview?lang=en")
    title = wide.locator(".pv-head h1")
    expect(title).to_have_text(merged["name"], timeout=60_000)
    if folder := os.environ.get("SCREENSHOTS"):
        wide.screenshot(path=f"{folder}/preview_en.png")
    shell = wide.locator(".shell").evaluate(BOX)
    assert title.evaluate(BOX)[1] >= shell[3]
    facts = wide.locator(".pv-head .pv-soft").inner_text()
    assert facts.startswith("Before: edition 1 · revision 1 · ")
    assert not any(ord(letter) > 0x2E7F for letter in facts)
    assert wide.locator(".pv-map-after .pv-outline").count() == 1
    assert wide.locator(".pv-map-before .pv-outline").count() == 2
    boxes = wide.locator(".pv-map-after .pv-name").evaluate_all(f"(all) => all.map({BOX})")
    assert boxes
    for k, one in enumerate(boxes):
        for other in boxes[:k]:
            apart = one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]
            assert apart, (one, other)
    wide.locator(".pv-level select").select_option("community")
    wide.wait_for_url("**level=community**")
    expect(title).to_have_text(merged["name"], timeout=60_000)
    expect(wide.locator(".pv-level select")).to_have_value("community")
    if folder:
        wide.screenshot(path=f"{folder}/preview_community.png")
    assert wide.locator(".pv-map-after .pv-mark").count() == 1
