"""Static files of the pages: where they lie, under which address they are served, and what is in them."""

import base64
import hashlib
import json
import mimetypes
import re
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from geo_service.errors import UnavailableError

STATIC_DIR = Path(__file__).parent / "static"
STATIC_URL = "/static"
_CSS_URL = re.compile(r"""url\(\s*(['"]?)(.*?)\1\s*\)""")


def vendored(name: str) -> str:
    """File under ``static/`` of a front-end package's asset, by the name Folium gives its link.

    Raises
    ------
    KeyError
        If no package with that asset is vendored.
    UnavailableError
        If the assets have not been built.
    """
    return f"vendor/{_links()[name]}"


@lru_cache(maxsize=256)
def static_url(name: str) -> str:
    """Address of a static file; it changes with the content, so the answer may be kept for ever."""
    digest = hashlib.sha256(read_static(name)).hexdigest()[:12]
    return f"{STATIC_URL}/{quote(name, safe='/@')}?v={digest}"


@lru_cache(maxsize=256)
def read_static(name: str) -> bytes:
    """Content of a static file."""
    return (STATIC_DIR / name).read_bytes()


def self_contained(name: str) -> str:
    """Text of a script or style sheet that can stand inside a page; images and fonts become data URIs."""
    text = read_static(name).decode("utf-8")
    if name.endswith(".css"):
        folder = PurePosixPath(name).parent
        return _CSS_URL.sub(lambda m: f'url("{_data_uri(folder, m[2])}")', text).replace("</", "<\\/")
    # neither of the two can end or begin an element inside a script
    return re.sub(r"<(?=/script|!--)", r"\\x3c", text, flags=re.IGNORECASE)


def _data_uri(folder: PurePosixPath, address: str) -> str:
    """Make a data URI of a file that a style sheet in ``folder`` refers to."""
    if address.startswith(("data:", "#")):
        return address
    parts: list[str] = []
    for part in (folder / re.split(r"[?#]", address, maxsplit=1)[0]).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    name = "/".join(parts)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(read_static(name)).decode('ascii')}"


@lru_cache(maxsize=1)
def _links() -> dict[str, str]:
    """Link names of the manifest that scripts/vendor-assets writes."""
    try:
        links: dict[str, str] = json.loads(read_static("vendor/manifest.json"))["links"]
    except FileNotFoundError:
        raise UnavailableError("the front-end assets are not built: run scripts/vendor-assets") from None
    return links
