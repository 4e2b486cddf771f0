"""API keys: an admin makes, lists and revokes them; everybody may ask who he is."""

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from geo_service.api.access import ANYONE_KNOWN, roles
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Principal, Role
from geo_service.services import identity
from geo_service.store import principals

router = Router(prefix="/v1", tags=["identity"])

PAGE = 1000
_MAX_ID = 2**31 - 1

Admin = Annotated[Principal, roles(Role.ADMIN)]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")
]

_CELL_KEY = re.compile(r"[a-z][a-z0-9_]*:\S+")


def _cell_key(value: Any) -> Any:
    """Refuse what is no ``level:code``, saying how it is written."""
    if not isinstance(value, str) or not _CELL_KEY.fullmatch(value):
        raise PydanticCustomError("cell_key", "write a cell as text, level:code, like community:339801001001")
    return value


CellKey = Annotated[
    str,
    BeforeValidator(_cell_key),
    StringConstraints(max_length=100, pattern=r"^[a-z][a-z0-9_]*:\S+$"),
]


class NewKey(BaseModel):
    """Whom the key is for, and what he may do with it."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    role: Role
    cells: list[CellKey] = Field(
        [], max_length=100, description="Part of the town that he sees, as level:code; none: the whole town"
    )


class Key(BaseModel):
    """A key without the key itself."""

    id: int
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None


class IssuedKey(BaseModel):
    """A new key; this is the only time it is shown."""

    id: int
    name: str
    role: Role
    key: str


class KeyList(BaseModel):
    """A page of keys, and where the next one begins."""

    keys: list[Key]
    next: str | None


class Me(BaseModel):
    """The holder of the key that came with the request."""

    id: int
    name: str
    role: Role


@router.get("/me")
async def me(who: Annotated[Principal, ANYONE_KNOWN]) -> Me:
    """Say who the caller is."""
    return Me(id=who.id, name=who.name, role=who.role)


@router.post("/keys", status_code=201)
def create_key(who: Admin, new: NewKey, state: State, response: Response) -> IssuedKey:
    """Make a key. It is shown in this answer and never again."""
    made, key = identity.issue(state.database, new.name, new.role, by=who.name, cells=new.cells)
    response.headers["Location"] = f"/v1/keys/{made.id}"
    return IssuedKey(id=made.id, name=made.name, role=made.role, key=key)


@router.get("/keys")
def list_keys(
    who: Admin,  # noqa: ARG001 - declares who may
    state: State,
    after: Annotated[int, Query(ge=0, le=_MAX_ID, description="The last id of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, description=f"At most {PAGE}; more is taken as {PAGE}")] = 100,
) -> KeyList:
    """List keys in order of id, the revoked ones too."""
    size = min(limit, PAGE)
    with state.database.reading() as connection:
        found = principals.keys(connection, after=after, limit=size + 1)
    more = len(found) > size
    shown = [_as_key(record) for record in found[:size]]
    return KeyList(keys=shown, next=f"/v1/keys?after={shown[-1].id}&limit={size}" if more else None)


@router.get("/keys/{key_id}")
def read_key(
    who: Admin,  # noqa: ARG001 - declares who may
    state: State,
    key_id: Annotated[int, Path(ge=1, le=_MAX_ID)],
) -> Key:
    """Show one key."""
    with state.database.reading() as connection:
        return _as_key(principals.one(connection, key_id))


@router.delete("/keys/{key_id}", status_code=204)
def revoke_key(who: Admin, state: State, key_id: Annotated[int, Path(ge=1, le=_MAX_ID)]) -> None:
    """Revoke a key for good. It is dead here at once, in other worker processes within five seconds."""
    identity.revoke(state.database, key_id, by=who.name)
    state.gate.forget()


def _as_key(record: principals.KeyRecord) -> Key:
    held = record.principal
    return Key(
        id=held.id, name=held.name, role=held.role, created_at=record.created_at, revoked_at=record.revoked_at
    )
