"""Supervision cards and whistles on the desk, live: the strip, the queue, the panel; sounded once."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.dispatch.conftest import Scene, client
from tests.browser.dispatch.hands import choose, open_desk, report, row, until

CATEGORY = "0103"
QUICK = {"code": "quick", "name_zh": "秒级", "name_en": "seconds", "arrive_s": 3, "handle_s": 3600}


@pytest.fixture(scope="module")
def hasty(admin: httpx.Client) -> Iterator[str]:
    """A category whose incidents must be reached within seconds: a red card follows at once."""
    before = admin.get("/v1/response-standards").json()["standards"]
    standards = [*before, {**QUICK, "close_s": 25200, "categories": [CATEGORY]}]
    anyway = {"If-Match": "*"}
    admin.put("/v1/response-standards", json={"standards": standards}, headers=anyway).raise_for_status()
    yield CATEGORY
    admin.put("/v1/response-standards", json={"standards": before}, headers=anyway)


@pytest.fixture
def opened(page: Page, service: str, keys: dict[str, str], around: Scene) -> Page:
    assert around.workers
    return open_desk(page, service, keys["调度一"])


def test_a_red_card_comes_up_is_acknowledged_and_answered(
    opened: Page, api: httpx.Client, around: Scene, hasty: str
) -> None:
    opened.mouse.click(700, 60)  # a hand on the page: it may sound now
    played = len(opened.evaluate("desk.alarm.played"))
    key = report(api, building=around.building, category=hasty)
    chip = row(opened, key).locator(".ds-card.red")
    expect(chip).to_have_class("ds-card red waiting")
    expect(opened.locator(".ds-strip")).to_contain_text("待接收")
    assert opened.evaluate("desk.alarm.played").count("breach") <= played + 1  # the clock and its card: once
    opened.locator(".ds-strip").click()
    expect(opened.locator('[data-filter="cards"]')).to_have_attribute("aria-pressed", "true")
    panel = choose(opened, key)
    card = panel.locator(".ds-escalation.red")
    told = api.get("/v1/escalations", params={"incident": key, "colour": "red"}).json()["escalations"][0]
    assert told["called"]
    assert any(one["name"] in card.locator("summary").inner_text() for one in told["called"])
    card.locator("summary").click()
    for one in told["called"]:
        expect(card.locator(".ds-ladder")).to_contain_text(one["name"])
    expect(card.locator(".ds-climb")).to_contain_text("后呼叫上一级")
    card.get_by_role("button", name="接收").click()
    if len(told["called"]) > 1:
        opened.locator(".gs-dialog button[type=submit]").click()
    expect(card).to_have_attribute("data-stage", "acknowledged")
    expect(card.locator(".ds-climb")).to_contain_text("反馈时限 23:59:")
    expect(chip).to_have_class("ds-card red")
    card.get_by_role("button", name="反馈").click()
    opened.locator(".gs-dialog textarea").fill("已协调人员到场")
    opened.locator(".gs-dialog button[type=submit]").click()
    expect(card).to_have_count(0)
    expect(chip).to_have_count(0)
    panel.locator('[data-fold="over"] summary').click()
    expect(panel.locator('[data-fold="over"]')).to_contain_text("已协调人员到场")


def test_a_whistle_calls_whoever_holds_the_cell_above(
    opened: Page, api: httpx.Client, around: Scene, service: str, keys: dict[str, str]
) -> None:
    key = report(api, building=around.building, category="0102")
    panel = choose(opened, key)
    panel.get_by_role("button", name="吹哨").click()
    opened.locator(".gs-dialog textarea").fill("需要城管协助")
    opened.locator(".gs-dialog button[type=submit]").click()
    card = panel.locator(".ds-escalation.whistle")
    expect(card).to_contain_text("调度一 吹哨")
    expect(card.locator(".ds-climb")).to_contain_text("反馈时限 23:59:")
    expect(row(opened, key).locator(".ds-card.whistle")).to_be_visible()
    number = card.get_attribute("data-escalation")
    with client(service, keys["王主任"]) as leader:  # another hand: the desk hears of it
        leader.post(f"/v1/escalations/{number}/arrive", json={}).raise_for_status()
    expect(card).to_have_attribute("data-stage", "arrived")
    card.locator("summary").click()
    expect(card.locator(".ds-ladder")).to_contain_text("王主任")


def test_what_stood_before_is_shown_and_not_sounded(
    *, page: Page, api: httpx.Client, around: Scene, hasty: str, service: str, keys: dict[str, str]
) -> None:
    key = report(api, building=around.building, category=hasty)
    open_desk(page, service, keys["王主任"])
    expect(row(page, key).locator(".ds-card.red")).to_be_visible()
    page.reload()
    page.wait_for_selector('#desk[data-ready="yes"]', state="attached", timeout=60_000)
    expect(row(page, key).locator(".ds-card.red")).to_be_visible()
    until(page, "() => desk.desk.hasWatched")
    assert page.evaluate("desk.alarm.played") == []
    panel = choose(page, key)
    expect(panel.locator(".ds-escalation.red").get_by_role("button", name="接收")).to_be_visible()


def test_the_queue_tells_who_accepted(
    opened: Page, api: httpx.Client, around: Scene, service: str, keys: dict[str, str]
) -> None:
    key = report(api, building=around.building, category="0102")
    with client(service, keys["调度二"]) as other:
        other.post(f"/v1/incidents/{key}/moves", json={"move": "accept"}).raise_for_status()
    expect(row(opened, key).locator(".ds-row-who")).to_have_text("调度二 受理")
    opened.reload()
    expect(row(opened, key).locator(".ds-row-who")).to_have_text("调度二 受理")


_STORM = """() => {
    const { cards } = desk.desk;
    const before = { ...cards.counts };
    const KINDS = [["card", "red", "arrive"], ["card", "yellow", "handle"], ["whistle", null, null]];
    const STAGES = ["called", "acknowledged", "arrived", "answered", "lifted"];
    const made = (number, stage) => {
        const [kind, colour, phase] = KINDS[number % 3];
        return { id: -1 - number, incident_id: `storm ${number % 900}`, kind, colour, phase, stage, rung: 0 };
    };
    for (let number = 0; number < 3000; number++) desk.desk.hear("escalation.called", made(number, "called"));
    // each goes on to a stage of its own, some twice, one after the other as they come
    for (let number = 0; number < 3000; number++) {
        desk.desk.hear("escalation.changed", made(number, STAGES[number % 7 % 5]));
        if (number % 11 === 0) desk.desk.hear("escalation.lifted", made(number, "lifted"));
    }
    const left = [...Array(3000).keys()].filter((number) => number % 7 % 5 < 3 && number % 11);
    const waiting = left.filter((number) => number % 7 % 5 === 0);
    const of = (own) => left.filter((number) => number % 900 === own).map((number) => -1 - number).sort();
    const rank = (card) => ["red", "yellow", "whistle"].indexOf(card.colour || card.kind);
    const wrong = [...Array(900).keys()].filter((number) => {
        const own = cards.of(`storm ${number}`);
        const isSorted = own.every((card, i) => !i || rank(own[i - 1]) <= rank(card));
        return !isSorted || String(own.map((card) => card.id).sort()) !== String(of(number));
    });
    const kinds = [0, 1, 2].map((kind) => left.filter((number) => number % 3 === kind).length);
    return {
        wrong,
        told: ["red", "yellow", "whistle", "waiting"].map((name) => cards.counts[name] - before[name]),
        really: [...kinds, waiting.length],
        red: cards.counts.red,
    };
}"""

_CALM = """() => {
    for (let number = 0; number < 3000; number++) {
        const id = -1 - number, incident_id = `storm ${number % 900}`;
        desk.desk.hear("escalation.lifted", { id, incident_id, kind: "whistle", stage: "lifted" });
    }
    return desk.desk.cards.counts;
}"""


def test_none_of_a_storm_of_cards_is_lost(opened: Page) -> None:
    until(opened, "() => desk.desk.hasWatched")
    before = opened.evaluate("({ ...desk.desk.cards.counts })")
    found = opened.evaluate(_STORM)
    assert found["wrong"] == []
    assert found["told"] == found["really"]
    expect(opened.locator(".ds-strip")).to_contain_text(str(found["red"]))
    assert opened.evaluate(_CALM) == before
