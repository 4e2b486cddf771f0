import hashlib
import json
import re
from pathlib import Path

import pytest

from geo_service.web import assets
from geo_service.web.pages import CONTENT_SECURITY_POLICY, docs_page, favicon, landing_page

ROOT = Path(__file__).resolve().parents[2]
VENDOR = assets.STATIC_DIR / "vendor"
MANIFEST = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))


def test_every_vendored_file_is_the_one_of_the_manifest() -> None:
    for name, digest in MANIFEST["sha256"].items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name
    here = {str(p.relative_to(VENDOR)) for p in VENDOR.rglob("*") if p.is_file()}
    assert here == {*MANIFEST["sha256"], "manifest.json"}


def test_style_sheets_refer_to_files_that_are_there() -> None:
    for sheet in [*VENDOR.rglob("*.css"), *(assets.STATIC_DIR / "css").glob("*.css")]:
        for address in re.findall(r"url\(\s*['\"]?([^'\")]+)", sheet.read_text(encoding="utf-8")):
            if not address.startswith(("data:", "#")):
                assert not re.match(r"(?i)([a-z]+:)?//", address), (sheet, address)
                assert (sheet.parent / re.split(r"[?#]", address)[0]).is_file(), (sheet, address)


def test_notice_names_every_package_that_is_shipped() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text(encoding="utf-8"))
    shipped = {
        "/".join(name.split("/")[: 2 if name.startswith("@") else 1]) for name in MANIFEST["links"].values()
    }
    for package in shipped - {"generated"}:
        version = lock["packages"][f"node_modules/{package}"]["version"]
        assert f"  {package} {version} (" in notice
    licences = (VENDOR / "LICENSES.txt").read_text(encoding="utf-8")
    for line in re.findall(r"^  (\S+ \S+) \(", notice, re.MULTILINE):
        assert f"\n{line}\n" in licences


def test_lock_file_has_integrity_and_no_addresses() -> None:
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert not any("resolved" in one for one in packages.values())


def test_address_changes_with_the_content() -> None:
    digest = hashlib.sha256((assets.STATIC_DIR / "css" / "site.css").read_bytes()).hexdigest()
    assert assets.static_url("css/site.css") == f"/static/css/site.css?v={digest[:12]}"
    with pytest.raises(KeyError):
        assets.vendored("no such link")


def test_self_contained_text_cannot_end_its_element(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text('x = "</SCRIPT><!-- <b>";', encoding="utf-8")
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "a.css").write_text(
        "i{background:url( '../p.png?x#y' )}b{content:'</style>'}", encoding="utf-8"
    )
    (tmp_path / "p.png").write_bytes(b"png")
    monkeypatch.setattr(assets, "STATIC_DIR", tmp_path)
    assets.read_static.cache_clear()
    try:
        assert assets.self_contained("a.js") == 'x = "\\x3c/SCRIPT>\\x3c!-- <b>";'
        assert assets.self_contained("css/a.css") == (
            "i{background:url(\"data:image/png;base64,cG5n\")}b{content:'<\\/style>'}"
        )
    finally:
        assets.read_static.cache_clear()


@pytest.mark.parametrize("page", [landing_page(), docs_page("/openapi.json")], ids=["landing", "docs"])
def test_pages_refer_to_nothing_outside_and_run_nothing_inline(page: str) -> None:
    assert not re.search(r"https?://", page)
    assert "{{" not in page
    assert not re.search(r"<script>|onclick|style=", page)
    for file in re.findall(r'(?:src|href)="/static/([^"?]+)', page):
        assert (assets.STATIC_DIR / file).is_file()
    assert "unsafe-inline" not in re.search(r"script-src ([^;]+)", CONTENT_SECURITY_POLICY)[1]


def test_docs_page_escapes_what_it_is_given() -> None:
    assert 'data-openapi-url="/a&quot;&lt;b"' in docs_page('/a"<b')
    assert favicon().startswith(b"<svg")


def test_our_scripts_are_strict_and_ask_nothing_outside() -> None:
    for script in (assets.STATIC_DIR / "js").glob("*.js"):
        text = script.read_text(encoding="utf-8")
        assert '"use strict";' in text[:400], script
        assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|document\.write|eval\(", text), script
        assert len(text.splitlines()) <= 300
