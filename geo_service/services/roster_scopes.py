"""The roster of a part of the town: which entries a key for it sees, and which it may write.

Seen are its people with their rotas, shifts and leave, the duties on its cells, the posts and stations that
stand in it, and the teams of which all members are its people. Calendars and the template of required roles
name nobody and are the same for all. Written may be what is seen, where it names no others; a new person is
entered by a key for the whole town.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from geo_service.errors import Fault, ForbiddenError, NotFoundError, Words
from geo_service.services.scopes import Part
from geo_service.store import roster, scopes
from geo_service.store.database import Connection

_BY_PERSON = frozenset({"responders", "rotas", "shifts", "absences"})
_BY_PLACE = frozenset({"posts", "stations"})
#: The same for every part of the town.
COMMON = frozenset({"calendars", "needs"})

_ASK = Words(
    "your key is for a part of the town: have whoever has a key for the whole town do this",
    "您的密钥只管部分区域，请由全域密钥办理",
)


@dataclass(frozen=True)
class RosterPart:
    """The roster of a part of the town, within one transaction."""

    connection: Connection
    part: Part

    @cached_property
    def people(self) -> dict[str, int]:
        """Its people: ids by code."""
        return scopes.people_of(self.connection, self.part.cells)

    @cached_property
    def posts(self) -> frozenset[str]:
        """Codes of the posts that stand in it."""
        return self._standing("posts")

    def conditions(self, register: str) -> dict[str, Any]:
        """Return what narrows a register down to it, for :func:`geo_service.store.roster.read`."""
        if register in _BY_PERSON:
            return {"people": sorted(self.people)}
        if register == "duties":
            return {"cells": sorted(self.part.cells)}
        if register in _BY_PLACE:
            return {"codes": sorted(self.posts if register == "posts" else self._standing(register))}
        if register == "teams":
            teams = roster.read(self.connection, "teams")
            return {"codes": [key for key, entry in teams if not self._objections("teams", entry)]}
        return {}

    def require_sight(self, register: str, key: str, entry: Mapping[str, Any]) -> None:
        """Raise unless an entry is one of its own.

        Raises
        ------
        NotFoundError
            With the words for an entry that there is none of.
        """
        own_by = _OWN_BY.get(register)
        if any(fault.field == own_by for fault in self._objections(register, entry)):
            raise NotFoundError(
                Words(f"there is no {key!r} among the {register}", f"{register} 中没有 {key}")
            )

    def require(self, register: str, *entries: Mapping[str, Any]) -> None:
        """Raise unless entries name its own people, cells, places and posts only.

        Raises
        ------
        ForbiddenError
            Which names what is outside, and who can do it.
        """
        if register in COMMON:
            raise ForbiddenError(_ASK, [Fault("", _ASK)])
        faults = [fault for entry in entries for fault in self._objections(register, entry)]
        if faults:
            raise ForbiddenError(_ASK, faults[:100])

    def require_leaving(self, code: str) -> None:
        """Raise where somebody who is to be taken away holds duties in other parts too."""
        if scopes.holds_elsewhere(self.connection, code, self.part.cells):
            message = Words(
                "he holds duties in other parts of the town too: end those in your cells instead",
                "此人在其他区域也有任职：请改为结束其在您网格的任职",
            )
            raise ForbiddenError(message, [Fault("code", message, value=code)])

    def _objections(self, register: str, entry: Mapping[str, Any]) -> list[Fault]:
        """Return what an entry names outside of it."""
        if register in _BY_PERSON:
            field = "code" if register == "responders" else "responder"
            faults = self._strangers([(field, entry[field]), ("substitute", entry.get("substitute"))])
            post = entry.get("post")
            if post is not None and post not in self.posts:
                faults.append(Fault("post", _outside("this post", "该岗位"), value=post))
            return faults
        if register == "duties":
            faults = self._strangers([("responder", entry["responder"])])
            if not self.part.has(entry["level"], entry["cell"]):
                faults.append(Fault("cell", _outside("this cell", "该网格"), value=entry["cell"]))
            return faults
        if register in _BY_PLACE:
            faults = self._strangers([("holder", one["holder"]) for one in entry.get("windows", ())])
            if not self.part.holds(np.array([[entry["lon"], entry["lat"]]], float))[0]:
                faults.append(Fault("lon", _outside("this place", "该位置"), value=entry["lon"]))
            return faults
        if register == "teams":
            return self._strangers([("members", one["responder"]) for one in entry["members"]])
        return []

    def _strangers(self, named: Iterable[tuple[str, str | None]]) -> list[Fault]:
        return [
            Fault(field, _outside("this person", "此人"), value=code)
            for field, code in named
            if code is not None and code not in self.people
        ]

    def _standing(self, register: str) -> frozenset[str]:
        entries = roster.read(self.connection, register)
        places = np.array([[entry["lon"], entry["lat"]] for _, entry in entries], float).reshape(-1, 2)
        return frozenset(
            key for (key, _), inside in zip(entries, self.part.holds(places).tolist(), strict=True) if inside
        )


#: By this field an entry is one's own; by others it may name strangers: who stands in, who holds a post.
_OWN_BY: Mapping[str, str] = {
    "responders": "code",
    "rotas": "responder",
    "shifts": "responder",
    "absences": "responder",
    "duties": "cell",
    "posts": "lon",
    "stations": "lon",
    "teams": "members",
}


def _outside(en: str, zh: str) -> Words:
    return Words(f"{en} is not of your part of the town", f"{zh}不在您的区域内")
