"""Folium pages that ask nothing of the outside, safe to show whatever the data says.

One choke point: every script and style of Folium, its plugins and branca is a ``Link`` in the figure's
header. :class:`OfflineFigure` replaces each by our own copy, found by the link's *name* (its address changes
between releases), and refuses one it does not know. What is left of the page is searched for outside
addresses, then signed for a Content-Security-Policy.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import folium
from branca.element import Element, Figure, JavascriptLink, Link
from jinja2 import Template

from geo_service.errors import UnavailableError
from geo_service.web.assets import self_contained, static_url, vendored

_OUTSIDE = re.compile(
    r"""(?:src|href)\s*=\s*["']?\s*(?:[a-z]+:)?//  # an element that loads from another host
      | url\(\s*["']?\s*(?:[a-z]+:)?//             # a style that does
      | @import\b
      | ["'](?:https?:)?//[\w.{}-]+/[^"'\s]*\.(?:js|css|png|jpe?g|svg|pbf|mvt|woff2?)\b  # a script that may
    """,
    re.IGNORECASE | re.VERBOSE,
)
_OWN = "static:"
#: Scripts that every element of ours stands on.
CORE = ("static:js/shell.js", ""), ("static:js/core.js", ""), ("static:js/view.js", "")
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def safe_text(text: str) -> str:
    """Escape text from data for any place where Folium takes HTML: tooltips, popups, layer names, icons.

    Folium shows such text as it is, and branca reads a finished script once more as a Jinja template: a name
    with ``{{ … }}`` would run on the server. Neither can happen to what this returns.
    """
    return html.escape(text).replace("{", "&#123;").replace("}", "&#125;")


def script_json(value: Any) -> str:
    """Write a value as JSON that can stand in a script of a Folium element, whatever its strings hold.

    No ``<``, so that the script cannot be ended; no ``{{``, ``{%`` or ``{#``, which branca would evaluate.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return re.sub(r"\{(?=[{%#])", r"\\u007b", text)  # never outside a string: there a quote or } follows


class OutsideAddressError(UnavailableError):
    """A page would have loaded something from outside, or a package that is not vendored."""

    code, title = "outside-address", "Page refers to an outside address"


@dataclass(frozen=True, slots=True)
class Page:
    """A finished page.

    Attributes
    ----------
    html : str
        The document.
    content_security_policy : str
        Value of the header that lets exactly this page's scripts run and nothing be loaded from elsewhere.
    etag : str
        Strong entity tag, quotes included: the same content has the same tag.
    """

    html: str
    content_security_policy: str
    etag: str


def own_script(file: str) -> tuple[str, str]:
    """Entry of an element's ``default_js`` for a script of ours under ``static/``."""
    return (_OWN + file, "")


class EmbeddedJson(Element):
    """JSON inside the page, for scripts to read by its element id; never run, whatever it says."""

    def __init__(self, element_id: str, payload: bytes) -> None:
        super().__init__()
        self.element_id = element_id
        self.payload = payload

    def render(self, **_: object) -> str:
        """Return the element with ``<`` written so that no element can begin or end inside it."""
        text = self.payload.decode("utf-8").replace("<", "\\u003c")
        return f'<script type="application/json" id="{html.escape(self.element_id)}">{text}</script>'


class Markup(Element):
    """Markup as it stands: branca would read it as a Jinja template."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def render(self, **_: object) -> str:
        """Return the markup."""
        return self.text


class OfflineFigure(Figure):
    """Figure whose scripts and styles are our own copies.

    Parameters
    ----------
    title : str
        Title of the document; escaped here.
    single_file : bool
        Put scripts, styles, images and fonts inside the page, so that it opens from a disk.
    """

    _template = Template(
        "<!DOCTYPE html>\n"
        '<html lang="zh-CN" data-lang="zh">\n'
        "<head>\n"
        "<title>{{ this.title }}</title>\n"
        "{{ this.header.render(**kwargs) }}\n"
        "</head>\n"
        "<body>\n"
        "{{ this.html.render(**kwargs) }}\n"
        "<script>\n"
        "{{ this.script.render(**kwargs) }}\n"
        "</script>\n"
        "</body>\n"
        "</html>\n"
    )

    def __init__(self, title: str = "", *, single_file: bool = False) -> None:
        super().__init__(title=html.escape(title))
        self.single_file = single_file
        self._embedded: list[EmbeddedJson] = []
        self._styles: list[str] = []
        if single_file:
            icon = '<link rel="icon" href="data:,">'
        else:
            icon = f'<link rel="icon" href="{static_url("img/favicon.svg")}" type="image/svg+xml">'
        self.header.add_child(Element(icon), name="icon")

    def add_header(self, markup: str) -> None:
        """Put markup above the map; whoever writes it escapes what comes from data."""
        self.html.add_child(Markup(markup), name="shell")

    def embed(self, element_id: str, payload: bytes) -> None:
        """Put JSON into the page under an element id."""
        self._embedded.append(EmbeddedJson(element_id, payload))

    def add_style(self, name: str) -> None:
        """Add a style sheet of ours; ours come after all others, so that they have the last word."""
        self._styles.append(name)

    def render(self, **kwargs: object) -> str:
        """Return the document.

        Raises
        ------
        OutsideAddressError
            If a link is not vendored or an outside address is left in the page.
        """
        for number, element in enumerate(_tree(self)):
            element._id = f"{number:04x}"  # noqa: SLF001 - random by default; the same page must be the same bytes
        for child in list(self._children.values()):
            child.render(**kwargs)  # lets every element add its links to the header
        assets = self._take_assets_over()
        page: str = self._template.render(this=self, kwargs=kwargs)
        if found := _OUTSIDE.search(page):
            raise OutsideAddressError(
                f"the page refers to an outside address: {page[found.start() :][:120]!r}"
            )
        # our own text goes in after the search: assets and data may well mention addresses
        for placeholder, text in assets.items():
            page = page.replace(placeholder, text, 1)
        data = "\n".join(element.render() for element in self._embedded)
        return page.replace("<body>", f"<body>\n{data}", 1) if data else page

    def page(self) -> Page:
        """Render, and sign what was rendered."""
        text = self.render()
        policy = content_security_policy(text)
        if self.single_file:
            meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            text = text.replace("<head>", f"<head>\n{meta}", 1)
        digest = hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]
        return Page(text, f"{policy}; frame-ancestors 'self'", f'"{digest}"')

    def _take_assets_over(self) -> dict[str, str]:
        """Replace the header's links by placeholders; return what to put in their place."""
        texts: dict[str, str] = {}
        links = [(n, e) for n, e in self.header._children.items() if isinstance(e, Link)]  # noqa: SLF001
        for name, link in links:
            script = isinstance(link, JavascriptLink)
            text = self._asset(_file_of(name, link), script=script)
            placeholder = f"<!--asset {len(texts)}-->"
            texts[placeholder] = text
            self.header.add_child(Element(placeholder), name=name)
        for style in self._styles:
            placeholder = f"<!--asset {len(texts)}-->"
            texts[placeholder] = self._asset(style, script=False)
            self.header.add_child(Element(placeholder), name=style)
        return texts

    def _asset(self, file: str, *, script: bool) -> str:
        """Element that loads or holds one asset."""
        if self.single_file:
            return (
                f"<script>{self_contained(file)}</script>"
                if script
                else f"<style>{self_contained(file)}</style>"
            )
        address = html.escape(static_url(file))
        return f'<script src="{address}"></script>' if script else f'<link rel="stylesheet" href="{address}">'


def offline_map(
    title: str = "", *, bounds: tuple[float, float, float, float], single_file: bool = False
) -> folium.Map:
    """Empty Folium map in an :class:`OfflineFigure`, without tiles, showing ``(west, south, east, north)``.

    Scripts and styles of Bootstrap, jQuery and marker icons are left out: add
    ``folium.folium.Map.default_js`` to the map's own list to have them (our copies) back.
    """
    west, south, east, north = bounds
    chart = folium.Map(
        location=[(south + north) / 2, (west + east) / 2],
        tiles=None,
        prefer_canvas=True,
        fade_animation=False,  # each tile that fades in has the whole screen put together anew for 0.2 s
        control_scale=False,
        zoom_control=False,
        max_zoom=19,
        attribution_control=False,
    )
    chart.options.setdefault("maxZoom", 19)  # plugins ask the map when there is no raster layer
    chart.default_js = [("leaflet", "")]
    chart.default_css = [("leaflet_css", "")]
    figure = OfflineFigure(title, single_file=single_file)
    figure.add_child(chart)
    figure.add_style("css/shell.css")
    figure.add_style("css/maps.css")
    return chart


def content_security_policy(page: str) -> str:
    """Policy that admits the page's inline scripts by their digests, and otherwise only our own address."""
    digests = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode('utf-8')).digest()).decode('ascii')}'"
        for script in _INLINE_SCRIPT.findall(page)
    ]
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src", "'self'", *digests]),
            "style-src 'self' 'unsafe-inline'",  # Leaflet and Folium position by inline styles
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _file_of(name: str, link: Link) -> str:
    """Find the static file that takes a link's place."""
    if name.startswith(_OWN):
        return name.removeprefix(_OWN)
    try:
        return vendored(name)
    except KeyError:
        raise OutsideAddressError(f"no vendored copy of the asset {name!r} ({link.url})") from None


def _tree(element: Element) -> Iterator[Element]:
    """Walk an element and all below it."""
    yield element
    for child in element._children.values():  # noqa: SLF001 - branca has no public way through its tree
        yield from _tree(child)
