"""What changed on the board since somebody read it: a page that stays open need not read everybody."""

import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.services.board_picture import DUTY_S, STALE_S, Picture, Source

#: Another process may have seen a change so much later than this one: a reader that comes from there is told
#: again what happened shortly before.
APART_S = DUTY_S + 5.0
STATES = ("free", "pinned", "sent", "accepted", "arrived")
_SOURCES = [one.name.lower() for one in Source]

Place = tuple[float | None, float | None, str, int | None]


class Changes:
    """What changed, and when: for the readers of one process, whatever process they asked before.

    A mark names the process and the moment of an answer. Moments are kept for each row of the book, of what
    he is at and of where he is; a new book, or a clock set back, begins anew, and older marks get everybody.
    """

    def __init__(self) -> None:
        self._looking = threading.Lock()
        self._process = secrets.token_hex(4)
        self._seen: _Seen | None = None
        self._begun_us = 0
        self._state_us = self._place_us = np.zeros(0, np.int64)

    def since(self, picture: Picture, mark: str | None) -> dict[str, Any]:
        """Return what a page must know that has read the answer with this mark; without one, everybody.

        Returns
        -------
        dict
            ``at``; ``mark`` for the next question; ``whole``: whether all others must be forgotten;
            ``people`` who are new or at something else, ``moved`` who are elsewhere or were heard of again
            (lists of code, lon, lat, source, age of the position in seconds), ``gone`` (codes) off duty.
        """
        with self._looking:
            seen = self._look(picture)
            now = seen.picture
            after_us = self._after(mark, round(now.at_s * 1e6))
            changed = self._state_us > (-1 if after_us is None else after_us)
            moved = (self._place_us > after_us) & ~changed if after_us is not None else np.zeros_like(changed)
        on, codes = now.duty.on, now.book.codes
        movers = np.flatnonzero(moved & on)
        gone = np.flatnonzero(changed & ~on).tolist() if after_us is not None else []
        return {
            "at": datetime.fromtimestamp(now.at_s, UTC),
            "mark": f"{self._process}-{round(now.at_s * 1e6)}",
            "whole": after_us is None,
            "people": _standings(seen, np.flatnonzero(changed & on)),
            "moved": [
                (codes[row], *place)
                for row, place in zip(movers.tolist(), _places(seen, movers), strict=True)
            ],
            "gone": [codes[row] for row in gone],
        }

    def _look(self, picture: Picture) -> "_Seen":
        """Note what differs from the picture that was seen last; returns the later one of both."""
        before = self._seen
        if before is not None and picture is before.picture:
            return before
        at_us = round(picture.at_s * 1e6)
        if before is not None and before.picture.book is picture.book:
            behind_us = round(before.picture.at_s * 1e6) - at_us
            if 0 < behind_us < STALE_S * 1e6:
                return before  # two asked at once, and the later picture came first
            is_new = behind_us > 0
        else:
            is_new = True
        seen = self._seen = _Seen.of(picture)
        if before is None or is_new:
            self._begun_us, self._process = at_us, secrets.token_hex(4)
            self._state_us = np.full(len(picture.book), at_us)
            self._place_us = self._state_us.copy()
            return seen
        self._state_us = np.where(seen.is_other_state(before), at_us, self._state_us)
        self._place_us = np.where(seen.is_other_place(before), at_us, self._place_us)
        return seen

    def _after(self, mark: str | None, at_us: int) -> int | None:
        """Return the moment after which changes are told; None: everybody."""
        process, _, moment = (mark or "").partition("-")
        if not moment.isdecimal() or len(moment) > 18:
            return None
        apart_us = 0 if process == self._process else round(APART_S * 1e6)
        after_us = int(moment) - apart_us
        return after_us if self._begun_us <= after_us <= at_us else None


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A picture, and what each is at: index of :data:`STATES`, id of the dispatch (-1: none)."""

    picture: Picture
    state: NDArray[np.int8]
    sent: NDArray[np.int64]

    @classmethod
    def of(cls, picture: Picture) -> "_Seen":
        state = (picture.duty.post >= 0).astype(np.int8)
        sent = np.full(len(picture.book), -1, np.int64)
        for row, one in picture.sent.items():
            state[row], sent[row] = STATES.index(one.state), one.id
        return cls(picture, state, sent)

    def is_other_state(self, before: "_Seen") -> NDArray[np.bool_]:
        """Tell who is at something else, came on duty or left."""
        one, other = self.picture.duty, before.picture.duty
        differs: NDArray[np.bool_] = one.on != other.on
        differs |= one.on & (one.ends_s != other.ends_s)
        differs |= (self.state != before.state) | (self.sent != before.sent)
        return differs

    def is_other_place(self, before: "_Seen") -> NDArray[np.bool_]:
        """Tell who is elsewhere, or was heard of again in the same place: the page shows how long ago."""
        one, other = self.picture, before.picture
        pairs = (
            (one.place_deg[:, 0], other.place_deg[:, 0]),
            (one.place_deg[:, 1], other.place_deg[:, 1]),
            (one.fix_at_s, other.fix_at_s),
        )
        differs: NDArray[np.bool_] = one.source != other.source
        for here, there in pairs:
            differs |= (here != there) & ~(np.isnan(here) & np.isnan(there))
        return differs


def _places(seen: _Seen, rows: NDArray[np.int64]) -> list[Place]:
    """Return where people are taken to be: lon, lat (EPSG:4326), whence that is known, its age in seconds."""
    picture = seen.picture
    age_s = np.maximum(0, np.round(picture.at_s - picture.fix_at_s[rows]))
    known = [None if isnan(one) else int(one) for one in age_s.tolist()]
    return [
        (None, None, _SOURCES[source], age) if source == Source.NONE else (lon, lat, _SOURCES[source], age)
        for (lon, lat), source, age in zip(
            np.round(picture.place_deg[rows], 7).tolist(), picture.source[rows].tolist(), known, strict=True
        )
    ]


def _standings(seen: _Seen, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
    picture, book = seen.picture, seen.picture.book
    left_s = np.maximum(0, np.round(picture.duty.ends_s[rows] - picture.at_s)).astype(np.int64).tolist()
    people = []
    for row, (lon, lat, source, age_s), left in zip(rows.tolist(), _places(seen, rows), left_s, strict=True):
        sent = picture.sent.get(row)
        people.append(
            {
                "responder": book.codes[row],
                "name": book.names[row],
                "role": book.roles[row],
                "mode": book.modes[row].value,
                "state": STATES[seen.state[row]],
                "incident_id": sent.incident_id if sent else None,
                "lon": lon,
                "lat": lat,
                "source": source,
                "fix_age_s": age_s,
                "shift_left_s": left,
            }
        )
    return people
