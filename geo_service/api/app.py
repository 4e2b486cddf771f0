"""The assembly of the service, all of it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from geo_service import __version__
from geo_service.api import openapi, problems
from geo_service.api.envelope import EnvelopeMiddleware
from geo_service.api.limits import LOOPBACK_HOSTS, LimitsMiddleware
from geo_service.api.routes import (
    attainment,
    candidates,
    cell_relations,
    cells,
    coverage,
    coverage_readings,
    coverage_truth,
    crosswalk,
    desk,
    dispatch_pages,
    dispatches,
    escalations,
    events,
    figures,
    health,
    imports,
    intake_doors,
    isochrones,
    jobs,
    keys,
    lead,
    locate,
    maps,
    monthly,
    office,
    own_work,
    pages,
    patrol,
    patrol_routes,
    plan_preview,
    plan_review,
    plan_split,
    planner_page,
    plans,
    positions,
    registers,
    roster,
    roster_entries,
    rounds,
    session,
    sign_board_sheets,
    sign_boards,
    siting,
    status,
    street,
    visits,
    webhooks,
)
from geo_service.api.routes import problems as problem_pages
from geo_service.api.routing import undeclared
from geo_service.api.short_cuts import ShortCutMiddleware
from geo_service.api.state import AppState
from geo_service.api.street_guard import StreetGuard
from geo_service.services import job_kinds
from geo_service.services.attaining import Attainment
from geo_service.services.daily import DailyWork
from geo_service.services.dispatch_desk import DispatchDesk
from geo_service.services.duplicates import RuleKeeper
from geo_service.services.escalating import Escalation
from geo_service.services.feed import Feed
from geo_service.services.ground import Ground
from geo_service.services.identity import Gatekeeper, session_secret
from geo_service.services.jobs import Jobs
from geo_service.services.leading import Leading
from geo_service.services.mapping import Mapper
from geo_service.services.overview import Overview
from geo_service.services.plan_state import Plans
from geo_service.services.preview import Previews
from geo_service.services.preview_views import Views
from geo_service.services.reception import Reception
from geo_service.services.relaying import Relay
from geo_service.services.tiling import Tilings
from geo_service.services.travel_servers import TravelServers
from geo_service.services.warming import let_go, warm_in_background
from geo_service.services.watching import Watcher
from geo_service.services.webhooks import Sender
from geo_service.settings import Settings
from geo_service.store.cluster import Cluster
from geo_service.store.database import Database
from geo_service.web.assets import STATIC_URL

ROUTERS = (
    locate.router,  # asked most, and routes are tried in this order
    pages.router,
    planner_page.router,
    dispatch_pages.router,
    session.router,
    status.router,
    cells.router,
    cell_relations.router,
    *intake_doors.ROUTERS,
    candidates.router,
    dispatches.router,
    positions.router,
    desk.router,
    escalations.router,
    own_work.router,
    coverage.router,
    coverage_readings.router,
    coverage_truth.router,
    isochrones.router,
    patrol.router,
    rounds.router,
    patrol_routes.router,
    visits.router,
    siting.router,
    lead.router,
    lead.page_router,
    roster.router,
    roster.page_router,
    roster_entries.router,
    plans.router,
    plan_review.router,
    plan_split.router,
    registers.router,
    figures.router,
    attainment.router,
    monthly.router,
    office.router,
    sign_boards.router,
    sign_board_sheets.router,
    street.router,
    street.page_router,
    crosswalk.router,
    plan_preview.router,
    plan_preview.page_router,
    jobs.router,
    events.router,
    webhooks.router,
    imports.router,
    maps.router,
    maps.listed,
    keys.router,
    health.router,
    problem_pages.router,
)

#: How long a thread computes while another wants the interpreter. By Python's own 5 ms, a report that waits
#: for the database seven times waits seven times 5 ms longer beside a thread that computes.
SWITCH_EVERY_S = 0.001

#: Connections for reading, and for writing, at the front door, and how long to wait for one: reports go fast.
FRONT_POOL, FRONT_WAIT_S = 4, 5.0


def create_app(settings: Settings | None = None) -> FastAPI:
    """Put the application together; without ``settings`` they are read from the environment.

    Nothing is opened yet: the database is asked at the first request that needs it.
    """
    settings = settings or Settings()
    state = make_state(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        sys.setswitchinterval(SWITCH_EVERY_S)
        warm_in_background(state.tilings, state.ground, state.mapper)
        state.jobs.start()
        state.relay.start()
        state.sender.start()
        state.watcher.start()
        try:
            yield
        finally:
            let_go()
            state.watcher.stop()
            state.sender.stop()
            state.relay.stop()
            state.desk.board.close()
            state.jobs.stop()
            state.database.close()
            state.front.close()

    app = FastAPI(
        title="geo_service",
        version=__version__,
        summary="Community grids, point-to-cell and patrol coverage 社区网格、落点归格与巡防覆盖",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[  # the outermost first
            Middleware(EnvelopeMiddleware),
            Middleware(LimitsMiddleware, hosts=allowed_hosts(settings.host)),
            Middleware(ShortCutMiddleware),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5),
        ],
    )
    app.state.parts = state
    problems.register(app)
    openapi.install(app)
    for router in ROUTERS:
        # as they are: to include the router would make each of its routes a second time, 1.5 s at every start
        app.router.routes.extend(router.routes)
    app.mount(STATIC_URL, pages.static_files(), name="static")
    if open_doors := list(undeclared(app.routes)):
        raise TypeError(f"these do not say who may call them: {', '.join(open_doors)}")
    return app


def make_state(settings: Settings) -> AppState:
    """Make the parts that the routes use."""
    servers = TravelServers.parse(settings.travel_engine, settings.travel_servers, settings.travel_wait_s)
    pools = settings.read_pool_size, settings.write_pool_size
    database = _connect(settings, "geo_service", pools, settings.pool_timeout_s)
    front = _connect(settings, "geo_service front", (FRONT_POOL, FRONT_POOL), FRONT_WAIT_S)
    gate = Gatekeeper(front, session_secret(settings.home))
    tilings, ground = Tilings(front), Ground(database, servers)
    held_plans = Plans(database, tilings)
    desk = DispatchDesk(database, tilings, ground)
    escalation = Escalation(database, tilings, desk.books)
    return AppState(
        settings,
        database,
        front,
        tilings,
        ground,
        Mapper(database, ground, tilings, held_plans),
        Overview(database, tilings),
        held_plans,
        Previews(database, Views(database, held_plans, ground)),
        Jobs(database, job_kinds.kinds(held_plans, ground), apart=job_kinds.APART),
        Feed(database, tilings),
        Relay(database, DailyWork.of(database, ground, tilings)),
        Sender(database, loopback=settings.loopback_webhooks),
        gate,
        open_maps=is_loopback(settings.host) if settings.open_maps is None else settings.open_maps,
        open_counts=is_loopback(settings.host) and settings.open_maps is None,
        desk=desk,
        attainment=Attainment(database, ground, desk.desks),
        escalation=escalation,
        watcher=Watcher(escalation, RuleKeeper(database)),
        reception=Reception(front, tilings),
        street_guard=StreetGuard.shared(settings.who_cells_per_day, settings.workers),
        leading=Leading(database, tilings, ground),
    )


def _connect(settings: Settings, name: str, pools: tuple[int, int], wait_s: float) -> Database:
    return Database.connect(
        settings.external_url or Cluster(settings.home, binaries_folder=settings.postgres_bin).url(),
        read_size=pools[0],
        write_size=pools[1],
        statement_timeout_ms=settings.statement_timeout_ms,
        pool_timeout_s=wait_s,
        application=name,
    )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a service that listens there."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def allowed_hosts(host: str) -> frozenset[str]:
    """Return the ``Host`` headers to answer to: on loopback its names, elsewhere any."""
    return LOOPBACK_HOSTS | {host} if is_loopback(host) else frozenset()
