"""Signing in to the pages with an API key: a form, a cookie, and the way out."""

from html import escape
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from geo_service.api.access import (
    PUBLIC,
    SESSION_COOKIE,
    client_address,
    refuse_busy_guesser,
    refuse_foreign_origin,
)
from geo_service.api.html import page
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import UnauthenticatedError
from geo_service.services.identity import SESSION_S

router = Router(tags=["identity"], dependencies=[PUBLIC], include_in_schema=False)

_FORM = """{problem}
<form method="post" action="/sign-in">
<label>密钥 API key
<input name="key" type="password" autocomplete="current-password" required autofocus></label>
<input name="next" type="hidden" value="{next}">
<button>登录 Sign in</button>
</form>"""


# "next" is a link, not a secret: what is not a path of ours becomes the front page
@router.get("/sign-in", response_class=HTMLResponse)
async def sign_in_page(next: str = "/") -> HTMLResponse:  # noqa: A002 - the parameter's public name
    """Show the form."""
    return _form(own_path(next))


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
        return _form(own_path(next), "密钥无效 This key is not known, or it was revoked", status=401)
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
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return response


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


def _form(target: str, problem: str = "", status: int = 200) -> HTMLResponse:
    shown = f'<p class="bad">{escape(problem)}</p>' if problem else ""
    body = _FORM.format(problem=shown, next=escape(target))
    return HTMLResponse(page("登录 Sign in", body), status, headers={"Cache-Control": "no-store"})
