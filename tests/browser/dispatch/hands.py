"""What a dispatcher's hands do in the page, and a line to the server that can be cut."""

import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from playwright.sync_api import Browser, Locator, Page

from tests.browser.serving import let_in

Row = dict[str, Any]

#: Where a place on earth lies in the window.
TO_PIXEL = """([lon, lat]) => {
    const { ol: map } = desk.map;
    const box = map.getTargetElement().getBoundingClientRect();
    const [x, y] = map.getPixelFromCoordinate(ol.proj.fromLonLat([lon, lat]));
    return [x + box.x, y + box.y];
}"""


def until(page: Page, question: str, arg: Any = None, *, patience_s: float = 30) -> None:
    """Wait for the page to say yes. Playwright's own waiting evaluates text, which the policy forbids."""
    give_up = time.monotonic() + patience_s
    while not page.evaluate(question, arg):
        assert time.monotonic() < give_up, question
        page.wait_for_timeout(50)


def enter(page: Page, service: str, key: str, path: str) -> Page:
    """Open a page, signed in without the form."""
    let_in(page.context, service, key)
    page.goto(f"{service}{path}")
    return page


def open_desk(page: Page, service: str, key: str) -> Page:
    """Open the desk and wait until it has read the queue and the people."""
    enter(page, service, key, "/dispatch")
    page.wait_for_selector('#desk[data-ready="yes"]', state="attached", timeout=60_000)
    until(page, "() => desk.desk.isRead && desk.desk.people.length > 0 && desk.desk.stream.isUp")
    return page


def another_desk(browser: Browser, service: str, key: str) -> Page:
    """A desk in a browser of its own."""
    context = browser.new_context(
        locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 1366, "height": 768}
    )
    return open_desk(context.new_page(), service, key)


def report(api: httpx.Client, **said: Any) -> str:
    """Let a report come in by the API; returns the incident's id."""
    body = {"source_id": str(uuid4()), "occurred_at": datetime.now(UTC).isoformat(), **said}
    return str(api.post("/v1/incidents", json=body).raise_for_status().json()["id"])


def row(page: Page, key: str) -> Locator:
    """The incident's row of the queue."""
    return page.locator(f'.ds-list li[data-id="{key}"]')


def choose(page: Page, key: str) -> Locator:
    """Choose an incident in the queue; returns the panel that shows it."""
    row(page, key).click()
    panel = page.locator(f'.ds-incident[data-id="{key}"]')
    panel.wait_for()
    return panel


def look_at(page: Page, place: tuple[float, float], zoom: float = 17) -> None:
    """Bring a place into the middle of the map."""
    page.evaluate(
        """([lon, lat, zoom]) => {
            const view = desk.map.ol.getView();
            view.cancelAnimations();
            view.setCenter(ol.proj.fromLonLat([lon, lat]));
            view.setZoom(zoom);
            desk.map.ol.renderSync();
        }""",
        [*place, zoom],
    )


def click_map(page: Page, place: tuple[float, float]) -> None:
    x, y = page.evaluate(TO_PIXEL, list(place))
    page.mouse.click(x, y)


def shown(page: Page) -> str:
    """The id of the incident in the panel, once it has been read."""
    until(page, "() => desk.incident.incident && desk.incident.incident.id === desk.desk.selected")
    return str(page.evaluate("desk.desk.selected"))


class Line:
    """A line to a server that can be cut, held and mended: what the browser is connected to."""

    def __init__(self, service: str) -> None:
        parts = urlsplit(service)
        self._server = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self._flows = threading.Event()
        self._flows.set()
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        """Break every connection, and every new one."""
        self._is_cut = True
        for one in list(self._open):
            _end(one)

    def hold(self) -> None:
        """Let nothing through any more, without a word to either end."""
        self._flows.clear()

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut = False
        self._flows.set()

    def close(self) -> None:
        """End it."""
        self._flows.set()
        self.cut()
        self._door.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                if self._is_cut:
                    _end(near)
                    continue
                far = socket.create_connection(self._server)
                self._open |= {near, far}
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                target.sendall(data)
        for one in (source, target):
            self._open.discard(one)
            _end(one)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
