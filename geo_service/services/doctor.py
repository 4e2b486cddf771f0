"""Look over an installation: what is well, what is not, and what to do about it.

Every check is a function of the :class:`Settings` that gives one or more :class:`Check`; none of them changes
anything, and none fails because another one did.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from geo_service import __version__
from geo_service.errors import GeoServiceError
from geo_service.model import Mode
from geo_service.services.coverage_engines import server_of
from geo_service.services.travel_servers import TravelServers
from geo_service.settings import Settings
from geo_service.store.cluster import Cluster
from geo_service.store.cluster_binaries import MIN_MAJOR
from geo_service.store.cluster_facts import DatabaseFacts, read_facts
from geo_service.store.database import Database
from geo_service.store.migrate import EXTENSIONS, REMEDY, current, head, lacking

MIN_POSTGIS = (3, 3)
_GIB = 2**30
_DISK_FAIL_GIB, _DISK_WARN_GIB = 1, 5
_CLOCK_WARN_S = 2.0
_SERVER_ANSWERS_S = 5.0
_RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
_VENDORED = Path(__file__).resolve().parents[1] / "web" / "static" / "vendor" / "manifest.json"


class State(StrEnum):
    """How a check ended: a fail stops the service or endangers data, a warning will hurt one day."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes
    ----------
    name : str
        Of the check, stable, for scripts.
    state : State
    found : str
        What there is.
    remedy : str
        What to do; empty when all is well.
    """

    name: str
    state: State
    found: str
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the check as a JSON object."""
        return asdict(self)


def examine(settings: Settings) -> list[Check]:
    """Run every check, in an order fit for reading."""
    looks: tuple[Callable[[Settings], Iterator[Check]], ...] = (
        _program, _home, _disk, _database, _log, _engine, _port, _assets, _fonts, _clock,
    )  # fmt: skip
    return [check for look in looks for check in _guarded(look, settings)]


def schema_revision(url: str) -> str | None:
    """Return the revision of a database's schema, None while it is empty.

    Raises
    ------
    UnavailableError
        When the database does not answer.
    """
    return _look_at_schema(url)[0]


def _look_at_schema(url: str) -> tuple[str | None, list[str]]:
    """Return the revision, and what a database of the newest revision lacks all the same."""
    database = Database.connect(url, read_size=1, write_size=1, application="geo-service doctor")
    try:
        with database.reading() as connection:
            revision = current(connection)
            return revision, lacking(connection) if revision == head() else []
    finally:
        database.close()


def _guarded(look: Callable[[Settings], Iterator[Check]], settings: Settings) -> Iterator[Check]:
    name = look.__name__.lstrip("_")
    try:
        yield from look(settings)
    except (OSError, GeoServiceError) as failure:
        yield Check(name, State.FAIL, str(failure), "see what is said there; the other checks went on")


# ---------------------------------------------------------------- the machine


def _program(settings: Settings) -> Iterator[Check]:  # noqa: ARG001 - every look has the same signature
    python = ".".join(map(str, sys.version_info[:3]))
    yield Check(
        "program", State.OK, f"geo_service {__version__} on Python {python}, {os.cpu_count()} processors"
    )


def _home(settings: Settings) -> Iterator[Check]:
    home = settings.home
    if not home.is_dir():
        yield Check("home", State.OK, f"{home} is not there yet; the first start makes it")
        return
    mode = home.stat().st_mode & 0o777
    if not os.access(home, os.W_OK):
        yield Check(
            "home", State.FAIL, f"{home} may not be written", "run as its owner, or set GEO_SERVICE_HOME"
        )
    elif mode & 0o022:
        yield Check("home", State.WARN, f"{home} may be written by others ({mode:o})", f"chmod go-w '{home}'")
    else:
        yield Check("home", State.OK, f"{home} ({mode:o})")
    yield from _secrets(Cluster(home))


def _secrets(cluster: Cluster) -> Iterator[Check]:
    loose = [
        path
        for path in (cluster.folder / "password", cluster.data)
        if path.exists() and path.stat().st_mode & 0o077
    ]
    if loose:
        names = " ".join(f"'{path}'" for path in loose)
        yield Check("secrets", State.FAIL, f"{names} may be read by others", f"chmod go-rwx {names}")
    left = sorted(cluster.folder.glob("data.broken-*")) if cluster.folder.is_dir() else []
    if left:
        yield Check(
            "leftovers",
            State.WARN,
            f"{len(left)} damaged data folder(s) put aside in {cluster.folder}",
            "remove data.broken-* once you are sure that nothing in them is needed",
        )


def _disk(settings: Settings) -> Iterator[Check]:
    folder = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free_gib = shutil.disk_usage(folder).free / _GIB
    found = f"{free_gib:.1f} GiB free where {folder} lies"
    remedy = "make room: PostgreSQL stops when the disk is full"
    if free_gib < _DISK_FAIL_GIB:
        yield Check("disk", State.FAIL, found, remedy)
    elif free_gib < _DISK_WARN_GIB:
        yield Check("disk", State.WARN, found, remedy)
    else:
        yield Check("disk", State.OK, found)


def _port(settings: Settings) -> Iterator[Check]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as failure:
            yield Check(
                "port",
                State.WARN,
                f"{settings.host}:{settings.port} cannot be listened on ({failure.strerror})",
                "if this is not our own service already at work, choose another: GEO_SERVICE_PORT=8010",
            )
        else:
            yield Check("port", State.OK, f"{settings.host}:{settings.port} is free")


def _engine(settings: Settings) -> Iterator[Check]:
    """Say whose travel times coverage goes by, and ask a server whether it answers."""
    parts = (settings.travel_engine, settings.travel_servers)
    servers = TravelServers.parse(*parts, min(settings.travel_wait_s, _SERVER_ANSWERS_S))
    if not servers.modes:
        yield Check("travel engine", State.OK, "embedded")
    for address in sorted(set(servers.address.values())):
        modes = [mode for mode in Mode if servers.address.get(mode) == address]
        found = f"{servers.kind} at {address} for {', '.join(mode.value for mode in modes)}"
        try:
            with server_of(servers, modes[0]) as server:
                version = server.version()
        except GeoServiceError as failure:
            remedy = "until it answers, coverage tells 503; GEO_SERVICE_TRAVEL_ENGINE=embedded does without"
            yield Check("travel engine", State.FAIL, f"{found}: {failure.detail}", remedy)
        else:
            yield Check("travel engine", State.OK, f"{found}; answers {version}".rstrip())


def _assets(settings: Settings) -> Iterator[Check]:  # noqa: ARG001 - every look has the same signature
    if _VENDORED.is_file():
        yield Check("assets", State.OK, "front-end files are in place")
    else:
        yield Check(
            "assets", State.FAIL, "the front-end files are missing: maps stay blank", "run scripts/setup"
        )


def _fonts(settings: Settings) -> Iterator[Check]:  # noqa: ARG001 - every look has the same signature
    font = _chinese_font()
    if font:
        yield Check("fonts", State.OK, f"Chinese text: {font}")
    else:
        yield Check(
            "fonts",
            State.WARN,
            "no Chinese font on this machine: a browser here (also for print and pictures) shows boxes",
            "apt-get install fonts-wqy-microhei; browsers on other machines do not need it",
        )


def _chinese_font() -> str | None:
    """Return the name of a font that covers Chinese, asked from fontconfig, else guessed from files."""
    if program := shutil.which("fc-list"):
        done = subprocess.run(  # noqa: S603 - fixed words
            [program, ":lang=zh", "family"], capture_output=True, text=True, timeout=20, check=False
        )
        if done.returncode == 0:
            return next(iter(sorted(done.stdout.splitlines())), None)
    folders = (
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        Path.home() / ".local" / "share" / "fonts",
    )
    telling = re.compile(r"cjk|wqy|han-?(sans|serif)|simsun|droidsansfallback|uming|ukai", re.IGNORECASE)
    files = (file for folder in folders if folder.is_dir() for file in folder.rglob("*"))
    return next((file.name for file in files if telling.search(file.name)), None)


def _clock(settings: Settings) -> Iterator[Check]:  # noqa: ARG001 - every look has the same signature
    now = datetime.now(UTC)
    zone = datetime.now().astimezone().tzname()
    if now < _RELEASED:
        yield Check(
            "clock",
            State.FAIL,
            f"this machine says {now:%Y-%m-%d %H:%M} UTC",
            "set it: timedatectl set-ntp on",
        )
    else:
        yield Check("clock", State.OK, f"{now:%Y-%m-%d %H:%M:%S} UTC; local time zone {zone}")
    try:
        ZoneInfo("Asia/Shanghai")
    except ZoneInfoNotFoundError:
        yield Check("time zones", State.FAIL, "the table of time zones is missing", "apt-get install tzdata")


# ---------------------------------------------------------------- the database


def _database(settings: Settings) -> Iterator[Check]:
    url = settings.external_url
    if url is None:
        cluster = Cluster(settings.home, binaries_folder=settings.postgres_bin)
        programs = cluster.binaries()
        yield Check("postgres programs", State.OK, f"PostgreSQL {programs.major} in {programs.folder}")
        status = cluster.status()
        if not status.running:
            found = "the private PostGIS is down" if status.made else "there is no private PostGIS yet"
            remedy = "nothing: commands start it when they need it; geo-service db start lets it be looked at"
            yield Check("database", State.WARN, found, remedy)
            return
        url = cluster.url()
    remedy = (
        "geo-service db start"
        if settings.is_embedded
        else "look at GEO_SERVICE_DATABASE_URL and at that server"
    )
    try:
        facts = read_facts(url)
    except GeoServiceError as failure:
        yield Check("database", State.FAIL, failure.detail, remedy)
        return
    size_mib = facts.size_bytes / 2**20
    yield Check("database", State.OK, f"answers; {size_mib:.0f} MiB")
    yield from _versions(facts)
    yield from _server(facts)
    yield from _schema(url)


def _versions(facts: DatabaseFacts) -> Iterator[Check]:
    right = facts.server_major >= MIN_MAJOR
    yield Check(
        "postgresql",
        State.OK if right else State.FAIL,
        f"PostgreSQL {facts.server_version}",
        "" if right else f"version {MIN_MAJOR} or newer is needed",
    )
    version, _schema_name = facts.extensions.get("postgis", ("none", ""))
    right = tuple(int(digits) for digits in re.findall(r"\d+", version)[:2]) >= MIN_POSTGIS
    yield Check(
        "postgis",
        State.OK if right else State.FAIL,
        f"PostGIS {version}",
        "" if right else "version 3.3 or newer is needed; geo-service db migrate creates the extension",
    )
    missing = [name for name in EXTENSIONS if name not in facts.extensions]
    elsewhere = [
        n for n, (_, schema) in facts.extensions.items() if n in EXTENSIONS and schema != "extensions"
    ]
    if missing:
        yield Check("extensions", State.FAIL, f"missing: {', '.join(missing)}", "geo-service db migrate")
    elif elsewhere:
        yield Check(
            "extensions",
            State.WARN,
            f"not in the schema extensions: {', '.join(elsewhere)}",
            "their functions show up in OGC clients; a new database has them in their own schema",
        )
    else:
        yield Check("extensions", State.OK, ", ".join(sorted(set(facts.extensions) - {"plpgsql"})))


def _server(facts: DatabaseFacts) -> Iterator[Check]:
    if facts.encoding != "UTF8":
        yield Check("encoding", State.FAIL, facts.encoding, "make the database anew with encoding UTF8")
    share = facts.connections / facts.max_connections
    yield Check(
        "connections",
        State.WARN if share > 0.8 else State.OK,
        f"{facts.connections} of {facts.max_connections} in use",
        "fewer workers or smaller pools, or a higher max_connections" if share > 0.8 else "",
    )
    apart = abs(facts.clock_ahead_s) > _CLOCK_WARN_S
    yield Check(
        "database clock",
        State.FAIL if apart else State.OK,
        f"{facts.clock_ahead_s:+.3f} s against this machine",
        "set both clocks by NTP: editions and response times are judged by them" if apart else "",
    )


def _schema(url: str) -> Iterator[Check]:
    (revision, missing), newest = _look_at_schema(url), head()
    if missing:
        found = f"made by an unreleased version of the program; it lacks {', '.join(missing[:5])}"
        yield Check("schema", State.FAIL, found, REMEDY)
    elif revision == newest:
        yield Check("schema", State.OK, f"revision {revision}, the newest")
    else:
        yield Check(
            "schema",
            State.FAIL,
            f"revision {revision or 'none'}, the newest is {newest}",
            "geo-service db migrate",
        )


# ---------------------------------------------------------------- the server's log

_ENTRY = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC \[\d+\] .*?(ERROR|FATAL|PANIC): +(.*)")
_DAMAGE = re.compile(
    r"invalid page|checksum|No space left|could not (?:write|extend|fsync|open file|read block)|out of memory"
    r"|corrupt|unexpected (?:zero|data beyond)",
    re.IGNORECASE,
)


def _log(settings: Settings) -> Iterator[Check]:
    if not settings.is_embedded:
        return
    cluster = Cluster(settings.home)
    files = cluster.log_files() if cluster.status().made else []
    since = datetime.now(UTC) - timedelta(days=1)
    entries = [entry for file in files for entry in _entries(file, since)]
    grave = [text for level, text in entries if level == "PANIC" or _DAMAGE.search(text)]
    if grave:
        yield Check(
            "database log",
            State.FAIL,
            f"{len(grave)} grave in the last 24 hours, first: {grave[0][:160]}",
            f"take a backup (geo-service db backup), then look at disk, memory and {cluster.data / 'log'}",
        )
    else:
        yield Check(
            "database log", State.OK, f"nothing grave in the last 24 hours, {len(entries)} refused statements"
        )


def _entries(file: Path, since: datetime, limit: int = 500_000) -> Iterator[tuple[str, str]]:
    """Give level and text of the errors since a moment."""
    with file.open(errors="replace") as lines:
        for line in islice(lines, limit):
            if (entry := _ENTRY.match(line)) and datetime.fromisoformat(entry[1]).replace(
                tzinfo=UTC
            ) >= since:
                yield entry[2], entry[3]
