"""The plain pages: one shell around all of them, small templates, no framework, no outside address.

A page is a template of its own inside ``templates/base.html``: :func:`page` puts the head, the header with
navigation, language switch and sign-in state, and the styles around it. The map pages, which Folium writes,
take the same header from :func:`shell`.

Words stand twice, ``<span lang="zh-CN">`` and ``<small lang="en">``. ``data-lang`` of the document says which
is read: ``zh`` shows Chinese with English small beside it, ``en`` English alone (``css/shell.css``).
"""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from geo_service.web.assets import static_url, vendored

Lang = Literal["zh", "en"]

_TEMPLATES = Path(__file__).parent / "templates"
_PLACEHOLDER = re.compile(r"\{\{ (\w+):([^}]+) \}\}")

# for all of them: their scripts and styles are files of our own; Swagger UI sets inline styles
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class NavLink:
    """One entry of the navigation."""

    zh: str
    en: str
    url: str


#: The list of maps.
MAPS_URL = "/maps"

#: The navigation of every page; the home page is behind the name of the product.
NAVIGATION = (
    NavLink("领导看板", "Leadership", "/lead"),
    NavLink("地图", "Maps", MAPS_URL),
    NavLink("指挥派单", "Dispatch", "/dispatch"),
    NavLink("排班", "Roster", "/roster"),
    NavLink("方案编制", "Planner", "/planner"),
    NavLink("接口", "API", "/docs"),
)


def words(zh: str, en: str) -> str:
    """Markup of words in both languages, escaped; what is the same in both stands once."""
    if not en or en == zh:
        return html.escape(zh)
    return f'<span lang="zh-CN">{html.escape(zh)}</span> <small lang="en">{html.escape(en)}</small>'


def shell(current: str = "", navigation: Sequence[NavLink] = NAVIGATION) -> str:
    """Markup of the header: name, navigation, language switch, who is signed in.

    Parameters
    ----------
    current : str
        Address of the entry on which the page stands.
    navigation : sequence of NavLink
        The entries.
    """
    marks = {current: ' aria-current="page"'}
    links = "".join(
        f'<a href="{html.escape(link.url)}"{marks.get(link.url, "")}>{words(link.zh, link.en)}</a>'
        for link in navigation
    )
    return filled("shell.html", {}, {"links": links})


def page(
    title: str, content: str, *, current: str = "", kind: str = "plain", lang: Lang = "zh", head: str = ""
) -> str:
    """Document with the shell around some content.

    Parameters
    ----------
    title : str
        Title of the document; escaped here.
    content, head : str
        Markup, escaped by its writer: what stands below the header, and what the document's head needs more.
    current : str
        Address of the navigation's entry on which the page stands.
    kind : str
        Class of the body, for its style.
    lang : {"zh", "en"}
        Language at first, until the reader's own choice is known.
    """
    values = {"title": title, "kind": kind, "lang": lang, "html_lang": "en" if lang == "en" else "zh-CN"}
    parts = {"shell": shell(current), "content": content, "head": head}
    return filled("base.html", values, parts)


@lru_cache(maxsize=2)
def landing_page(lang: Lang = "zh") -> str:
    """Document for ``/``: what this is, the way to the maps and the API, live counts from ``/v1/status``."""
    title = "社区网格与巡防覆盖" if lang == "zh" else "Community grids and patrol coverage"
    return page(f"geo_service · {title}", filled("landing.html"), kind="landing", lang=lang)


@lru_cache(maxsize=8)
def docs_page(openapi_url: str, title: str = "接口 API · geo_service", lang: Lang = "zh") -> str:
    """Document for ``/docs``: Swagger UI from our own copies, for the OpenAPI document at an address."""
    style = f'<link rel="stylesheet" href="{html.escape(static_url(vendored("swagger_ui_css")))}">'
    content = filled("docs.html", {"openapi_url": openapi_url})
    return page(title, content, current="/docs", kind="docs", lang=lang, head=style)


@dataclass(frozen=True, slots=True)
class MapCard:
    """A map in the list: its name with its address, what it tells with the address of its file, colours."""

    code: str
    name: NavLink
    about: NavLink
    ramp: Sequence[str]


def maps_page(cards: Sequence[MapCard], lang: Lang = "zh", *, has_public_form: bool = True) -> str:
    """Document for ``/maps``: every map, to open, to save as one file, and as it is for the public.

    Parameters
    ----------
    has_public_form : bool
        False where the reader has the public form only: then it is said, and not offered.
    """
    head = f'<link rel="stylesheet" href="{html.escape(static_url("css/map-list.css"))}">'
    form = (
        ("“公开版”不显示小数目。", "The public form keeps small counts back.")
        if has_public_form
        else ("这里是公开版，不显示小数目。", "This is the public form: small counts are kept back.")
    )
    parts = {"cards": "".join(_card(one, has_public_form=has_public_form) for one in cards)}
    content = filled("maps.html", {"form_zh": form[0], "form_en": form[1]}, parts)
    return page("地图 Maps · geo_service", content, current=MAPS_URL, lang=lang, head=head)


def _card(card: MapCard, *, has_public_form: bool) -> str:
    """Markup of one map of the list."""
    url, file_url = html.escape(card.name.url), html.escape(card.about.url)
    ramp = "".join(f'<i style="background:{html.escape(color)}"></i>' for color in card.ramp)
    public = f'<a href="{url}?public=true">{words("公开版", "For the public")}</a>' if has_public_form else ""
    return (
        f'<li class="map-card" id="{html.escape(card.code)}"><a class="map-open" href="{url}">'
        f'<span class="map-ramp" aria-hidden="true">{ramp}</span>'
        f"<h2>{words(card.name.zh, card.name.en)}</h2><p>{words(card.about.zh, card.about.en)}</p></a>"
        f'<p class="map-more"><a href="{file_url}" download>{words("存为单个文件", "Save as one file")}</a>'
        f"{public}</p></li>"
    )


def plans_page(lang: Lang = "zh") -> str:
    """Document for ``/planner``: the list of plans."""
    head = filled("planner-head.html")
    content = filled("planner-list.html")
    return page("划分方案 Plans · geo_service", content, current="/planner", lang=lang, head=head)


def planner_page(plan_id: int, tiles_url: str, lang: Lang = "zh") -> str:
    """Document for ``/planner/{id}``: the editor of a plan.

    Parameters
    ----------
    plan_id : int
        The plan.
    tiles_url : str
        Address of the tiles of the base map, with ``{z}``, ``{x}`` and ``{y}``.
    lang : {"zh", "en"}
        Language at first.
    """
    content = filled("planner.html", {"plan": str(plan_id), "tiles": tiles_url})
    head = filled("planner-head.html")
    title = "方案编制 Planner · geo_service"
    return page(title, content, current="/planner", kind="planner", lang=lang, head=head)


def plan_preview_page(plan_id: int, lang: Lang = "zh") -> str:
    """Document for ``/planner/{id}/preview``: a plan before and after, to read and to print."""
    content = filled("plan_preview.html", {"plan": str(plan_id)})
    style = f'<link rel="stylesheet" href="{html.escape(static_url("css/preview.css"))}">'
    title = "方案比对 Before and after · geo_service"
    return page(title, content, current="/planner", kind="preview", lang=lang, head=style)


def roster_page(zone: str, lang: Lang = "zh") -> str:
    """Document for ``/roster``: a week of people, shifts, posts and what is lacking.

    Parameters
    ----------
    zone : str
        IANA name of the time zone in which the town tells its moments.
    lang : {"zh", "en"}
        Language at first.
    """
    head = f'<link rel="stylesheet" href="{html.escape(static_url("css/roster.css"))}">'
    title = "排班 Roster · geo_service"
    content = filled("roster.html", {"zone": zone})
    return page(title, content, current="/roster", kind="roster", lang=lang, head=head)


#: Whose key opens a page; the others need none, or any.
_ROLE_OF_PAGE = {"/lead": "leader", "/dispatch": "dispatcher", "/roster": "dispatcher", "/worker": "worker"}


def sign_in_page(target: str, problem: str = "", lang: Lang = "zh") -> str:
    """Document for ``/sign-in``.

    Parameters
    ----------
    target : str
        Address to go on to.
    problem : str
        Markup of why the key was refused, escaped by its writer.
    lang : {"zh", "en"}
        Language at first.
    """
    shown = f'<p class="bad" role="alert">{problem}</p>' if problem else ""
    role = _ROLE_OF_PAGE.get(target.partition("?")[0], "planner")
    content = filled("sign-in.html", {"next": target, "role": role}, {"problem": shown})
    return page("登录 Sign in · geo_service", content, kind="plain", lang=lang)


def favicon() -> bytes:
    """Icon of all pages, as SVG (``image/svg+xml``); browsers also ask for it at ``/favicon.ico``."""
    return (Path(__file__).parent / "static" / "img" / "favicon.svg").read_bytes()


def filled(template: str, values: dict[str, str] | None = None, parts: dict[str, str] | None = None) -> str:
    """Return a template with its ``{{ static:file }}``, ``{{ vendor:name }}``, ``{{ value:name }}`` filled.

    Values are escaped here; a ``{{ part:name }}`` is markup and was escaped by its writer.
    """
    resolve: dict[str, Callable[[str], str]] = {
        "static": static_url,
        "vendor": lambda name: static_url(vendored(name)),
        "value": (values or {}).__getitem__,
    }

    def put(found: re.Match[str]) -> str:
        kind, name = found[1], found[2]
        return (parts or {})[name] if kind == "part" else html.escape(resolve[kind](name))

    return _PLACEHOLDER.sub(put, _read(template))


@lru_cache(maxsize=16)
def _read(template: str) -> str:
    """Text of a template."""
    return (_TEMPLATES / template).read_text(encoding="utf-8")
