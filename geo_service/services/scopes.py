"""What a key for a part of the town may see: everything else is not there for it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from geo_service.errors import NotFoundError, Words
from geo_service.model import Principal, Role
from geo_service.store import scopes
from geo_service.store.database import Connection, Database


def require_sight(connection: Connection, who: Principal, key: UUID) -> None:
    """Raise unless the caller sees an incident: one of another part of the town is not there for him.

    Raises
    ------
    NotFoundError
        With the same words as for an incident that there is none of.
    """
    if who.scope and not scopes.seen(connection, who.scope, [key]):
        raise NotFoundError(Words(f"there is no incident {key}", f"没有编号为 {key} 的事件"))


def require_sight_of_path(database: Database, who: Principal, parameters: Mapping[str, Any]) -> None:
    """Raise unless the caller sees the incident that an address names, itself or by a dispatch.

    ``parameters`` are those of the path; what is no id is left to whoever reads it.
    """
    if not who.scope:
        return
    own_only = who.role is Role.WORKER  # sent across a border, he sees where he is sent
    try:
        key = UUID(str(parameters["incident_id"])) if "incident_id" in parameters else None
        number = int(parameters["dispatch_id"]) if "dispatch_id" in parameters else None
    except ValueError:
        return
    if key is None and (number is None or not 0 < number < 2**63):
        return
    with database.reading() as connection:
        if number is not None:
            sent_to = scopes.incident_of_dispatch(connection, number)
            outside = sent_to is not None and not scopes.seen(connection, who.scope, [sent_to])
            if outside and not own_only:
                raise NotFoundError(Words(f"there is no dispatch {number}", f"没有编号为 {number} 的派单"))
        if key is not None and not (own_only and scopes.was_sent(connection, who.id, key)):
            require_sight(connection, who, key)
