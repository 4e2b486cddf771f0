"""Cells of a plan by name or code."""

from geo_service.planning.register import CellKey, CellRecord
from geo_service.services.plan_state import PlanState


def find_cells(state: PlanState, text: str, limit: int) -> list[CellKey]:
    """Return the cells whose name or code holds a text, whatever its case; the likeliest first.

    What is wholly alike comes before what begins alike, that before the rest; of these upper levels come
    first, then the smaller code.
    """
    wanted = text.strip().casefold()
    if not wanted:
        return []
    register = state.redraw.register
    found = []
    for record in register:
        likeness = _likeness(record, wanted)
        if likeness is not None:
            found.append((likeness, register.depth(record.level), record.code, record.key))
    return [key for *_, key in sorted(found)[:limit]]


def _likeness(record: CellRecord, wanted: str) -> int | None:
    """Return 0 for the same, 1 for the same beginning, 2 for a part; None for nothing alike."""
    texts = (record.name.casefold(), record.code.casefold())
    if wanted in texts:
        return 0
    if any(text.startswith(wanted) for text in texts):
        return 1
    return 2 if any(wanted in text for text in texts) else None
