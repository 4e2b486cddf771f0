"""Who may call what: keys, sessions, roles, and that no route forgets to say so."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from geo_service.api.access import PUBLIC, READERS, SESSION_COOKIE
from geo_service.api.app import create_app
from geo_service.api.routes.session import own_path
from geo_service.api.routing import Router, undeclared
from geo_service.model import Role
from geo_service.services import identity
from geo_service.settings import Settings
from geo_service.store.database import Database

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


def test_every_route_says_who_may_call_it(app: FastAPI):
    assert len(list(iter_route_contexts(app.routes))) > 10
    assert list(undeclared(app.routes)) == []


def test_a_route_that_does_not_say_so_cannot_be_defined():
    router = Router()
    with pytest.raises(TypeError, match=r"/open does not say who may call it"):
        router.get("/open")(lambda: None)


def test_routes_of_other_kinds_are_found_too():
    plain = APIRouter()
    plain.get("/plain", dependencies=[PUBLIC])(lambda: None)  # guarded by nothing but a dependency
    inner = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    inner.get("/inner")(lambda: None)
    outer = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    outer.include_router(plain)
    outer.routes.append(Route("/raw", lambda request: None))
    outer.routes.append(Mount("/sub", inner))
    assert list(undeclared(outer.routes)) == ["/plain", "/raw", "/sub/inner"]


def test_no_key_is_401_and_says_how(client: TestClient):
    answer = client.get("/v1/keys")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "/problems/unauthenticated"
    assert "X-API-Key" in answer.json()["detail"]


@pytest.mark.parametrize(
    "key", ["gsk_" + "a" * 43, "gsk_short", "password", "gsk_" + "é" * 43, "'; drop table"]
)
def test_an_unknown_key_is_401(client: TestClient, key: str):
    for headers in ({"Authorization": f"Bearer {key}".encode()}, {"X-API-Key": key.encode()}):
        answer = client.get("/v1/me", headers=headers)
        assert answer.status_code == 401
        assert "gsk_a" not in answer.text


def test_both_headers_work(client: TestClient, admin_key: str):
    for headers in ({"Authorization": f"bearer {admin_key}"}, {"X-API-Key": admin_key}):
        assert client.get("/v1/me", headers=headers).json()["role"] == "admin"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_a_wrong_role_is_403_and_names_the_right_ones(
    client: TestClient, key_of: Callable[[Role], str], role: Role
):
    headers = {"X-API-Key": key_of(role)}
    assert client.get("/v1/me", headers=headers).json()["role"] == role
    answer = client.get("/v1/keys", headers=headers)
    assert answer.status_code == 403
    assert "admin" in answer.json()["detail"]


def test_a_revoked_key_is_dead_at_once(admin: TestClient, service_database: Database):
    made, key = identity.issue(service_database, "short-lived", Role.WORKER, by="test")
    assert admin.get("/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert admin.delete(f"/v1/keys/{made.id}").status_code == 204
    assert admin.get("/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code == 401


def test_guessing_is_slowed_down_and_a_good_key_still_works(client: TestClient, admin_key: str):
    good = {"X-API-Key": admin_key}
    assert client.get("/v1/me", headers=good).status_code == 200
    seen = {client.get("/v1/me", headers={"X-API-Key": f"gsk_{n:043d}"}).status_code for n in range(30)}
    assert seen == {401, 429}
    blocked = client.get("/v1/me", headers={"X-API-Key": f"gsk_{99:043d}"})
    assert 0 < int(blocked.headers["retry-after"]) <= 61
    client.app.state.parts.gate._remembered.update(
        {slot: _expired(entry) for slot, entry in client.app.state.parts.gate._remembered.items()}
    )
    assert client.get("/v1/me", headers=good).status_code == 200


def test_forged_sessions_of_a_holder_who_is_known_are_braked_too(client: TestClient, admin_key: str):
    token = sign_in(client, admin_key).cookies[SESSION_COOKIE]
    version, number, expires, _ = token.split(".")
    client.cookies.clear()

    def ask(cookie: str) -> int:
        return client.get("/v1/me", headers={"Cookie": f"{SESSION_COOKIE}={cookie}"}).status_code

    assert ask(token) == 200
    assert {ask(f"{version}.{number}.{expires}.{n:043d}") for n in range(30)} == {401, 429}
    assert ask(token) == 200


def _expired(entry):
    return type(entry)(entry.principal, entry.digest, until=0.0)


# ---------------------------------------------------------------------------------------------- sessions


def sign_in(client: TestClient, key: str, **form: str):
    return client.post("/sign-in", data={"key": key, **form}, headers=OWN_PAGE)


def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_do_not_get(
    client: TestClient, admin_key: str
):
    answer = sign_in(client, admin_key, next="/v1/me")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/v1/me"
    cookie = answer.headers["set-cookie"]
    assert re.search(r"HttpOnly", cookie)
    assert re.search(r"SameSite=strict", cookie, re.IGNORECASE)
    assert admin_key not in cookie
    assert client.get("/v1/me").json()["role"] == "admin"


@pytest.mark.parametrize(
    ("address", "secure"),
    [
        ("http://127.0.0.1:8000", False),
        ("http://localhost:8000", False),
        ("https://127.0.0.1:8000", True),
        ("https://geo.example", True),
        ("http://geo.example", True),
    ],
)
def test_beyond_the_own_machine_the_cookie_travels_by_tls_alone(
    service_settings: Settings, admin_key: str, address: str, secure: bool
):
    app = create_app(service_settings.model_copy(update={"host": "0.0.0.0"}))
    answer = sign_in(TestClient(app, base_url=address, follow_redirects=False), admin_key)
    app.state.parts.database.close()
    assert answer.status_code == 303
    assert ("Secure" in answer.headers["set-cookie"]) is secure


def test_a_write_with_the_cookie_must_come_from_our_pages(client: TestClient, admin_key: str):
    sign_in(client, admin_key)
    new = {"name": "from a page", "role": "worker"}
    for headers in (
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ):
        assert client.post("/v1/keys", json=new, headers=headers).status_code == 403, headers
    assert client.post("/v1/keys", json=new, headers={"Origin": "http://127.0.0.1:8000"}).status_code == 201
    other = {**new, "name": "from a page too"}
    assert client.post("/v1/keys", json=other, headers=OWN_PAGE).status_code == 201


def test_a_forged_or_stale_session_is_refused(client: TestClient, admin_key: str):
    token = sign_in(client, admin_key).cookies[SESSION_COOKIE]
    version, number, expires, signature = token.split(".")
    for forged in (
        f"{version}.{int(number) + 1}.{expires}.{signature}",
        f"{version}.{number}.{int(expires) + 1}.{signature}",
        f"{version}.{number}.{expires}.{'A' * 43}",
        f"{version}.{number}.1.{signature}",
        f"{version}.99999999999.{expires}.{signature}",
        "v1...",
    ):
        client.cookies.clear()
        assert client.get("/v1/me", headers={"Cookie": f"{SESSION_COOKIE}={forged}"}).status_code == 401
    assert client.get("/v1/me", headers={"Cookie": f"{SESSION_COOKIE}={token}"}).status_code == 200


def test_a_session_ends_by_itself_and_with_its_key(service_database: Database):
    now = [1_000_000.0]
    made, key = identity.issue(service_database, "session holder", Role.LEADER, by="test")
    gate = identity.Gatekeeper(service_database, b"s" * 32, clock=lambda: now[0])
    token = identity.read_session(gate.open_session(key)[1])
    assert gate.look_up(token).id == made.id
    assert gate.recall(token).id == made.id
    now[0] += identity.SESSION_S + 1
    assert gate.recall(token) is None
    assert gate.look_up(token) is None
    now[0] -= identity.SESSION_S
    assert gate.look_up(token).id == made.id
    identity.revoke(service_database, made.id, by="test")
    now[0] += identity.CACHE_S + 1
    assert gate.recall(token) is None
    assert gate.look_up(token) is None


def test_signing_out_and_a_bad_key(client: TestClient, admin_key: str):
    refused = sign_in(client, "gsk_" + "x" * 43)
    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers
    assert client.post("/sign-in", data={"key": admin_key}).status_code == 403
    sign_in(client, admin_key)
    assert client.post("/sign-out", headers=OWN_PAGE).status_code == 303
    assert client.get("/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/maps/coverage?level=grid", "/maps/coverage?level=grid"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_one_stays_on_our_site(asked: str, given: str):
    assert own_path(asked) == given


def test_a_visitor_without_a_key_is_led_to_the_sign_in_page(app: FastAPI):
    shut = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    router = Router(dependencies=[READERS])
    router.get("/maps/x")(lambda: "map")
    shut.include_router(router)
    from geo_service.api import problems

    problems.register(shut)
    shut.state.parts = replace(app.state.parts, open_maps=False)
    with TestClient(shut, follow_redirects=False) as visitor:
        page = visitor.get("/maps/x", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/maps/x")
        deep = visitor.get("/maps/x?a=1&b=//evil", headers={"Accept": "text/html"})
        assert deep.headers["location"] == "/sign-in?next=/maps/x%3Fa%3D1%26b%3D//evil"
        assert visitor.get("/maps/x").status_code == 401
        shut.state.parts.open_maps = True
        assert visitor.get("/maps/x").json() == "map"
