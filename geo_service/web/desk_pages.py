"""The pages of the dispatcher's desk, of the people it sends, and of the street."""

import html
import json
from collections.abc import Sequence

from geo_service.web.assets import static_url
from geo_service.web.map_ground import MapGround
from geo_service.web.pages import Lang, filled, page


def dispatch_page(ground: MapGround, levels: Sequence[str], lang: Lang = "zh") -> str:
    """Document for ``/dispatch``: queue, map and the incident at hand; ``levels``: the top first."""
    values = {**ground.values, "levels": json.dumps(list(levels))}
    head = filled("dispatch-head.html")
    content = filled("dispatch.html", values)
    title = "指挥派单 Dispatch · geo_service"
    return page(title, content, current="/dispatch", kind="dispatch", lang=lang, head=head)


def who_page(lang: Lang = "zh") -> str:
    """Document for ``/who``: which grid is this, for everybody and for a phone."""
    style = f'<link rel="stylesheet" href="{html.escape(static_url("css/who.css"))}">'
    robots = '<meta name="robots" content="noindex">'
    title = "我的网格 My grid · geo_service"
    return page(title, filled("who.html"), kind="who", lang=lang, head=style + robots)


def worker_page(zone: str, lang: Lang = "zh") -> str:
    """Document for ``/worker``: the own cell, tasks and sign boards, for a phone."""
    style = f'<link rel="stylesheet" href="{html.escape(static_url("css/worker.css"))}">'
    title = "网格员 Field work · geo_service"
    content = filled("worker.html", {"zone": zone})
    return page(title, content, current="/worker", kind="worker", lang=lang, head=style)
