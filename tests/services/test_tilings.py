"""Tilings in memory: the least recently used goes, and who builds one holds up nobody else."""

import threading

import pytest

from geo_service.model import Edition
from geo_service.services import tiling as module
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.publishing import publish
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries
from geo_service.store.database import Connection, Database
from tests.services.places import square, table

pytestmark = pytest.mark.postgis


@pytest.fixture
def editions(database: Database) -> list[Edition]:
    """Four editions of a place of two cells, the last one in force."""
    tilings = Tilings(database)
    for number in range(4):
        with database.reading() as connection:
            levels = boundaries.levels(connection)
        cells = {f"west{number}": square(0, 0), "east": square(1, 0)}
        made = draft_import(BoundaryImport(table(cells), "grid"), tilings.get() if number else None, levels)
        publish(database, tilings, made, who="t", note="")
    return Tilings(database).spans()


class Loads:
    """Counts what is loaded, and can hold a load up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.editions: list[int] = []
        self.held: dict[int, threading.Event] = {}
        self.begun = threading.Event()
        self._load = boundaries.load_cells
        monkeypatch.setattr(module.boundaries, "load_cells", self)

    def __call__(self, connection: Connection, edition_id: int) -> object:
        self.editions.append(edition_id)
        if edition_id in self.held:
            self.begun.set()
            assert self.held[edition_id].wait(20)
        return self._load(connection, edition_id)


def test_the_least_recently_used_goes(
    database: Database, editions: list[Edition], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, tilings = Loads(monkeypatch), Tilings(database, size=2)
    first, second, third, in_force = editions
    tilings.load(in_force)
    tilings.load(first)
    tilings.spans()
    assert tilings.at_hand() is tilings.load(in_force)  # used again: now the first is the older one
    tilings.load(second)
    assert tilings.at_hand() is not None
    tilings.load(third)
    assert loads.editions == [in_force.id, first.id, second.id, third.id]


def test_asking_at_hand_counts_as_use(
    database: Database, editions: list[Edition], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, tilings = Loads(monkeypatch), Tilings(database, size=2)
    tilings.load(editions[-1])
    for edition in editions[:-1]:
        tilings.load(edition)
        tilings.spans()
        assert tilings.at_hand() is not None
    assert len(loads.editions) == 4


def test_one_builds_those_who_want_the_same_wait_and_others_go_on(
    database: Database, editions: list[Edition], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, tilings = Loads(monkeypatch), Tilings(database)
    slow, other = editions[0], editions[1]
    loads.held[slow.id] = threading.Event()
    found: list[object] = []
    waiting = [threading.Thread(target=lambda: found.append(tilings.load(slow))) for _ in range(3)]
    for thread in waiting:
        thread.start()
    assert loads.begun.wait(20)
    assert tilings.load(other).edition.id == other.id  # while the slow one is being built
    assert not found
    loads.held[slow.id].set()
    for thread in waiting:
        thread.join(20)
    assert len({id(one) for one in found}) == 1
    assert loads.editions.count(slow.id) == 1
