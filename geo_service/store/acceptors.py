"""Who accepted the incidents that wait for somebody."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, and_, select

from geo_service.staffing.life import ENDED, Move
from geo_service.store import scopes
from geo_service.store.dispatch_tables import incident_life, incident_log


def of_open(
    connection: Connection, *, scope: Collection[int] = (), incident_id: UUID | None = None
) -> Sequence[tuple[UUID, str, datetime]]:
    """Return id, who and when of each open incident that has been accepted, as it was accepted last.

    ``scope``: cells to which the caller is confined; empty: to none.
    """
    query = (
        select(incident_log.c.incident_id, incident_log.c.who, incident_log.c.at)
        .join(incident_life, incident_life.c.incident_id == incident_log.c.incident_id)
        .where(
            and_(
                incident_log.c.move == Move.ACCEPT.value,
                incident_life.c.accepted_at.is_not(None),
                incident_life.c.status.not_in([one.value for one in ENDED]),
            )
        )
        .where(scopes.placed_within(incident_log.c.incident_id, scope))
        .distinct(incident_log.c.incident_id)
        .order_by(incident_log.c.incident_id, incident_log.c.id.desc())
    )
    if incident_id is not None:
        query = query.where(incident_log.c.incident_id == incident_id)
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]
