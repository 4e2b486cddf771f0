"""Who answers for a place: who holds its cell, who of them is on duty, and whose premises it is on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from geo_service.services import rostering
from geo_service.services.tiling import Tiling
from geo_service.store import owners
from geo_service.store.at_once import Question
from geo_service.store.database import Connection


def at_moment(connection: Connection, at: datetime) -> frozenset[int]:
    """Return the ids of the responders on duty at a moment."""
    return frozenset(shift.responder_id for shift in rostering.working_at(connection, at)[0])


def owners_of(
    connection: Connection,
    tiling: Tiling,
    cell_ids: Sequence[int | None],
    at: datetime,
    on_duty: frozenset[int] | None = None,
) -> list[dict[str, Any]]:
    """Return who answers for each cell at a moment.

    Each answer has ``owner``: those who hold the cell or, where nobody does, the nearest cell above it that
    somebody holds; and ``above``: who holds each of the cells over that, upwards. With ``on_duty`` (ids)
    each person is said to be on duty or not. None stands for no cell.
    """
    return owners_at(connection, [(tiling, key, at) for key in cell_ids], on_duty)


def owners_at(
    connection: Connection,
    asked: Sequence[tuple[Tiling | None, int | None, datetime]],
    on_duty: frozenset[int] | None = None,
) -> list[dict[str, Any]]:
    """Return who answers for cells, each of its own edition and at its own moment, as :func:`owners_of`."""
    return owners_question(asked, on_duty).ask(connection)


def owners_question(
    asked: Sequence[tuple[Tiling | None, int | None, datetime]], on_duty: frozenset[int] | None = None
) -> Question[list[dict[str, Any]]]:
    """Return the question of :func:`owners_at`."""
    paths = [tiling.id_path_of_cell(key) if tiling and key is not None else [] for tiling, key, _ in asked]
    moments = [at for _, _, at in asked]
    held = owners.holders_question(
        {(key, at) for path, at in zip(paths, moments, strict=True) for key in path}
    )

    def read(rows: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
        found = held.read(rows)
        answers = []
        for (tiling, _, at), path in zip(asked, paths, strict=True):
            holders = [(key, found.get((key, at), [])) for key in path]
            answers.append(_answer(tiling, holders, on_duty) if tiling else {"owner": None, "above": []})
        return answers

    return Question(held.words, held.values, read)


def _answer(
    tiling: Tiling, holders: list[tuple[int, list[dict[str, Any]]]], on_duty: frozenset[int] | None
) -> dict[str, Any]:
    steps = []
    for key, held in holders:
        people = []
        for one in held:
            person = {name: value for name, value in one.items() if name != "responder_id"}
            people.append(person if on_duty is None else person | {"on_duty": one["responder_id"] in on_duty})
        if people:
            cell = tiling.path_of_cell(key)[-1]
            steps.append({"level": cell["level"], "cell_code": cell["code"], "people": people})
    return {"owner": steps[0] if steps else None, "above": steps[1:]}
