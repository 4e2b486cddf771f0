"""Who can be there soonest: the nearest people who are on duty, free and able, with what speaks for each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import InvalidInputError, NotFoundError, Words
from geo_service.model import Mode
from geo_service.roads.route import Route, find_route
from geo_service.roads.snap import Snaps
from geo_service.services.board import MAX_STREET_M, Picture, Source
from geo_service.services.candidate_notes import Teller, Way
from geo_service.services.duty_book import Book, Team
from geo_service.services.homes import Kin
from geo_service.staffing.desk import Desk
from geo_service.store.dispatches import Sending

MOST_K = 20
#: So many who are nearer but cannot be sent are named.
PASSED_OVER = 5
#: One search of the roads finds at most so many; the members of teams are looked for team by team.
_MEMBERS = 64


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes
    ----------
    lon, lat : float
        The place, EPSG:4326 degrees.
    k : int
        How many local ones, 1 to :data:`MOST_K`.
    modes : frozenset of Mode
        Who travels so; empty for all.
    capabilities : frozenset of str
        What he must be able to do.
    climb_s : float
        From the street door to the floor.
    within_s : float or None
        Who needs longer is left out; the desk's setting by default.
    declined : mapping of int to str
        Who has declined (id of the responder) and why: they are passed over.
    """

    lon: float
    lat: float
    k: int = 5
    modes: frozenset[Mode] = frozenset()
    capabilities: frozenset[str] = frozenset()
    climb_s: float = 0.0
    within_s: float | None = None
    declined: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """Who could be sent: one person, or a team. ``travel_ms`` is the time to the street door."""

    row: int
    travel_ms: int
    team: Team | None = None
    members: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Who can be there soonest, and who is nearer but cannot be sent.

    ``local`` come first, by time; ``aid`` are those of other areas: as many as are wanting, and whoever of
    them would be there before all local ones.
    """

    local: list[Found]
    aid: list[Found]
    passed_over: list[Found]


class Search:
    """One question put to one picture."""

    def __init__(self, picture: Picture, desk: Desk, question: Question) -> None:
        self.picture = picture
        self.desk = desk
        self.question = question
        book, duty = picture.book, picture.duty
        modes = question.modes or frozenset(picture.streets)
        self._modes = [mode for mode in picture.streets if mode in modes]
        self._place = {mode: self._snap(mode) for mode in self._modes}
        within_s = question.within_s if question.within_s is not None else desk.within_s
        self._bound_ms = int(max(0.0, within_s) * 1000)
        self.busy = np.zeros(len(book), np.bool_)
        self.busy[list(picture.sent)] = True
        self.refusing = np.zeros(len(book), np.bool_)
        self.refusing[[book.row_of_id[key] for key in question.declined if key in book.row_of_id]] = True
        #: On duty, at no post, not sent.
        self.free = duty.on & (duty.post < 0) & ~self.busy
        self.willing = self.free & ~self.refusing
        self.able = book.able(question.capabilities)
        self.leaf = picture.homes.leaf(question.lon, question.lat) if picture.homes else -1
        self.kin = picture.homes.kin(self.leaf) if picture.homes else _everybody_local(len(book))

    def answer(self) -> Answer:
        """Find the candidates."""
        can = self.willing & self.able
        k = self.question.k
        teams = self._teams()
        near = self.kin.local
        local = self._first(can & near, k, [one for one in teams if near[one.row]], self._bound_ms)
        # with enough of them only who would be there before all of them is looked for
        bound_ms = local[0].travel_ms - 1 if len(local) >= k else self._bound_ms
        aid = self._first(can & ~near, k, [one for one in teams if not near[one.row]], bound_ms)
        soonest = local[0].travel_ms if local else 0
        aid = [one for i, one in enumerate(aid) if i < k - len(local) or one.travel_ms < soonest]
        shown = [one.travel_ms for one in (*local, *aid)]
        bound_ms = max(shown) if len(shown) >= k else self._bound_ms
        others = self.picture.duty.on & ~can
        return Answer(local, aid, self._people(others, PASSED_OVER, bound_ms))

    def times(self, rows: Iterable[int]) -> dict[int, int]:
        """Return how long certain people need, whatever they are at; without those who cannot come at all."""
        mask = np.zeros(len(self.picture.book), np.bool_)
        mask[list(rows)] = True
        # no more than there are: who looks for another goes over the whole town
        return {one.row: one.travel_ms for one in self._people(mask, min(_MEMBERS, int(mask.sum())), None)}

    def route(self, row: int) -> Route | None:
        """Return somebody's way to the place; None when there is none or it is not known where he is."""
        mode = self.picture.book.modes[row]
        at = self.picture.place_deg[row]
        streets = self.picture.streets.get(mode)
        if streets is None or not np.isfinite(at).all():
            return None
        start = streets.snapper.snap(at[None, :], MAX_STREET_M)
        goal = self._place[mode] if mode in self._place else self._snap(mode)
        return find_route(streets.graph, start, goal)

    def _snap(self, mode: Mode) -> Snaps:
        place = np.array([[self.question.lon, self.question.lat]])
        return self.picture.streets[mode].snapper.snap(place, MAX_STREET_M)

    def _people(self, mask: NDArray[np.bool_], k: int, bound_ms: int | None) -> list[Found]:
        """Return the ``k`` soonest of some, of all modes together."""
        found: list[tuple[int, int]] = []
        for mode in self._modes:
            fleet = self.picture.streets[mode].fleet
            if len(mask) != fleet.capacity or not (mask & self.picture.book.in_mode[mode]).any():
                continue  # or the search would go over the whole town in vain
            rows, ms = fleet.nearest(self._place[mode], k, bound_ms=bound_ms, available=mask)
            found += zip(ms.tolist(), rows.tolist(), strict=True)
        return [Found(row, ms) for ms, row in sorted(found)[:k]]

    def _first(self, mask: NDArray[np.bool_], k: int, teams: list[Found], bound_ms: int) -> list[Found]:
        people = self._people(mask, k, bound_ms) if bound_ms >= 0 else []
        return sorted([*people, *teams], key=lambda one: (one.travel_ms, one.team is None, one.row))[:k]

    def _teams(self) -> list[Found]:
        """Return the teams of which enough are free and near, each with the time of the last of them."""
        book = self.picture.book
        out = []
        for team in book.teams:
            members = self._ready(team)
            if len(members) < max(2, team.least):
                continue
            can = team.capabilities.union(*(book.capabilities[row] for row, _ in members))
            if self.question.capabilities <= can:
                last = max(time for _, time in members)
                out.append(Found(members[0][0], last, team, members))
        return out

    def team(self, code: str) -> list[int]:
        """Return who of a team goes when it is sent: those with whom it is shown, the lead first.

        Raises
        ------
        NotFoundError
            There is no such team.
        InvalidInputError
            Too few of it are on duty, free, willing and near.
        """
        team = team_of(self.picture.book, code)
        return enough(team, [row for row, _ in self._ready(team)])

    def _ready(self, team: Team) -> tuple[tuple[int, int], ...]:
        """Return who of a team is free, willing and near, the lead first, each with his time."""
        mask = np.zeros(len(self.picture.book), np.bool_)
        mask[list(team.members)] = True
        mask &= self.willing
        k = min(_MEMBERS, int(mask.sum()))  # no more than there are, as in times
        ms = {one.row: one.travel_ms for one in self._people(mask, k, self._bound_ms)}
        return tuple((row, ms[row]) for row in team.members if row in ms)


def _everybody_local(n: int) -> Kin:
    return Kin(np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.ones(n, np.bool_))


def shown(search: Search, answer: Answer) -> dict[str, Any]:
    """Return an answer as a JSON object."""
    teller = Teller(search.picture, search.desk, search.kin, search.leaf, search.free)
    question = search.question

    def way(one: Found) -> Way:
        return Way(one.row, one.travel_ms / 1000.0, question.climb_s, question.lon, question.lat)

    def candidate(one: Found) -> dict[str, Any]:
        told = teller.candidate(way(one), question.capabilities)
        if one.team is not None:
            told |= teller.team(
                one.team, [way(Found(row, ms)) for row, ms in one.members], question.capabilities
            )
        return told

    unplaced = search.picture.duty.on & (search.picture.source == Source.NONE)
    return {
        "at": datetime.fromtimestamp(search.picture.at_s, UTC),
        "candidates": [candidate(one) for one in (*answer.local, *answer.aid)],
        "passed_over": [
            teller.passed_over(way(one), question.capabilities, question.declined)
            for one in answer.passed_over
        ],
        "on_duty": int(search.picture.duty.on.sum()),
        "free": int(search.free.sum()),
        "without_place": int(unplaced.sum()),
    }


def rows_of(picture: Picture, codes: Iterable[str]) -> list[int]:
    """Return the rows of people by code.

    Raises
    ------
    NotFoundError
        Somebody is not known.
    """
    rows = []
    for code in codes:
        row = picture.book.row_of_code.get(code)
        if row is None:
            raise NotFoundError(Words(f"there is no responder {code!r}", f"没有编号为 {code} 的人员"))
        rows.append(row)
    return rows


def team_of(book: Book, code: str) -> Team:
    """Return a team by code.

    Raises
    ------
    NotFoundError
        There is no such team.
    """
    team = next((one for one in book.teams if one.code == code), None)
    if team is None:
        raise NotFoundError(Words(f"there is no team {code!r}", f"没有编号为 {code} 的队伍"))
    return team


def enough(team: Team, rows: list[int]) -> list[int]:
    """Return who of a team can go now.

    Raises
    ------
    InvalidInputError
        They are too few.
    """
    if len(rows) < max(1, team.least):
        raise InvalidInputError(
            Words(
                f"of team {team.name} only {len(rows)} can go now; it takes {team.least}",
                f"队伍 {team.name} 目前仅 {len(rows)} 人可派，至少需要 {team.least} 人",
            )
        )
    return rows


def sendings(search: Search, rows: list[int], *, lead: int | None) -> list[Sending]:
    """Return people as they are to be sent, with what the roads say of their ways."""
    picture = search.picture
    ms = search.times(rows)
    out = []
    for row in rows:
        known = bool(np.isfinite(picture.place_deg[row]).all())
        at = (float(picture.place_deg[row, 0]), float(picture.place_deg[row, 1])) if known else None
        travel_s = ms[row] / 1000.0 if row in ms else None
        mode = picture.book.modes[row].value
        out.append(Sending(int(picture.book.ids[row]), row == lead, travel_s, mode, at))
    return out
