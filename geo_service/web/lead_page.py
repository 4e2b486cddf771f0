"""The page of those who lead, before a big screen."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from geo_service.web.assets import STATIC_DIR, STATIC_URL
from geo_service.web.map_ground import MapGround
from geo_service.web.pages import Lang, filled, page

#: Beside those of its own folder the modules that the page's script imports.
_SHARED = (
    *(f"js/kit/{name}.js" for name in ("clock", "dom", "http", "i18n")),
    *(f"js/map/{name}.js" for name in ("basemap", "borders", "fills")),
    "js/dispatch/stream.js",
)


@lru_cache(maxsize=1)
def _modules() -> str:
    """Markup that has all modules fetched at once: each is only found in the one that imports it."""
    own = sorted(f"js/lead/{path.name}" for path in (STATIC_DIR / "js" / "lead").glob("*.js"))
    names = [name for name in (*own, *_SHARED) if not name.endswith(("lead/early.js", "lead/main.js"))]
    return "\n".join(f'<link rel="modulepreload" href="{STATIC_URL}/{name}">' for name in names)


def lead_page(
    ground: MapGround,
    cell: Mapping[str, Any],
    levels: Sequence[Mapping[str, Any]],
    lang: Lang = "zh",
    *,
    kiosk: bool = False,
    is_whole: bool = False,
) -> str:
    """Document for ``/lead``: tiles, map, the week by the hour.

    Parameters
    ----------
    ground : MapGround
    cell : mapping
        The cell at which who looks begins: code and name, code None for the whole town.
    levels : sequence of mapping
        The levels in it, the top first: code, zh, en (names), cells (how many).
    kiosk : bool
        For a screen that nobody touches.
    is_whole : bool
        The key is for the whole town: it may ask for sites, which are sought for the whole.
    """
    values = {
        **ground.values,
        "cell": json.dumps(cell, ensure_ascii=False),
        "levels": json.dumps(levels, ensure_ascii=False),
        "whole": "yes" if is_whole else "no",
        "kiosk": "yes" if kiosk else "no",
    }
    head = filled("lead-head.html")
    # below the scripts that are needed first: style sheets and the map library come before them
    content = filled("lead.html", values, {"modules": _modules()})
    kind = "leaders kiosk" if kiosk else "leaders"
    return page(
        "领导看板 Leadership · geo_service", content, current="/lead", kind=kind, lang=lang, head=head
    )
