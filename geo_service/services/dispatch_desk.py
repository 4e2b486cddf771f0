"""The dispatcher's desk as one part: who can be there soonest, sending him, and following everybody."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import ConflictError, Fault, ForbiddenError, NotFoundError, Words
from geo_service.model import Mode
from geo_service.services import candidates, catalogue, dispatching
from geo_service.services.board import Board, Picture, Source
from geo_service.services.candidates import Question, Search
from geo_service.services.desk import Desks
from geo_service.services.duty_book import Book, DutyBooks, Team
from geo_service.services.ground import Ground
from geo_service.services.positions import PositionKeeper
from geo_service.services.scopes import Part, refuse_others
from geo_service.services.tiling import Tilings
from geo_service.staffing.floors import AccessTime
from geo_service.store import dispatches, lives, scopes
from geo_service.store.database import Database
from geo_service.store.dispatches import Dispatch, Scene, Sending

#: Of more cells only these are named in a refusal.
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks of candidates besides the place; None: as the incident or the desk has it."""

    k: int = 5
    modes: frozenset[Mode] = frozenset()
    capabilities: frozenset[str] | None = None
    floor: int | None = None
    lift: bool | None = None
    within_s: float | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Whom to send, by code: one in the lead and others, or a team; ``off_duty``: also who is off duty."""

    lead: str | None = None
    others: tuple[str, ...] = ()
    team: str | None = None
    off_duty: bool = False
    reason: str = ""
    revision: int | None = None
    request_key: str | None = None


@dataclass(eq=False)
class DispatchDesk:
    """What the desk works with, in one process."""

    database: Database
    tilings: Tilings
    ground: Ground
    books: DutyBooks = field(init=False)
    desks: Desks = field(init=False)
    board: Board = field(init=False)
    positions: PositionKeeper = field(init=False)

    def __post_init__(self) -> None:
        """Make the parts."""
        self.books = DutyBooks(self.database)
        self.desks = Desks(self.database)
        self.board = Board(self.database, self.ground, self.tilings, self.books, self.desks)
        self.positions = PositionKeeper(self.database, self.books, self.desks)

    def nearest(
        self,
        lon: float,
        lat: float,
        wish: Wish,
        *,
        at: datetime | None = None,
        part: Part | None = None,
    ) -> dict[str, Any]:
        """Tell who can be at a place (EPSG:4326) soonest, now or by the roster at another moment.

        With ``part`` only people of that part of the town are looked at.

        Raises
        ------
        ConflictError
            There are no roads.
        """
        picture = self.board.picture() if at is None else self.board.at(at)
        with self.database.glancing() as connection:
            access = catalogue.access_time(connection)
        question = _question(Scene(lon, lat, None, (), {}), wish, access)
        search = Search(self._narrowed(picture, part), self.desks.get(), question)
        return candidates.shown(search, search.answer())

    def candidates(self, incident_id: UUID, wish: Wish, *, part: Part | None = None) -> dict[str, Any]:
        """Tell who can be at an incident soonest. Who has declined to go there is passed over.

        With ``part`` only people of that part of the town are looked at.

        Raises
        ------
        NotFoundError
            There is no such incident.
        ConflictError
            It is not located, or there are no roads.
        """
        search = self._search(incident_id, wish, part)
        return candidates.shown(search, search.answer())

    def route(self, incident_id: UUID, code: str, *, part: Part | None = None) -> dict[str, Any]:
        """Return somebody's way to an incident as a GeoJSON feature.

        Raises
        ------
        NotFoundError
            There is no such incident or responder, or no way.
        ConflictError
            The incident is not located, or there are no roads.
        """
        search = self._search(incident_id, Wish())
        (row,) = candidates.rows_of(search.picture, [code])
        if part is not None and not self._visible(search.picture, part)[row]:
            raise NotFoundError(Words(f"there is no responder {code!r}", f"没有编号为 {code} 的人员"))
        found = search.route(row)
        if found is None:
            raise NotFoundError(
                Words(f"no way leads {code} there, or it is not known where he is", f"{code} 无可达路线")
            )
        line = found.lonlat_deg if len(found.lonlat_deg) > 1 else np.repeat(found.lonlat_deg, 2, axis=0)
        book = search.picture.book
        return {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": np.round(line, 7).tolist()},
            "properties": {
                "responder": code,
                "name": book.names[row],
                "mode": book.modes[row].value,
                "source": Source(int(search.picture.source[row])).name.lower(),
                "travel_s": round(found.time_ms / 1000, 1),
                "length_m": round(found.length_m, 1),
            },
        }

    def send(self, incident_id: UUID, order: Order, *, who: str, part: Part | None = None) -> list[Dispatch]:
        """Send people to an incident; see :func:`geo_service.services.dispatching.send`.

        Raises
        ------
        NotFoundError
            No such incident is being handled, or there is no such responder or team.
        ConflictError
            Somebody was faster, the incident waits for nobody, or somebody is off duty.
        InvalidInputError
            Nobody is named, or too few of a team can go.
        ForbiddenError
            Somebody is of another part of the town than the caller's.
        """
        if order.request_key is not None:
            with self.database.reading() as connection:
                if lives.has_line(
                    connection, incident_id, order.request_key, moves=dispatching.SENDING, who=who
                ):
                    return dispatches.of_incident(connection, incident_id, open_only=True)
        people = self._people(incident_id, order, part)
        sent = dispatching.send(
            self.database,
            incident_id,
            people,
            who=who,
            reason=order.reason,
            revision=order.revision,
            request_key=order.request_key,
        )
        self.changed()
        return sent

    def hand_over(
        self,
        dispatch_id: int,
        order: Order,
        *,
        who: str,
        own: int | None = None,
        part: Part | None = None,
    ) -> Dispatch:
        """Let the one in the lead of the order go in the place of another.

        Raises
        ------
        NotFoundError, ForbiddenError, ConflictError
            As :func:`geo_service.services.dispatching.hand_over`.
        """
        with self.database.reading() as connection:
            before = dispatches.get(connection, dispatch_id)
            if lives.has_line(
                connection,
                before.incident_id,
                order.request_key,
                moves=dispatching.HANDING_OVER,
                who=who,
                dispatch_id=dispatch_id,
            ):
                dispatching.require_own(before, own)
                return dispatching.successor(connection, before)
        (to,) = self._people(before.incident_id, order, part)
        made = dispatching.hand_over(
            self.database,
            dispatch_id,
            to,
            who=who,
            reason=order.reason,
            own=own,
            request_key=order.request_key,
        )
        self.changed()
        return made

    def changed(self, *, moved: bool = False) -> None:
        """Have the next question look first: this process has just sent, released or seen (``moved``) one."""
        self.board.expire(moved=moved)

    def people_of(self, part: Part) -> dict[str, Any]:
        """Tell of the people of a part of the town, and of who is sent there, as the board tells of all."""
        picture = self.board.picture()
        told, on = self._narrowed(picture, part), picture.duty.on & self._visible(picture, part)
        people = []
        for row in np.flatnonzero(on).tolist():
            one = _standing(picture, row)
            if row not in told.sent:
                one["incident_id"] = None  # he is at work, where is not this caller's affair
            people.append(one)
        return {"at": datetime.fromtimestamp(picture.at_s, UTC), "people": people}

    def _visible(self, picture: Picture, part: Part) -> NDArray[np.bool_]:
        """Tell who is of a part of the town, or is sent to one of its incidents."""
        book = picture.book
        seen = np.zeros(len(book), np.bool_)
        seen[book.held_row[np.isin(book.held_cell, list(part.cells))]] = True
        seen[list(self._sent_into(picture, part))] = True
        return seen

    def _sent_into(self, picture: Picture, part: Part) -> dict[int, Dispatch]:
        with self.database.glancing() as connection:
            keys = list({one.incident_id for one in picture.sent.values()})
            inside = scopes.seen(connection, part.scope, keys)
        return {row: one for row, one in picture.sent.items() if one.incident_id in inside}

    def _narrowed(self, picture: Picture, part: Part | None) -> Picture:
        """Return a picture in which nobody else is on duty, nor who is at work in another part."""
        if part is None:
            return picture
        sent = self._sent_into(picture, part)
        on = picture.duty.on & self._visible(picture, part)
        on[[row for row in picture.sent if row not in sent]] = False
        return replace(picture, duty=replace(picture.duty, on=on), sent=sent)

    def _search(self, incident_id: UUID, wish: Wish, part: Part | None = None) -> Search:
        with self.database.glancing() as connection:
            scene = dispatches.scene(connection, incident_id)
            access = catalogue.access_time(connection)
        if scene.lon is None or scene.lat is None:
            raise ConflictError(
                Words("the incident has no place yet: locate it first", "事件尚未定位，请先定位")
            )
        picture = self._narrowed(self.board.picture(), part)
        return Search(picture, self.desks.get(), _question(scene, wish, access))

    def _people(self, incident_id: UUID, order: Order, part: Part | None = None) -> list[Sending]:
        """Return those named with what the roads say of their ways, where there are roads and a place.

        Of a team go, for a caller of a part of the town, those of that part: so it was shown to him.
        """
        if part is not None:
            self._refuse_others(order, part)
        try:
            search = self._search(incident_id, Wish(), part if order.team is not None else None)
        except ConflictError:
            return self._unmeasured(incident_id, order, part)
        picture = search.picture
        if order.team is not None:
            rows = search.team(order.team)
            lead = self._lead_of_team(incident_id, rows)
        else:
            codes = [code for code in (order.lead, *order.others) if code is not None]
            rows = candidates.rows_of(picture, codes)
            lead = candidates.rows_of(picture, [order.lead])[0] if order.lead else None
        self._refuse_off_duty(picture.book, rows, order)
        return candidates.sendings(search, rows, lead=lead)

    def _unmeasured(self, incident_id: UUID, order: Order, part: Part | None) -> list[Sending]:
        """Return those named where no way can be measured: no place is known, or no roads."""
        book = self.books.get()
        if order.team is not None:
            rows = self._free_of_team(incident_id, book, order.team, part)
            lead = self._lead_of_team(incident_id, rows)
        else:
            rows = [_row(book, code) for code in (order.lead, *order.others) if code is not None]
            lead = _row(book, order.lead) if order.lead else None
        self._refuse_off_duty(book, rows, order)
        return [Sending(int(book.ids[row]), row == lead, mode=book.modes[row].value) for row in rows]

    def _free_of_team(self, incident_id: UUID, book: Book, code: str, part: Part | None) -> list[int]:
        """Return who of a team is on duty, free and willing, the lead first; no way is measured."""
        team = candidates.team_of(book, code)
        with self.database.glancing() as connection:
            declined = dispatches.scene(connection, incident_id).declined
            out = dispatches.open_now(connection, [int(book.ids[row]) for row in team.members])
        away = {one.responder_id for one in out} | set(declined)
        duty = book.duty(self.board.clock())
        own = team.members if part is None else [row for row in team.members if row in _rows_of(book, part)]
        free = [row for row in own if duty.on[row] and duty.post[row] < 0]
        return candidates.enough(team, [row for row in free if int(book.ids[row]) not in away])

    def _lead_of_team(self, incident_id: UUID, rows: list[int]) -> int | None:
        """Return who of a team has the lead of the incident: its first, or none where somebody has it."""
        with self.database.glancing() as connection:
            there = dispatches.of_incident(connection, incident_id, open_only=True)
        return None if any(one.lead for one in there) else rows[0]

    def _refuse_others(self, order: Order, part: Part) -> None:
        """Refuse to send people of another part of the town; of unknown ones is told elsewhere."""
        book = self.books.get()
        inside = _rows_of(book, part)
        named = {"lead": order.lead} | {f"others[{i}]": code for i, code in enumerate(order.others)}
        team = next((one for one in book.teams if one.code == order.team), None)
        if team is not None and sum(row in inside for row in team.members) < max(1, team.least):
            raise _team_of_others(book, part, team, inside)
        known = {field: code for field, code in named.items() if code in book.row_of_code}
        refuse_others((book.codes[row] for row in inside), known)

    def _refuse_off_duty(self, book: Book, rows: Sequence[int], order: Order) -> None:
        if order.off_duty or not rows:
            return
        now_s = self.board.clock()
        on = book.on_duty(np.array(rows, np.int64), np.full(len(rows), now_s))
        faults = []
        for row in np.array(rows)[~on].tolist():
            words = Words(f"{book.names[row]} is off duty", f"{book.names[row]} 当前不在班")
            faults.append(Fault("lead", words, value=book.codes[row]))
        if faults:
            raise ConflictError(
                Words(
                    "somebody is off duty: say off_duty to send him all the same",
                    "所选人员不在班；如确需派遣请注明 off_duty",
                ),
                faults,
            )


def _question(scene: Scene, wish: Wish, access: AccessTime) -> Question:
    floor = scene.floor if wish.floor is None else wish.floor
    wanted = frozenset(scene.capabilities) if wish.capabilities is None else wish.capabilities
    return Question(
        scene.lon or 0.0,
        scene.lat or 0.0,
        k=wish.k,
        modes=wish.modes,
        capabilities=wanted,
        climb_s=access.to_floor_s(floor, has_lift=wish.lift),
        within_s=wish.within_s,
        declined=scene.declined,
    )


def _rows_of(book: Book, part: Part) -> frozenset[int]:
    """Return the rows of those who hold a role on a cell of a part of the town."""
    return frozenset(book.held_row[np.isin(book.held_cell, list(part.cells))].tolist())


def _team_of_others(book: Book, part: Part, team: Team, inside: frozenset[int]) -> ForbiddenError:
    """Say that a team needs people of other cells, and of which."""
    others = [row for row in team.members if row not in inside]
    cells = dict.fromkeys(book.held_cell[np.isin(book.held_row, others)].tolist())
    paths = [path for key in cells if (path := part.tiling.path_of_cell(key))]
    names = [path[-1]["name"] or path[-1]["code"] for path in paths]
    shown, own = names[:_MOST_NAMED], len(team.members) - len(others)
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    words = Words(
        f"of team {team.name} only {own} are of your part of the town and it takes {team.least}; the others "
        f"hold {', '.join(shown) or 'no cell'}{more}: send those of yours by name, or have whoever has a key "
        "for the whole town send the team",
        f"队伍 {team.name} 中仅 {own} 人属于您的区域，至少需要 {team.least} 人；其余人员任职于"
        f"{'、'.join(shown) or '区域外'}{f'等 {len(names)} 个网格' if more else ''}："
        "请单独派出您区域内的人员，或由全域密钥派出该队",
    )
    return ForbiddenError(words, [Fault("team", words, value=team.code)])


def _row(book: Book, code: str) -> int:
    if code not in book.row_of_code:
        raise NotFoundError(Words(f"there is no responder {code!r}", f"没有编号为 {code} 的人员"))
    return book.row_of_code[code]


def _standing(picture: Picture, row: int) -> dict[str, Any]:
    book = picture.book
    sent = picture.sent.get(row)
    state = sent.state if sent else "pinned" if picture.duty.post[row] >= 0 else "free"
    known = picture.source[row] != Source.NONE
    fix_at_s = float(picture.fix_at_s[row])
    return {
        "responder": book.codes[row],
        "name": book.names[row],
        "role": book.roles[row],
        "mode": book.modes[row].value,
        "state": state,
        "incident_id": sent.incident_id if sent else None,
        "lon": float(picture.place_deg[row, 0]) if known else None,
        "lat": float(picture.place_deg[row, 1]) if known else None,
        "source": Source(int(picture.source[row])).name.lower(),
        "fix_age_s": None if np.isnan(fix_at_s) else max(0, round(picture.at_s - fix_at_s)),
        "shift_left_s": max(0, round(float(picture.duty.ends_s[row]) - picture.at_s)),
    }
