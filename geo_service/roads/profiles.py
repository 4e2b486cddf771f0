"""Speeds: how fast each mode goes on each class of street, read from data with its sources."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.model import Mode
from geo_service.roads.network import Access, Block, RoadNetwork

LIMIT_RULES = ("ignore", "cap", "share")
ACCESS_BITS = {
    Mode.WALK: (Access.WALK_FORWARD, Access.WALK_BACK),
    Mode.EBIKE: (Access.EBIKE_FORWARD, Access.EBIKE_BACK),
    Mode.CAR: (Access.CAR_FORWARD, Access.CAR_BACK),
}
BLOCK_BIT = {Mode.WALK: Block.WALK, Mode.EBIKE: Block.EBIKE, Mode.CAR: Block.CAR}


@dataclass(frozen=True, slots=True)
class Profile:
    """Speeds of one mode.

    Attributes
    ----------
    kmh : mapping of str to float
        Speed by class of street; ``other`` for classes not named.
    limit : {"ignore", "cap", "share"}
        What a signed limit does: nothing; caps the speed; replaces it by ``limit_share`` of the limit.
    limit_share, limit_most_kmh : float
        Used by the rule ``share``.
    """

    kmh: Mapping[str, float]
    limit: str = "ignore"
    limit_share: float = 1.0
    limit_most_kmh: float = 120.0

    def speed_kmh(
        self, edge_class: NDArray[np.object_], maxspeed_kmh: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return the speed on each edge, km/h, (m,) float64."""
        classes, inverse = np.unique(edge_class.astype(str), return_inverse=True)
        other = self.kmh["other"]
        speed = np.array([self.kmh.get(name, other) for name in classes], dtype=np.float64)[inverse]
        signed = maxspeed_kmh.astype(np.float64)
        if self.limit == "cap":
            return np.where(signed > 0, np.minimum(speed, signed), speed)
        if self.limit == "share":
            driven = np.minimum(signed * self.limit_share, self.limit_most_kmh)
            return np.where(signed > 0, driven, speed)
        return speed


@dataclass(frozen=True, slots=True)
class Speeds:
    """The profiles of all modes, and the walking speed between a point and the street, m/s."""

    profiles: Mapping[Mode, Profile]
    access_mps: float

    def edge_kmh(self, network: RoadNetwork, mode: Mode) -> NDArray[np.float64]:
        """Return the speed of ``mode`` on each edge of the network, km/h."""
        return self.profiles[mode].speed_kmh(network.edge_class, network.edge_maxspeed_kmh)


def load_speeds(source: str | Mapping[str, Any] | None = None) -> Speeds:
    """Read speeds from TOML text or an equal mapping; without either, those that come with the program.

    Raises
    ------
    InvalidInputError
        With one fault for each figure that is missing or not a sensible speed.
    """
    if source is None:
        source = files("geo_service.roads").joinpath("speeds.toml").read_text("utf-8")
    if isinstance(source, str):
        try:
            table: Mapping[str, Any] = tomllib.loads(source)
        except tomllib.TOMLDecodeError as error:
            raise InvalidInputError(
                "The speeds are not valid TOML.", [Fault("", f"correct the file: {error}")]
            ) from error
    else:
        table = source
    faults: list[Fault] = []
    access_mps = _number(table, "access_mps", "access_mps", 3.0, faults)
    profiles = {mode: _profile(mode, table.get(mode.value), faults) for mode in Mode}
    if faults:
        raise InvalidInputError("The table of speeds has faults.", faults)
    return Speeds(profiles, access_mps)


def _profile(mode: Mode, entry: Any, faults: list[Fault]) -> Profile:
    """Read one mode's table; faults are added, and a harmless profile returned in their presence."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("kmh"), Mapping):
        faults.append(Fault(mode.value, f"add a table [{mode.value}.kmh] with at least 'other'"))
        return Profile({"other": 1.0})
    limit = entry.get("limit", "ignore")
    if limit not in LIMIT_RULES:
        faults.append(Fault(f"{mode.value}.limit", f"use one of {', '.join(LIMIT_RULES)}", value=limit))
    kmh = {
        str(name): _number(entry["kmh"], name, f"{mode.value}.kmh.{name}", 200.0, faults)
        for name in {"other", *entry["kmh"]}
    }
    share = _number({"limit_share": 1.0, **entry}, "limit_share", f"{mode.value}.limit_share", 1.5, faults)
    most = _number(
        {"limit_most_kmh": 120.0, **entry}, "limit_most_kmh", f"{mode.value}.limit_most_kmh", 200.0, faults
    )
    return Profile(kmh, str(limit), share, most)


def _number(table: Mapping[str, Any], key: str, field: str, most: float, faults: list[Fault]) -> float:
    """Return ``table[key]`` as a positive number of at most ``most``, or note a fault and return 1."""
    value = table.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= most:
        return float(value)
    faults.append(Fault(field, f"give a number above 0 and at most {most:g}", value=value))
    return 1.0
