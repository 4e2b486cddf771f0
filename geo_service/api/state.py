"""What routes need, made once in ``create_app`` and handed to them by type."""

from dataclasses import dataclass, field
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Request

from geo_service.api.attempts import FailedAttempts
from geo_service.api.street_guard import StreetGuard
from geo_service.services.attaining import Attainment
from geo_service.services.dispatch_desk import DispatchDesk
from geo_service.services.escalating import Escalation
from geo_service.services.feed import Feed
from geo_service.services.ground import Ground
from geo_service.services.identity import Gatekeeper
from geo_service.services.jobs import Jobs
from geo_service.services.leading import Leading
from geo_service.services.mapping import Mapper
from geo_service.services.overview import Overview
from geo_service.services.plan_state import Plans
from geo_service.services.preview import Previews
from geo_service.services.reception import Reception
from geo_service.services.relaying import Relay
from geo_service.services.tiling import Tilings
from geo_service.services.watching import Watcher
from geo_service.services.webhooks import Sender
from geo_service.settings import Settings
from geo_service.store.database import Database

#: As many as all other requests share.
FRONT_THREADS = 40
#: So many of the street's questions are answered at once: a crowd there leaves the office its connections.
STREET_THREADS = 2
#: So many drawings of sign boards are made at once: each takes a core for as long as it lasts.
DRAWING_THREADS = 2
#: So many maps are worked out at once; whoever asks for another waits without holding a thread.
MAP_THREADS = 2
#: So many readings of coverage and ways are worked out at once: see :mod:`geo_service.api.heavy`.
HEAVY_THREADS = 2


@dataclass(slots=True)
class AppState:
    """The application's parts.

    Attributes
    ----------
    settings : Settings
        As read at the start.
    database : Database
        The pools.
    front : Database
        Pools for nothing but reports, who calls, and what is in force: see :mod:`geo_service.api.front`.
    front_threads : CapacityLimiter
        The threads of the front door.
    tilings : Tilings
        Editions held in memory.
    ground : Ground
        Roads and demand held in memory.
    mapper : Mapper
        Makes the parts of maps.
    overview : Overview
        Figures of the front page.
    plans : Plans
        Plans held in memory.
    previews : Previews
        Reports on plans, the last ones held in memory.
    jobs : Jobs
        Work that outlasts a request.
    feed : Feed
        Events as they happen.
    relay : Relay
        Announces them, in a thread of its own.
    sender : Sender
        Posts them to webhooks, in threads of its own.
    gate : Gatekeeper
        Recognises API keys and sessions.
    attempts : FailedAttempts
        Unknown keys per address.
    open_maps : bool
        Maps need no key.
    open_counts : bool
        Nor do counts by cell, and maps without a key are whole: the service answers this machine alone. Else
        whoever reads without a key is the public, for which small counts are kept back.
    desk : DispatchDesk
        Who can be there soonest, positions, sending.
    attainment : Attainment
        Why nobody arrived in time.
    escalation : Escalation
        Supervision cards and whistles.
    watcher : Watcher
        Issues them, in a thread of its own.
    reception : Reception
        Takes in reports that come one by one.
    street_guard : StreetGuard
        Keeps the street's page from being harvested.
    leading : Leading
        Answers for those who lead, worked out once for all who look.
    street_threads : CapacityLimiter
        The threads of the street's questions.
    drawing_threads : CapacityLimiter
        The threads that draw sign boards.
    map_threads : CapacityLimiter
        The threads in which figures and overlays of maps are worked out, and files and pages of plans drawn.
    heavy_threads : CapacityLimiter
        The threads of other heavy readings.
    """

    settings: Settings
    database: Database
    front: Database
    tilings: Tilings
    ground: Ground
    mapper: Mapper
    overview: Overview
    plans: Plans
    previews: Previews
    jobs: Jobs
    feed: Feed
    relay: Relay
    sender: Sender
    gate: Gatekeeper
    open_maps: bool
    open_counts: bool
    desk: DispatchDesk
    attainment: Attainment
    escalation: Escalation
    watcher: Watcher
    reception: Reception
    street_guard: StreetGuard
    leading: Leading
    front_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(FRONT_THREADS))
    street_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(STREET_THREADS))
    drawing_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(DRAWING_THREADS))
    map_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(MAP_THREADS))
    heavy_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(HEAVY_THREADS))
    attempts: FailedAttempts = field(default_factory=FailedAttempts)


async def app_state(request: Request) -> AppState:
    """Return the application's parts (a coroutine, so that no thread is taken for it)."""
    state: AppState = request.app.state.parts
    return state


State = Annotated[AppState, Depends(app_state)]
