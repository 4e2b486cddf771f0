"""Who may call a route.

Each route says it in one of three ways, as a dependency::

    @router.post("/plans")
    def open_plan(who: Annotated[Principal, roles(Role.PLANNER)], ...): ...

    @router.get("/status", dependencies=[PUBLIC])
    @router.get("/maps", dependencies=[READERS])         # everybody where maps are open, else any key
    @router.get("/coverage", dependencies=[COUNTS])      # the same, but not where they are open to the street

An admin may do everything. A route that says nothing cannot be defined (:mod:`geo_service.api.routing`).
A key for a part of the town meets no incident of another part: an address that names one (``incident_id``,
``dispatch_id``) is not there for it, and what it may call at all stands in
:mod:`geo_service.api.parts_of_town`.

Credentials are an API key in ``Authorization: Bearer`` or ``X-API-Key``, or the session cookie of the pages.
A browser sends the cookie by itself, so a write that rests on it must come from our own pages.
"""

from typing import Any
from urllib.parse import urlsplit

from anyio import to_thread
from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from geo_service.api.parts_of_town import require_open
from geo_service.api.problems import TooManyAttemptsError
from geo_service.api.state import AppState
from geo_service.errors import Fault, ForbiddenError, UnauthenticatedError, Words
from geo_service.model import Principal, Role
from geo_service.services.identity import Credential, read_key, read_session
from geo_service.services.scopes import require_sight_of_path

SESSION_COOKIE = "geo_service_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Access:
    """The rule of a route, and the dependency that applies it.

    Parameters
    ----------
    takes : frozenset of Role
        Roles that may call.
    public : bool
        Everybody may; credentials are not looked at.
    readable : bool
        Everybody may where the installation's maps are open.
    counts : bool
        With ``readable``: only where small counts need not be kept back, see ``AppState.open_counts``.
    """

    def __init__(
        self,
        takes: frozenset[Role] = frozenset(),
        *,
        public: bool = False,
        readable: bool = False,
        counts: bool = False,
    ) -> None:
        self.takes = takes | {Role.ADMIN}
        self.public = public
        self.readable = readable
        self.counts = counts

    async def check(self, request: Request) -> Principal | None:
        """Let the caller in or raise; asked twice, it answers from the first time."""
        parts: AppState = request.app.state.parts
        is_open = parts.open_maps and (parts.open_counts or not self.counts)
        if self.public or (self.readable and is_open):
            return None
        known: Principal | None = getattr(request.state, "principal", None)
        principal = known or await _recognise(request, parts)
        request.state.principal = principal
        if principal.role not in self.takes:
            names = ", ".join(sorted(self.takes))
            role = principal.role.value
            raise ForbiddenError(
                Words(
                    f"the role {role} may not do this; it takes one of: {names}",
                    f"角色 {role} 不能这样做，需要以下角色之一：{names}",
                )
            )
        if principal.scope:
            require_open(request.method, request.scope["route"].path)
            # every address that names an incident or a dispatch, those to come as well
            await run_in_threadpool(
                require_sight_of_path, parts.database, principal, dict(request.path_params)
            )
        return principal

    async def insider(self, request: Request) -> Principal | None:
        """Return who reads if he shows a key or session that is known and of a role of this rule.

        For what an open answer may say more of; without credentials, or with others, it is None: a session
        that has ended does not shut what is open to everybody.
        """
        try:
            principal = await _recognise(request, request.app.state.parts)
        except UnauthenticatedError:
            return None
        request.state.principal = principal  # so that the answer is kept by this caller alone
        return principal if principal.role in self.takes else None

    def recall(self, request: Request) -> Principal | None:
        """Return who reads if that is known at once and he may; None: :meth:`check` finds out and says why.

        Only for safe methods: where a browser's cookie comes from is not looked at.
        """
        parts: AppState = request.app.state.parts
        try:
            credential, _ = _shown(request)
        except UnauthenticatedError:
            return None
        principal = parts.gate.recall(credential) if credential is not None else None
        if principal is None or principal.role not in self.takes or request.method not in SAFE_METHODS:
            return None
        request.state.principal = principal
        return principal

    async def __call__(self, request: Request) -> Principal | None:
        """Apply the rule as a dependency."""
        return await self.check(request)


def roles(*takes: Role) -> Any:
    """Return the dependency of a route that takes these roles (and admins); its value is the Principal."""
    return Depends(Access(frozenset(takes)))


#: Everybody, with or without a key.
PUBLIC: Any = Depends(Access(public=True))

#: Any key, whatever its role.
ANYONE_KNOWN: Any = roles(*Role)

#: Maps and figures that name no person: everybody where maps are open, otherwise those who plan and lead.
_PLAN_AND_LEAD = frozenset({Role.LEADER, Role.PLANNER, Role.DISPATCHER})
_THOSE_WHO_PLAN_AND_LEAD = Access(_PLAN_AND_LEAD, readable=True)
READERS: Any = Depends(_THOSE_WHO_PLAN_AND_LEAD)

#: Counts by cell, however small: as :data:`READERS`, but with a key where the street reads the maps.
COUNTS: Any = Depends(Access(_PLAN_AND_LEAD, readable=True, counts=True))

#: Beside :data:`READERS`: who reads, if he may see names of people; None for others where maps are open.
INSIDER: Any = Depends(_THOSE_WHO_PLAN_AND_LEAD.insider)


def require_sight_of_plans(insider: Principal | None, plan: int) -> None:
    """Raise unless who asks (:data:`INSIDER`) plans and leads the whole town: a plan is for them.

    Raises
    ------
    ForbiddenError
        The key is for a part of the town, of another role, or there is none.
    """
    if insider is None or insider.scope:
        words = Words(
            "a plan takes the key of a planner, leader or dispatcher of the whole town",
            "查看方案需要负责全域的相应密钥",
        )
        raise ForbiddenError(words, [Fault("plan", words, value=plan)])


# ------------------------------------------------------------------------------------------ credentials


async def _recognise(request: Request, parts: AppState) -> Principal:
    credential, from_cookie = _shown(request)
    if credential is not None:
        if from_cookie and request.method not in SAFE_METHODS:
            refuse_foreign_origin(request)
        principal = parts.gate.recall(credential) or await _look_up(request, parts, credential)
        if principal is not None:
            return principal
    raise UnauthenticatedError(
        Words("the key or session is not known, or it has ended", "密钥或登录无效，或已失效")
    )


async def _look_up(request: Request, parts: AppState, credential: Credential) -> Principal | None:
    address = client_address(request)
    if not parts.gate.has_met(credential):
        refuse_busy_guesser(parts, address)
    principal = await to_thread.run_sync(parts.gate.look_up, credential, limiter=parts.front_threads)
    if principal is None:
        parts.attempts.failed(address)
    return principal


def _shown(request: Request) -> tuple[Credential | None, bool]:
    """Read what the request shows, and whether it is the cookie; a header goes before the cookie."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    key = bearer.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
    if key:
        return read_key(key), False
    cookie = request.cookies.get(SESSION_COOKIE, "")
    if cookie:
        return read_session(cookie), True
    raise UnauthenticatedError(
        Words(
            "this needs an API key, as 'Authorization: Bearer gsk_...' or 'X-API-Key'; "
            "or sign in at /sign-in",
            "需要密钥：请在 Authorization: Bearer 或 X-API-Key 中给出，或在 /sign-in 登录",
        )
    )


def refuse_busy_guesser(parts: AppState, address: str) -> None:
    """Raise when too many unknown keys came from the address."""
    wait_s = parts.attempts.wait_s(address)
    if wait_s:
        raise TooManyAttemptsError(
            Words(
                f"too many unknown keys from here; try again in {wait_s} s",
                f"无效密钥尝试过多，请 {wait_s} 秒后再试",
            ),
            wait_s,
        )


def refuse_foreign_origin(request: Request) -> None:
    """Raise unless one of our own pages sends this, as every browser of the last years says."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        ours = site == "same-origin"
    else:
        # an older browser; the scheme is left out, because a proxy may have ended TLS before us
        ours = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if not ours:
        raise ForbiddenError(
            Words(
                "a write with a session must come from our own pages; programs send an API key",
                "以登录状态写入须来自本站页面；程序请使用密钥",
            )
        )


def client_address(request: Request) -> str:
    """Return the caller's address, behind a trusted proxy the one that it names."""
    return request.client.host if request.client else ""
