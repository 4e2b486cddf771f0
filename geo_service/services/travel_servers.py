"""Which travel engine the operator has chosen, and for a server of his own at what address for which mode.

The addresses come from the settings and from nowhere else: no request can make the service ask somewhere.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.model import Mode

EMBEDDED = "embedded"
KINDS = (EMBEDDED, "valhalla", "osrm")
#: How long one answer may ask a server, s, where nothing else is set.
STANDARD_WAIT_S = 60.0


@dataclass(frozen=True)
class TravelServers:
    """The engine that answers for travel time.

    Attributes
    ----------
    kind : str
        ``embedded``, ``valhalla`` or ``osrm``.
    address : mapping of Mode to str
        Where the server of each mode is; a mode without one is answered for by the embedded engine.
    wait_s : float
        How long one answer may ask the server altogether.
    """

    kind: str = EMBEDDED
    address: Mapping[Mode, str] = field(default_factory=dict)
    wait_s: float = STANDARD_WAIT_S

    @classmethod
    def parse(cls, kind: str, text: str, wait_s: float = STANDARD_WAIT_S) -> "TravelServers":
        """Read what was set: one address for all modes, or ``mode=address`` with commas between.

        Raises
        ------
        InvalidInputError
            With one fault for each part that is not in order.
        """
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if kind == EMBEDDED:
            return cls(wait_s=wait_s)
        faults = (
            [] if kind in KINDS else [_fault(f"use one of {', '.join(KINDS)}", f"可用：{'、'.join(KINDS)}")]
        )
        address: dict[Mode, str] = {}
        for part in parts:
            name, equals, rest = part.partition("=")
            known = [mode for mode in Mode if mode.value == name.strip()]
            if not equals and kind == "osrm":
                # an OSRM server answers with the one profile it was built with, whatever profile is named
                faults.append(
                    _fault("say of which mode: ebike=http://host:5000", "请注明方式：ebike=http://主机:5000")
                )
            elif equals and not known:
                faults.append(_fault("modes are walk, ebike and car", "方式为 walk、ebike、car"))
            else:
                url = rest.strip() if equals else part
                faults += _not_an_address(url)
                address |= dict.fromkeys(known if equals else Mode, url)
        if not parts:
            faults.append(
                _fault("give the server's address, http://host:port", "请填写服务器地址 http://主机:端口")
            )
        if faults:
            raise InvalidInputError(
                Words(
                    "GEO_SERVICE_TRAVEL_SERVERS is not in order: " + "; ".join(one.message for one in faults),
                    "GEO_SERVICE_TRAVEL_SERVERS 设置有误",
                ),
                faults,
            )
        return cls(kind, address, wait_s)

    def __hash__(self) -> int:
        """Agree with equality: addresses in a fixed order."""
        return hash((self.kind, tuple(sorted(self.address.items())), self.wait_s))

    @property
    def modes(self) -> frozenset[Mode]:
        """Modes that a server answers for."""
        return frozenset(self.address)

    def mark(self, mode: Mode, version: str) -> str:
        """Return a digest of everything known of a mode's server: its kind, its address, what it runs on."""
        return hashlib.sha256("\x1f".join((self.kind, self.address[mode], version)).encode()).hexdigest()


def _fault(en: str, zh: str) -> Fault:
    return Fault("GEO_SERVICE_TRAVEL_SERVERS", Words(en, zh))


def _not_an_address(url: str) -> list[Fault]:
    return [] if is_address(url) else [_fault("an address is http://host:port", "地址形如 http://主机:端口")]


def is_address(url: str) -> bool:
    """Tell whether this is the plain address of a server: no password in it, no question, no fragment."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and plain
