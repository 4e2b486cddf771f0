"""The plain pages: landing page and API documentation. Small templates, no framework, no outside address."""

import html
import re
from functools import lru_cache
from pathlib import Path

from geo_service.web.assets import static_url, vendored

_TEMPLATES = Path(__file__).parent / "templates"
_PLACEHOLDER = re.compile(r"\{\{ (\w+):([^}]+) \}\}")

# for both pages: their scripts and styles are files of our own; Swagger UI sets inline styles
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)


@lru_cache(maxsize=1)
def landing_page() -> str:
    """Document for ``/``: what this is, the way to the maps and the API, live counts from ``/v1/status``."""
    return _filled("landing.html")


@lru_cache(maxsize=8)
def docs_page(openapi_url: str, title: str = "geo_service API") -> str:
    """Document for ``/docs``: Swagger UI from our own copies, for the OpenAPI document at an address."""
    return _filled("docs.html", openapi_url=openapi_url, title=title)


def favicon() -> bytes:
    """Icon of all pages, as SVG (``image/svg+xml``); browsers also ask for it at ``/favicon.ico``."""
    return (Path(__file__).parent / "static" / "img" / "favicon.svg").read_bytes()


def _filled(template: str, **values: str) -> str:
    """Fill ``{{ static:file }}``, ``{{ vendor:link name }}`` and ``{{ value:name }}``, escaped."""
    resolve = {
        "static": static_url,
        "vendor": lambda name: static_url(vendored(name)),
        "value": values.__getitem__,
    }
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    return _PLACEHOLDER.sub(lambda m: html.escape(resolve[m[1]](m[2])), text)
