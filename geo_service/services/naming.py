"""Incidents as people name them: what it is, where, since when, and under which number it was reported."""

from uuid import UUID

from geo_service.errors import Words
from geo_service.services.rostering import town_zone
from geo_service.store import naming as store
from geo_service.store.database import Connection


def incident_words(connection: Connection, key: UUID) -> Words:
    """Return words for an incident, such as ``street light, 22 Nov 14:05 (hotline 2026-118)``.

    Its own id where there is no such incident.
    """
    found = store.facts(connection, key)
    if found is None:
        return Words(str(key), str(key))
    at = found.occurred_at.astimezone(town_zone(connection))
    number = "" if _is_made_up(found.source_id) else f"{found.source} {found.source_id}"
    what_zh, what_en = found.name_zh or "事件", found.name_en or "incident"
    place = f", {found.address}" if found.address else ""
    number_en, number_zh = (f" ({number})", f"，{number}") if number else ("", "")
    return Words(
        f"{what_en}{place}, {at:%d %b %H:%M}{number_en}",
        f"“{what_zh}{'　' + found.address if found.address else ''}”（{at:%m月%d日 %H:%M}{number_zh}）",
    )


def _is_made_up(number: str) -> bool:
    """Tell whether a report's number was drawn by a page or a program: nobody knows it by heart."""
    try:
        return bool(UUID(number))
    except ValueError:
        return False
