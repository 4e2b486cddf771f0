"""A phone of the demo: a key that acts for a worker who has rounds this week."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from geo_service.model import Role
from geo_service.services import desk, identity
from geo_service.services.rostering import town_zone
from geo_service.services.week_lists import monday_of
from geo_service.store import desk as links
from geo_service.store import principals, rounds, routes
from geo_service.store.database import Database

WHO = "demo"


@dataclass(frozen=True, slots=True)
class DemoWorker:
    """A worker and the key of his phone, which cannot be had a second time."""

    code: str
    name: str
    key: str


def first_phone(database: Database, now: datetime) -> DemoWorker | None:
    """Make a key for a worker with rounds this week; None where a phone is linked, or nobody has rounds.

    Of those with rounds it is who has most to visit yet, fixed routes before none.
    """
    with database.reading() as connection:
        zone = town_zone(connection)
        today = now.astimezone(zone).date()
        monday = monday_of(today)
        stops = rounds.stops(connection, monday, zone.key)
        walks = {row["responder"] for row in routes.turns(connection, monday) if row["day"] >= today}
        taken = links.links(connection)
    due = Counter(
        (row["responder"], row["name"]) for row in stops if row["visited_at"] is None and row["day"] >= today
    )
    if taken or not due:
        return None
    code, name = max(due, key=lambda who: (who[0] in walks, due[who], who[0]))
    called = f"phone of {code}"
    with database.reading() as connection:
        if principals.name_is_taken(connection, called):
            return None
    made, key = identity.issue(database, called, Role.WORKER, by=WHO)
    desk.link(database, made.id, code, by=WHO)
    return DemoWorker(code, name, key)
