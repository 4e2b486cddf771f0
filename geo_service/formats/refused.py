"""Columns we refuse to hold: residents, their numbers, their traits. By name, and by what stands in them."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from geo_service.formats.faults import FaultList

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[a-z]+|[0-9]+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_ID_CARD = re.compile(r"[1-9]\d{16}[\dXx]")
_MOBILE = re.compile(r"(\+?86)?1[3-9]\d{9}")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"
_SAMPLED = 2_000


class Purpose(StrEnum):
    """What a file is for; staff may be named, residents never."""

    BOUNDARIES = "boundaries"
    DEMAND = "demand"
    INCIDENTS = "incidents"
    RESPONDERS = "responders"
    SIGN_BOARDS = "sign boards"
    PLACES = "places"


_GROUPS = {
    Purpose.BOUNDARIES: ("everywhere", "contact"),
    Purpose.DEMAND: ("everywhere", "contact"),
    Purpose.INCIDENTS: ("everywhere", "contact"),
    Purpose.RESPONDERS: ("everywhere", "home"),
    Purpose.SIGN_BOARDS: ("everywhere", "home", "reach"),
    Purpose.PLACES: ("everywhere", "contact"),
}


@dataclass(frozen=True, slots=True)
class _Group:
    why: str
    zh: tuple[str, ...]
    en: tuple[str, ...]


@cache
def _lists() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("geo_service.formats").joinpath("refused_columns.toml").read_text("utf-8"))


@cache
def _group(name: str) -> _Group:
    entry = _lists()[name]
    return _Group(entry["why"], tuple(entry["zh"]), tuple(_words(phrase) for phrase in entry["en"]))


def refused(name: str, purpose: Purpose) -> str | None:
    """Return why a column of this name is refused in a file of this purpose, or None.

    A name of a *cell* (``name``, ``名称``) is fine everywhere; a name of a person only for responders, and on
    sign boards, where it hangs in public.
    """
    if _is_count(name):
        return None
    words, han = _words(name), "".join(_HAN.findall(name))
    for group in map(_group, _GROUPS[purpose]):
        if any(entry in han for entry in group.zh) or any(entry in words for entry in group.en):
            return group.why
    return None


def note_refused(columns: Iterable[str], purpose: Purpose, faults: FaultList) -> None:
    """Note a fault for every column that is refused by its name."""
    for name in columns:
        why = refused(name, purpose)
        if why is not None:
            faults.add("personal-data", name, why)


def note_refused_values(name: str, values: Sequence[Any], faults: FaultList) -> None:
    """Note a fault if an innocently named column holds numbers of identity cards or of mobile phones."""
    texts = [str(v).strip() for v in values[:_SAMPLED] if v is not None and str(v).strip()]
    if not texts:
        return
    if 2 * sum(map(is_identity_number, texts)) > len(texts):
        faults.add(
            "personal-data",
            name,
            "holds numbers of identity cards, which are not held here: remove the column",
        )
    elif len(texts) > 1 and 2 * sum(_MOBILE.fullmatch(text) is not None for text in texts) > len(texts):
        faults.add(
            "personal-data",
            name,
            "holds numbers of mobile phones, which are not held here: remove the column",
        )


def is_identity_number(text: str) -> bool:
    """Tell whether a text is a Chinese resident's number: 18 places, a true date of birth, the check digit.

    The check digit is that of GB 11643-1999 (ISO 7064, MOD 11-2).
    """
    if not _ID_CARD.fullmatch(text):
        return False
    try:
        born = date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text, _ID_WEIGHTS, strict=False))
    return 1850 < born.year < 2100 and _ID_CHECKS[total % 11] == text[17].upper()


def _words(name: str) -> str:
    """Return the English words of a name between blanks: ``"residentIdCard"`` → ``" resident id card "``."""
    spaced = _CAMEL.sub(" ", name).lower()
    return f" {' '.join(_WORD.findall(spaced))} "


def _is_count(name: str) -> bool:
    counts = _lists()["counts"]
    words, bare = _words(name), name.strip()
    if any(entry in bare for entry in counts["harmless_zh"]) or any(
        _words(e) in words for e in counts["harmless_en"]
    ):
        return True
    ends = _HAN.findall(bare)
    return (
        bare.endswith(tuple(counts["zh"])) if ends else any(_words(entry) in words for entry in counts["en"])
    )
