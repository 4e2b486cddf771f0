"""Webhooks: which systems are told of what, and what became of each message. For admins."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from geo_service.api.access import roles
from geo_service.api.routes.events import Topic
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Principal, Role
from geo_service.services import webhooks as service
from geo_service.store import webhooks as store

router = Router(prefix="/v1", tags=["webhooks"])

Admin = Annotated[Principal, roles(Role.ADMIN)]
HookId = Annotated[int, Path(ge=1, le=2**31 - 1)]
PAGE = 1000


class NewWebhook(BaseModel):
    """Whom to tell, and of what."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    url: Annotated[str, StringConstraints(max_length=2000)]
    topics: list[Topic] = Field([], max_length=50, description="`incident.*` is all of incidents; none: all")


class MadeWebhook(BaseModel):
    """A new webhook; its secret is shown this once."""

    id: int
    secret: str = Field(description="Signs every message (Standard Webhooks, HMAC-SHA256)")


class Webhook(BaseModel):
    """A webhook, and how many messages wait, arrived, or were given up."""

    id: int
    name: str
    url: str
    topics: list[str]
    created_by: str
    created_at: datetime
    stopped_at: datetime | None
    waiting: int
    delivered: int
    dead: int


class Webhooks(BaseModel):
    """All webhooks."""

    webhooks: list[Webhook]


@router.post("/webhooks", status_code=201)
def add(state: State, who: Admin, body: NewWebhook, response: Response) -> MadeWebhook:
    """Have events posted to an address, from now on; to this machine itself where a setting allows it."""
    made, secret = service.subscribe(
        state.database,
        name=body.name,
        url=body.url,
        topics=body.topics,
        who=who.name,
        loopback=state.settings.loopback_webhooks,
    )
    response.headers["Location"] = f"/v1/webhooks/{made}/deliveries"
    return MadeWebhook(id=made, secret=secret)


@router.get("/webhooks", dependencies=[roles(Role.ADMIN)])
def all_of_them(state: State) -> Webhooks:
    """List the webhooks, the stopped ones too, without their secrets."""
    with state.database.reading() as connection:
        return Webhooks(webhooks=[Webhook(**row) for row in store.all_of_them(connection)])


@router.delete("/webhooks/{webhook_id}", status_code=204)
def stop(state: State, who: Admin, webhook_id: HookId) -> None:
    """Send no more there; what waits is given up."""
    service.stop(state.database, webhook_id, who=who.name)


@router.get("/webhooks/{webhook_id}/deliveries", dependencies=[roles(Role.ADMIN)])
def deliveries(
    state: State,
    webhook_id: HookId,
    only: Annotated[Literal["waiting", "delivered", "dead"] | None, Query(alias="state")] = None,
    limit: Annotated[int, Query(ge=1, description=f"At most {PAGE}")] = 100,
) -> dict[str, Any]:
    """Show what was sent or waits, the newest first, with what the receiver answered last."""
    with state.database.reading() as connection:
        return {"deliveries": store.deliveries(connection, webhook_id, only, min(limit, PAGE))}


@router.post("/webhooks/{webhook_id}/retry", dependencies=[roles(Role.ADMIN)])
def retry(state: State, webhook_id: HookId) -> dict[str, int]:
    """Send again what was given up."""
    with state.database.writing() as connection:
        return {"again": store.retry(connection, webhook_id)}
