"""Tables of paces, in versions that are only added."""

from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from geo_service.errors import ConflictError, Words
from geo_service.roads.paces import Paces, load_paces
from geo_service.store.coverage_tables import pace


def newest(connection: Connection, name: str) -> tuple[Paces, int] | None:
    """Return the paces of a name as they are now, with their version; None if there are none."""
    row = connection.execute(
        select(pace.c.given, pace.c.version)
        .where(pace.c.name == name)
        .order_by(pace.c.version.desc())
        .limit(1)
    ).one_or_none()
    return (load_paces(row.given), row.version) if row else None


def names(connection: Connection) -> list[str]:
    """Return the names that there are."""
    return list(connection.execute(select(pace.c.name).distinct().order_by(pace.c.name)).scalars())


def add(connection: Connection, name: str, given: dict[str, Any], origin: dict[str, Any], who: str) -> int:
    """Write the next version of a table of paces; returns it.

    Raises
    ------
    ConflictError
        Somebody has just written the same version.
    """
    last = connection.execute(
        select(pace.c.version).where(pace.c.name == name).order_by(pace.c.version.desc()).limit(1)
    ).scalar_one_or_none()
    version = (last or 0) + 1
    row = connection.execute(
        insert(pace)
        .values(name=name, version=version, given=given, origin=origin, who=who)
        .on_conflict_do_nothing()
        .returning(pace.c.version)
    ).one_or_none()
    if row is None:
        raise ConflictError(Words("somebody has set these paces meanwhile", "速度表已被他人修改"))
    return version
