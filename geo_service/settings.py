"""All that an operator can set, in one object.

Read in ``create_app()`` and by the command line, nowhere else: every other room gets values as arguments.
Each field is an environment variable with the prefix ``GEO_SERVICE_`` (``GEO_SERVICE_PORT=8010``); a password
may also be a file of that name under ``/run/secrets`` (``geo_service_database_password``).
"""

from ipaddress import ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_SECRETS = Path("/run/secrets")


def default_home() -> Path:
    """Return ``.local`` of the checkout this package lies in; installed elsewhere, of the working folder.

    So ``/srv/a/.venv/bin/geo-service`` works on the state of ``/srv/a`` from whatever folder it is called.
    """
    checkout = Path(__file__).resolve().parents[1]
    root = checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()
    return root / ".local"


class Settings(BaseSettings):
    """The settings, checked and with their defaults.

    Attributes
    ----------
    home : Path
        Folder of all state: the private PostGIS, caches, keys. Absolute; two homes are two installations.
    database_url : SecretStr or None
        Address of a PostGIS of your own (``postgresql://user@host/db``). When set, the private one is never
        touched.
    database_password : SecretStr or None
        Put into ``database_url`` where that has no password; any characters, no quoting.
    postgres_bin : Path or None
        Folder of PostgreSQL's programs, where they are not found by themselves.
    host, port
        Where the service listens.
    workers : int
        Processes that answer requests.
    read_pool_size, write_pool_size : int
        Database connections per process, for reading and for writing.
    pool_timeout_s : float
        How long a request waits for a connection before it is told 503.
    statement_timeout_ms : int
        Longest statement of a request; 0 is no limit.
    open_maps : bool or None
        Whether maps need no key: with True whoever reads without one gets the public form. None: only where
        the service listens on this machine alone, and there maps and figures that name no person are whole.
    who : bool
        Whether everybody may ask at ``/who`` which grid a place is in and who answers for it. The page and
        its question are there only where the operator switches them on.
    who_cells_per_day : int
        Of so many different cells one address on the net is told the people in a day; of more only the border
        and what to report where.
    public_url : str
        Address under which the street reaches the service (``https://grid.example.org``): it goes into the
        codes on sign boards. Empty: boards carry none.
    smallest_count : int
        The smallest count of people or incidents that a map for the public tells; 1 keeps nothing back.
    loopback_webhooks : bool
        Whether webhooks may lead to this machine itself, where services trust whoever is inside.
    travel_engine : str
        Whose travel times the coverage of a moment goes by: the service's own, or those of a Valhalla or an
        OSRM server of yours.
    travel_servers : str
        Where that server is: ``http://host:8002`` for all modes, or mode by mode with commas between,
        ``ebike=http://host:5001,car=http://host:5002`` (of OSRM always so: one server knows one profile).
        The service asks there and nowhere else.
    travel_wait_s : float
        How long one answer may ask such a server altogether.
    trusted_proxies : str
        Addresses and networks, with commas between, of reverse proxies whose ``X-Forwarded-For`` and
        ``X-Forwarded-Proto`` are believed; empty for none.
    log_level : str
        Of the service's own log.
    """

    model_config = SettingsConfigDict(
        env_prefix="GEO_SERVICE_",
        env_ignore_empty=True,
        secrets_dir=_SECRETS if _SECRETS.is_dir() else None,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,  # an address may hold a password
    )

    home: Path = Field(default_factory=default_home)
    database_url: SecretStr | None = None
    database_password: SecretStr | None = None
    postgres_bin: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1, le=256)
    read_pool_size: int = Field(default=8, ge=1, le=200)
    write_pool_size: int = Field(default=4, ge=1, le=200)
    pool_timeout_s: float = Field(default=2.0, gt=0, le=60)
    statement_timeout_ms: int = Field(default=10_000, ge=0)
    open_maps: bool | None = None
    who: bool = False
    who_cells_per_day: int = Field(default=40, ge=1, le=100_000)
    public_url: str = ""
    smallest_count: int = Field(default=5, ge=1, le=1000)
    loopback_webhooks: bool = False
    travel_engine: Literal["embedded", "valhalla", "osrm"] = "embedded"
    travel_servers: str = ""
    travel_wait_s: float = Field(default=60.0, gt=0, le=600)
    trusted_proxies: str = "127.0.0.1"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("home", "postgres_bin")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value else None

    @field_validator("public_url")
    @classmethod
    def _address(cls, value: str) -> str:
        """Refuse what does not lead a phone anywhere."""
        parts = urlsplit(value.strip())
        if not value.strip():
            return ""
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("public_url must look like https://grid.example.org")
        return value.strip().rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        """Refuse names, and ``*``: it would let every caller choose his address."""
        return ",".join(str(ip_network(part.strip())) for part in value.split(",") if part.strip())

    @field_validator("log_level", "travel_engine", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _known_scheme(self) -> "Settings":
        if self.database_url is not None:
            scheme = urlsplit(self.database_url.get_secret_value()).scheme
            if scheme.partition("+")[0] not in {"postgresql", "postgres"}:
                raise ValueError("database_url must begin with postgresql://")
        return self

    @property
    def is_embedded(self) -> bool:
        """Whether the private PostGIS in ``home`` is used."""
        return self.database_url is None

    @property
    def external_url(self) -> str | None:
        """Address of the operator's own PostGIS as libpq takes it, password included; None when embedded."""
        if self.database_url is None:
            return None
        parts = urlsplit(self.database_url.get_secret_value())
        netloc = parts.netloc
        user, at, place = netloc.rpartition("@")
        if self.database_password is not None and at and ":" not in user:
            netloc = f"{user}:{quote(self.database_password.get_secret_value(), safe='')}@{place}"
        rest = urlunsplit(parts._replace(scheme="", netloc=""))  # "//" must stay also where the host is empty
        return f"postgresql://{netloc}{rest}"
