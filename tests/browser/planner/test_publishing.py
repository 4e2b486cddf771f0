"""Publishing in a real browser: how far it is, after a reload as well; cancelling; what is in the way."""

import httpx
import psycopg
from playwright.sync_api import Locator, Page, expect

from tests.browser.planner.hands import Plan, before_the_end, cells, settled

PHASES = ["检查全部边界", "写入变动的网格", "重新归格事件", "记录沿革"]


def rename(page: Page, api: httpx.Client, plan: Plan) -> None:
    given = {"cell": ["micro_grid", min(cells(api, plan))], "name": f"江滨{plan['id']}号"}
    page.evaluate("async (given) => { await planner.actions.change('rename', given); }", given)
    settled(page)


def publish(page: Page) -> Locator:
    """Publish what is drawn at once; returns the dialog."""
    page.get_by_role("button", name="发布").click()
    dialog = page.locator("dialog").first
    expect(dialog).to_contain_text("可以发布")
    dialog.locator("textarea").fill("按照街道 2026 年第 5 号文件")
    dialog.get_by_label("立即生效").check()
    dialog.get_by_role("button", name="发布", exact=True).click()
    return dialog


def test_progress_is_shown_and_found_again_after_a_reload(
    opened: Page, api: httpx.Client, plan: Plan, held_up: psycopg.Connection
) -> None:
    rename(opened, api, plan)
    with before_the_end(held_up):
        shown = publish(opened).locator(".pl-progress")
        expect(shown.locator("li")).to_contain_text(PHASES)
        expect(shown.locator("li.now")).to_contain_text(PHASES[-1])
        expect(shown.locator("li.done")).to_contain_text(PHASES[:-1])
        expect(shown.get_by_role("status")).to_have_text("正在发布…")
        opened.reload()
        settled(opened)
        again = opened.locator("dialog .pl-progress")
        expect(again.locator("li.now")).to_contain_text(PHASES[-1])
        assert api.get(f"/v1/plans/{plan['id']}").json()["status"] == "open"
    after = opened.locator("dialog", has_text="边界版本")
    now = api.get(f"/v1/plans/{plan['id']}").json()
    expect(after).to_contain_text(f"第 {now['published_edition_id'] or ''}")
    expect(after.get_by_role("link", name="查看地图")).to_be_visible()
    expect(opened.locator(".pl-status")).to_have_text("已发布")
    jobs = api.get("/v1/jobs", params={"subject": f"plan {plan['id']}"}).json()["jobs"]
    assert [job["state"] for job in jobs] == ["done"]


def test_a_publication_is_cancelled(
    opened: Page, api: httpx.Client, plan: Plan, held_up: psycopg.Connection
) -> None:
    rename(opened, api, plan)
    with before_the_end(held_up):
        dialog = publish(opened)
        expect(dialog.locator("li.now")).to_contain_text(PHASES[-1])
        dialog.get_by_role("button", name="取消发布").click()
        expect(dialog.locator(".pl-progress").get_by_role("status")).to_have_text("正在取消…")
    expect(dialog.get_by_role("alert")).to_contain_text("已取消")
    assert api.get(f"/v1/plans/{plan['id']}").json()["status"] == "open"
    # and is begun anew
    dialog.get_by_role("button", name="发布", exact=True).click()
    expect(opened.locator("dialog", has_text="边界版本")).to_be_visible()


def test_what_others_published_meanwhile_is_told(opened: Page, api: httpx.Client, plan: Plan) -> None:
    rename(opened, api, plan)
    other = api.post("/v1/plans", json={"name": "先"}).raise_for_status().json()
    grid = max(cells(api, other, "grid"))
    change = {
        "revision": 0,
        "verb": "rename",
        "arguments": {"cell": ["grid", grid], "name": f"先{other['id']}"},
    }
    api.post(f"/v1/plans/{other['id']}/changes", json=change).raise_for_status()
    done = api.post(
        f"/v1/plans/{other['id']}/publish",
        json={"note": "先到", "supersede": True},
        headers={"If-Match": '"1"'},
    )
    assert done.status_code == 200, done.text
    dialog = publish(opened)
    expect(dialog.get_by_role("alert")).to_contain_text("其间发布了新的边界")
    expect(dialog).to_contain_text("请先更新底版")
    expect(dialog).to_contain_text(grid)  # what changed, and by whom
    expect(dialog).to_contain_text("先到")
    expect(dialog).to_contain_text("可以发布")  # the findings are shown as before
