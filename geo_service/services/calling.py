"""Calling: who is called on the ladder, for many escalations in a few statements.

Who is called follows the hierarchy by geography as of the incident's date: the cells over its place in the
edition in force then, and who holds them now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from geo_service.services.tiling import Tiling, Tilings, in_force_at
from geo_service.staffing.escalation import Stage, Step, climbs_at, next_call, roles_held, rungs_from
from geo_service.store import boundaries, escalations, incidents, outbox, owners
from geo_service.store.database import Connection

WATCHER = "watcher"
#: An edition, and a cell in it; None where nobody knows.
Place = tuple[Tiling | None, int | None]


@dataclass(frozen=True, slots=True)
class Way:
    """The cells upwards from a place, and who holds each of them now."""

    cell_ids: tuple[int, ...]
    levels: tuple[str, ...]
    holders: Mapping[int, Sequence[Mapping[str, Any]]]

    def steps(self) -> list[Step]:
        """Return the way as the ladder takes it."""
        pairs = zip(self.cell_ids, self.levels, strict=True)
        return [Step(key, level, roles_held(self.holders.get(key, ()))) for key, level in pairs]

    def people(self, at: int, roles: Sequence[str], on_duty: frozenset[int]) -> list[dict[str, Any]]:
        """Return who is called at a step."""
        return [
            {"responder": one["responder"], "name": one["name"], "role": one["role"]}
            | {"on_duty": one["responder_id"] in on_duty}
            for one in self.holders.get(self.cell_ids[at], ())
            if not roles or one["role"] in roles
        ]


@dataclass(frozen=True, slots=True)
class Call:
    """Who is called for an escalation: on which rung (-1: by hand), the holders of which cell."""

    escalation: Mapping[str, Any]
    rung: int
    cell_id: int
    people: list[dict[str, Any]]


def places(connection: Connection, tilings: Tilings, keys: Sequence[UUID]) -> dict[UUID, Place]:
    """Return for each incident the edition in force when it happened, and its cell there.

    In no cell that is the cell that answers for the gap; None where nobody knows.
    """
    found = incidents.several(connection, keys)
    spans = boundaries.spans_in_force(connection)
    out: dict[UUID, Place] = {}
    outside: dict[int, list[UUID]] = {}
    for key, one in found.items():
        edition = in_force_at(spans, one["occurred_at"])
        tiling = tilings.load(edition, connection) if edition else None
        out[key] = tiling, one["cell_id"] if tiling else None
        if tiling and one["cell_id"] is None and one["lon"] is not None:
            outside.setdefault(tiling.edition.id, []).append(key)
    for edition_id, lost in outside.items():
        points = [(found[key]["lon"], found[key]["lat"]) for key in lost]
        for key, gap in zip(lost, owners.gaps_at(connection, points, edition_id), strict=True):
            tiling = out[key][0]
            if tiling and gap is not None and gap["fallback"] is not None:
                fallback = gap["fallback"]
                out[key] = tiling, tiling.id_of_cell(fallback["level"], fallback["cell_code"])
    return out


def ways(connection: Connection, starts: Sequence[Place], now: datetime) -> list[Way]:
    """Return the way up from each place."""
    paths = [tiling.id_path_of_cell(key) if tiling and key is not None else [] for tiling, key in starts]
    held = owners.holders(connection, {key for path in paths for key in path}, now)
    out = []
    for (tiling, key), path in zip(starts, paths, strict=True):
        named = tiling.path_of_cell(key) if tiling and key is not None else []
        levels = tuple(cell["level"] for cell in reversed(named))
        out.append(Way(tuple(path), levels, held))
    return out


def climb(
    connection: Connection,
    tilings: Tilings,
    on_duty: frozenset[int],
    climbing: Sequence[Mapping[str, Any]],
    now: datetime,
) -> None:
    """Call the next rung of each escalation; with nobody left it stands as it is and climbs no more.

    The way up begins at the incident's place for a card, at the cell called last for a whistle.
    """
    if not climbing:
        return
    place_of = places(connection, tilings, [one["incident_id"] for one in climbing])
    starts = []
    for one in climbing:
        tiling, cell_id = place_of.get(one["incident_id"], (None, None))
        by_hand = one["kind"] == "whistle" and one["cell_id"] is not None
        starts.append((tiling, one["cell_id"] if by_hand else cell_id))
    calls, ended = [], []
    for one, way in zip(climbing, ways(connection, starts, now), strict=True):
        above = way.cell_ids.index(one["cell_id"]) if one["cell_id"] in way.cell_ids else -1
        rungs = rungs_from(one["rungs"])
        called = next_call(rungs, way.steps(), rung=max(0, one["rung"] + 1), above=above)
        if called is None:
            ended.append(one["id"])
            continue
        people = way.people(called.step, rungs[called.rung].roles, on_duty)
        calls.append(Call(one, called.rung, way.cell_ids[called.step], people))
    escalations.stop_climbing(connection, ended)
    call(connection, calls, now, who=WATCHER)


def call(connection: Connection, calls: Sequence[Call], now: datetime, *, who: str) -> None:
    """Write down who is called, and tell of it."""
    if not calls:
        return
    changes, lines = [], []
    for one in calls:
        kept = one.escalation
        when = climbs_at(
            Stage.CALLED,
            rungs_from(kept["rungs"])[one.rung] if one.rung >= 0 else None,
            now,
            request_s=kept["request_s"],
            by_hand=kept["kind"] == "whistle",
        )
        place = {"rung": one.rung, "cell_id": one.cell_id}
        changes.append({"id": kept["id"], "climbs_at": when, **place})
        lines.append(
            {
                "escalation_id": kept["id"],
                "at": now,
                "who": who,
                "what": "call",
                "people": one.people,
                **place,
            }
        )
    escalations.call(connection, changes)
    escalations.write_lines(connection, lines)
    people_of = {one.escalation["id"]: one.people for one in calls}
    tell(
        connection,
        "escalation.called",
        list(people_of),
        who,
        {k: {"people": v} for k, v in people_of.items()},
    )


def tell(
    connection: Connection,
    topic: str,
    keys: Sequence[int],
    who: str,
    more: Mapping[int, Mapping[str, Any]] | None = None,
) -> None:
    """Queue an event about each of these escalations as it stands now."""
    names = ("id", "incident_id", "kind", "phase", "colour", "stage", "rung", "level", "cell_code")
    events = []
    for one in escalations.several(connection, keys):
        body = {name: one[name] for name in names} | {"incident_id": str(one["incident_id"]), "who": who}
        events.append({**body, **(more or {}).get(one["id"], {})})
    outbox.add_many(connection, topic, events)
