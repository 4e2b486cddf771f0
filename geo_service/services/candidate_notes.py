"""What is said of each candidate: figures, reasons and shortfalls."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.plain import metres_per_degree
from geo_service.services.board import Picture, Source
from geo_service.services.duty_book import Team
from geo_service.services.homes import Kin
from geo_service.staffing.desk import Desk
from geo_service.staffing.notes import note, of_member


@dataclass(frozen=True, slots=True)
class Way:
    """Somebody's way to a place (EPSG:4326): over the streets, and up to the floor."""

    row: int
    travel_s: float
    climb_s: float
    lon: float
    lat: float

    @property
    def total_s(self) -> float:
        """Until he stands there."""
        return self.travel_s + self.climb_s


@dataclass(frozen=True)
class Teller:
    """Says what there is to say about people, in one picture and for one place."""

    picture: Picture
    desk: Desk
    kin: Kin
    leaf: int
    free: NDArray[np.bool_]

    def candidate(self, way: Way, wanted: Iterable[str]) -> dict[str, Any]:
        """Return what is said of somebody who can be sent."""
        return {
            **self._person(way),
            "relation": self._relation(way.row),
            "shift_left_s": self._shift_left_s(way.row),
            "reasons": self._reasons(way.row, sorted(wanted)),
            "shortfalls": self._shortfalls(way),
        }

    def team(self, team: Team, members: list[Way], wanted: Iterable[str]) -> dict[str, Any]:
        """Return what a candidate has besides, or instead, when he leads a team.

        The figures are those of whoever arrives last; what speaks against a member is said under his name.
        """
        book = self.picture.book
        last = max(members, key=lambda way: way.travel_s)
        figures = self._person(last)
        return {
            "kind": "team",
            "mode": figures["mode"],
            "straight_m": figures["straight_m"],
            "shift_left_s": min(self._shift_left_s(way.row) for way in members),
            "reasons": self._team_reasons(members, sorted(wanted)),
            "shortfalls": self._team_shortfalls(members),
            "team": {
                "code": team.code,
                "name": team.name,
                "members": [
                    {
                        "responder": book.codes[way.row],
                        "name": book.names[way.row],
                        "travel_s": round(way.travel_s, 1),
                        "minutes": _minutes(way),
                    }
                    for way in members
                ],
                "last": book.codes[last.row],
                "note": note("team", team=team.name, count=len(members)),
            },
        }

    def _team_reasons(self, members: list[Way], wanted: list[str]) -> list[dict[str, Any]]:
        """Return the reasons of the lead, and the oldest position if all have a recent one."""
        out = [one for one in self._reasons(members[0].row, wanted) if one["code"] != "live"]
        if all(self.picture.source[way.row] == Source.FIX for way in members):
            out.append(note("live", fix_age_s=max(self._fix_age_s(way.row) or 0 for way in members)))
        return out

    def _team_shortfalls(self, members: list[Way]) -> list[dict[str, Any]]:
        """Return what speaks against each member; a cell that is left bare is named once."""
        book = self.picture.book
        leaving = np.zeros(len(book), np.bool_)
        leaving[[way.row for way in members]] = True
        out, bare = [], set()
        for way in members:
            for one in self._shortfalls(way, leaving):
                if one["code"] == "leaves_uncovered":
                    if one["cell"] in bare:
                        continue
                    bare.add(one["cell"])
                out.append(of_member(one, book.codes[way.row], book.names[way.row]))
        return out

    def passed_over(self, way: Way, wanted: Iterable[str], declined: Mapping[int, str]) -> dict[str, Any]:
        """Return what is said of somebody who is nearer but cannot be sent."""
        return {
            **self._person(way),
            "relation": self._relation(way.row),
            "reasons": self._hindrances(way.row, wanted, declined),
        }

    def _person(self, way: Way) -> dict[str, Any]:
        picture, row = self.picture, way.row
        lon, lat = (float(x) for x in picture.place_deg[row])
        east, north = (float(x) for x in metres_per_degree((lat + way.lat) / 2))
        return {
            "kind": "person",
            "responder": picture.book.codes[row],
            "name": picture.book.names[row],
            "role": picture.book.roles[row],
            "mode": picture.book.modes[row].value,
            "minutes": _minutes(way),
            "travel_s": round(way.travel_s, 1),
            "climb_s": round(way.climb_s, 1),
            "straight_m": round(float(np.hypot((lon - way.lon) * east, (lat - way.lat) * north))),
            "position": {
                "lon": lon,
                "lat": lat,
                "source": Source(int(picture.source[row])).name.lower(),
                "fix_age_s": self._fix_age_s(row),
            },
        }

    def _fix_age_s(self, row: int) -> int | None:
        at_s = float(self.picture.fix_at_s[row])
        return None if np.isnan(at_s) else max(0, round(self.picture.at_s - at_s))

    def _shift_left_s(self, row: int) -> int:
        return max(0, round(float(self.picture.duty.ends_s[row]) - self.picture.at_s))

    def _relation(self, row: int) -> str:
        if self.kin.own[row]:
            return "own_cell"
        if not self.kin.local[row]:
            return "mutual_aid"
        if self.kin.beside[row]:
            return "neighbour"
        return "local" if self._holds_any[row] else "unattached"

    @cached_property
    def _holds_any(self) -> NDArray[np.bool_]:
        out = np.zeros(len(self.picture.book), np.bool_)
        if self.picture.homes:
            out[self.picture.homes.held[0]] = True
        return out

    def _cells(self, row: int) -> list[int]:
        return self.picture.homes.cells_of(row) if self.picture.homes else []

    def _reasons(self, row: int, wanted: list[str]) -> list[dict[str, Any]]:
        relation = self._relation(row)
        out = []
        if relation in {"own_cell", "neighbour"}:
            out.append(self._cell_note(relation, self._telling_cell(row, relation)))
        elif relation != "mutual_aid":
            out.append(note(relation))
        if wanted:
            out.append(note("capable", capabilities=wanted))
        if self.picture.source[row] == Source.FIX:
            out.append(note("live", fix_age_s=self._fix_age_s(row)))
        return out

    def _cell_note(self, code: str, cell: int) -> dict[str, Any]:
        """Return a note about a cell: its code for programs, in the words its name if it has one."""
        homes = self.picture.homes
        if homes is None or cell < 0:
            return note(code, cell="", cell_name="")
        return note(code, cell=homes.code(cell), cell_name=homes.name(cell) or homes.code(cell))

    def _telling_cell(self, row: int, relation: str) -> int:
        """Return the cell by which he stands so to the place, the smallest one; -1 for none."""
        held = self._cells(row)
        if relation == "own_cell":
            cells = [one for one in self._path if one in held][-1:]
        else:
            cells = [one for one in held if one in self._beside]
        return cells[0] if cells else -1

    @cached_property
    def _path(self) -> list[int]:
        homes = self.picture.homes
        return homes.path(self.leaf).tolist() if homes and self.leaf >= 0 else []

    @cached_property
    def _beside(self) -> frozenset[int]:
        homes = self.picture.homes
        return frozenset(homes.beside(self.leaf).tolist()) if homes and self.leaf >= 0 else frozenset()

    def _shortfalls(self, way: Way, leaving: NDArray[np.bool_] | None = None) -> list[dict[str, Any]]:
        """Return what speaks against somebody who goes alone, or with all who are ``leaving``."""
        picture, row = self.picture, way.row
        out = []
        if self._relation(row) == "mutual_aid" and picture.homes:
            out.append(self._cell_note("mutual_aid", self._cells(row)[0]))
        if picture.source[row] in {Source.BASE, Source.POST}:
            out.append(note(f"no_fix_{Source(int(picture.source[row])).name.lower()}"))
        out += self._short_time(way)
        rested_s = float(picture.duty.rested_s[row])
        if rested_s < self.desk.least_rest_s:
            out.append(note("short_rest", hours=round(rested_s / 3600, 1)))
        bare = self._left_bare(row, leaving)
        if bare:
            out.append(self._cell_note("leaves_uncovered", bare[-1]))
        return out

    def _left_bare(self, row: int, leaving: NDArray[np.bool_] | None) -> list[int]:
        """Return his cells in which nobody is free any more when he, or all who are leaving, have gone."""
        homes = self.picture.homes
        if homes is None or not self.free[row]:
            return []
        if leaving is None:
            return [one for one in self._cells(row) if self._free_by_cell[one] <= 1]
        going = homes.covered_by(leaving & self.free)
        return [one for one in self._cells(row) if self._free_by_cell[one] <= going[one]]

    def _short_time(self, way: Way) -> list[dict[str, Any]]:
        """Return what of the roster comes too soon: the end of the shift, a post."""
        picture, duty, row = self.picture, self.picture.duty, way.row
        out = []
        there_s = picture.at_s + way.total_s
        left_s = float(duty.ends_s[row]) - there_s
        if left_s < 0:
            out.append(note("shift_ends_before", until=self._clock(duty.ends_s[row])))
        elif left_s < self.desk.shift_soon_over_s:
            until = self._clock(duty.ends_s[row])
            out.append(note("shift_soon_over", until=until, minutes=int(left_s // 60)))
        if duty.next_post[row] >= 0 and duty.next_post_s[row] < there_s + self.desk.shift_soon_over_s:
            post = picture.book.post_name.get(int(duty.next_post[row]), "")
            out.append(note("post_soon", post=post, start=self._clock(duty.next_post_s[row])))
        return out

    @cached_property
    def _free_by_cell(self) -> NDArray[np.int64]:
        assert self.picture.homes is not None  # noqa: S101 - asked only for people who hold cells of it
        return self.picture.homes.covered_by(self.free)

    def _hindrances(
        self, row: int, wanted: Iterable[str], declined: Mapping[int, str]
    ) -> list[dict[str, Any]]:
        picture, book = self.picture, self.picture.book
        out = []
        if (sent := picture.sent.get(row)) is not None:
            since = f"{sent.sent_at.astimezone(book.zone):%H:%M}"
            out.append(note("busy", incident=str(sent.incident_id), since=since, state=sent.state))
        if picture.duty.post[row] >= 0:
            post = book.post_name.get(int(picture.duty.post[row]), "")
            out.append(note("pinned", post=post, until=self._clock(picture.duty.post_ends_s[row])))
        lacking = sorted(set(wanted) - book.capabilities[row])
        if lacking:
            out.append(note("lacks", capabilities=lacking))
        key = int(book.ids[row])
        if key in declined:
            out.append(note("declined", reason=declined[key]))
        return out

    def _clock(self, at_s: float) -> str:
        """Return a moment as the town's clocks show it."""
        return f"{datetime.fromtimestamp(float(at_s), self.picture.book.zone):%H:%M}"


def _minutes(way: Way) -> float:
    """Return minutes until he stands there, to the next tenth and never fewer."""
    return ceil(way.total_s / 6) / 10
