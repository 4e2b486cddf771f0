"""Contrast of what a page shows, by WCAG 2.2: 4.5 for text, 3 for large text and the edges of fields."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_FAINT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8").partition("*/")[2].strip()


def faint(page: Page) -> list[dict[str, Any]]:
    """Return what does not stand out enough on the page as it is shown now."""
    found = page.evaluate(_FAINT)
    assert found["texts"] > 5, "nothing is shown"
    return list(found["faint"])
