"""Signing in to the pages with an API key: a form, a cookie, who it is, and the way out."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from geo_service.api.access import (
    PUBLIC,
    SESSION_COOKIE,
    Access,
    client_address,
    refuse_busy_guesser,
    refuse_foreign_origin,
)
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import UnauthenticatedError
from geo_service.model import Role
from geo_service.services.identity import SESSION_S
from geo_service.web.pages import CONTENT_SECURITY_POLICY, Lang, words
from geo_service.web.pages import sign_in_page as form_page

router = Router(tags=["identity"], dependencies=[PUBLIC], include_in_schema=False)

_HEADERS = {"Cache-Control": "no-store", "Content-Security-Policy": CONTENT_SECURITY_POLICY}
_ANYONE = Access(frozenset(Role))


# "next" is a link, not a secret: what is not a path of ours becomes the front page
@router.get("/sign-in", response_class=HTMLResponse)
def sign_in_page(
    next: str = "/",  # noqa: A002 - the parameter's public name
    lang: Lang = "zh",
) -> HTMLResponse:
    """Show the form."""
    return HTMLResponse(form_page(own_path(next), lang=lang), headers=_HEADERS)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    state: State,
    key: Annotated[str, Form(max_length=200)],
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - the parameter's public name
) -> Response:
    """Exchange a key for a session cookie and go on to where the visitor wanted to."""
    refuse_foreign_origin(request)
    address = client_address(request)
    refuse_busy_guesser(state, address)
    try:
        _, token = await run_in_threadpool(state.gate.open_session, key.strip())
    except UnauthenticatedError:
        state.attempts.failed(address)
        refused = form_page(own_path(next), words("密钥无效", "This key is not known, or it was revoked."))
        return HTMLResponse(refused, 401, headers=_HEADERS)
    response = RedirectResponse(own_path(next), 303)
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=SESSION_S,
        httponly=True,
        samesite="strict",
        secure=_is_secure(request),
    )
    return response


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """Forget the cookie."""
    refuse_foreign_origin(request)
    response = RedirectResponse("/", 303)
    _forget_cookie(response)
    return response


@router.get("/session")
async def session(request: Request) -> JSONResponse:
    """Say who is signed in, for the header of the pages."""
    visitor: dict[str, object] = {"signed_in": False}
    if SESSION_COOKIE in request.cookies:
        try:
            principal = await _ANYONE.check(request)
        except UnauthenticatedError:
            principal = None
        if principal is not None:
            visitor = {"signed_in": True, "name": principal.name, "role": principal.role.value}
    response = JSONResponse(visitor, headers={"Cache-Control": "private, no-store"})
    if SESSION_COOKIE in request.cookies and not visitor["signed_in"]:
        _forget_cookie(response)  # it has ended; shown again and again it would look like guessing
    return response


def _forget_cookie(response: Response) -> None:
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")


def _is_secure(request: Request) -> bool:
    """Tell whether the cookie may travel by TLS alone: everywhere but on the visitor's own machine."""
    name = request.url.hostname or ""
    is_here = name in {"localhost", "::1"} or name.startswith("127.")
    return request.url.scheme == "https" or not is_here


def own_path(address: str) -> str:
    """Return the path if it is one of ours, else the front page: no page may send visitors elsewhere."""
    parts = urlsplit(address.replace("\\", "/"))
    ours = not parts.scheme and not parts.netloc and parts.path.startswith("/") and parts.path[:2] != "//"
    clean = address.isascii() and address.isprintable()
    return address if ours and clean else "/"
