"""Paces: which share of its free speed a mode makes of a class of street at an hour of the week."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.model import Mode
from geo_service.roads.graph import RoadGraph
from geo_service.roads.kernels_timed import HOURS
from geo_service.roads.timed import FASTEST_PERMILLE, SLOWEST_PERMILLE, TimedGraph

DAY = 24
#: Hours of the week (Monday 00:00 is 0) whose speeds stand for the rush hour and for the night.
RUSH_HOUR, NIGHT_HOUR = 8, 2


@dataclass(frozen=True, slots=True, eq=False)
class Paces:
    """Paces of all modes.

    ``hours`` maps a mode to its classes of street (``other`` for those not named), each with (168,) int64
    thousandths of the free speed, Monday 00:00 first. A mode not named goes at its free speed.
    """

    hours: Mapping[Mode, Mapping[str, NDArray[np.int64]]]

    def timed(self, graph: RoadGraph, *, share: float = 1.0) -> TimedGraph:
        """Return a graph with these paces, all of them multiplied by a share (rain)."""
        classes = self.hours.get(graph.mode, {})
        names = sorted({"other", *classes})
        free = np.full(HOURS, 1000, np.int64)
        base = classes.get("other", free)
        rate = np.stack([classes.get(name, base) for name in names]).astype(np.float64) * share
        row = {name: i for i, name in enumerate(names)}
        kinds, inverse = np.unique(graph.network.edge_class.astype(str), return_inverse=True)
        of_kind = np.array([row.get(str(kind), row["other"]) for kind in kinds], np.int16)
        whole = np.clip(np.floor(rate + 0.5), SLOWEST_PERMILLE, FASTEST_PERMILLE).astype(np.int64)
        group = of_kind[inverse] if len(kinds) else np.empty(0, np.int16)
        return TimedGraph(graph, group, whole)

    def held_at(self, hour: int) -> "Paces":
        """Return paces in which one hour of the week lasts for ever."""
        return Paces(
            {
                mode: {name: np.full(HOURS, row[hour % HOURS], np.int64) for name, row in classes.items()}
                for mode, classes in self.hours.items()
            }
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the paces as :func:`load_paces` reads them, hour by hour of the week."""
        return {
            mode.value: {
                "week": [int(x) / 1000 for x in classes.get("other", np.full(HOURS, 1000))],
                "classes": {
                    name: {"week": [int(x) / 1000 for x in row]}
                    for name, row in sorted(classes.items())
                    if name != "other"
                },
            }
            for mode, classes in sorted(self.hours.items())
        }


FREE = Paces({})


def typical() -> Paces:
    """Return the paces that come with the program."""
    return load_paces(tomllib.loads(files("geo_service.roads").joinpath("paces.toml").read_text("utf-8")))


def load_paces(table: Mapping[str, Any]) -> Paces:
    """Read paces: for each mode ``weekday`` and ``weekend`` (24 figures) or ``week`` (168), and ``classes``.

    Raises
    ------
    InvalidInputError
        With one fault for each row that is not in order.
    """
    faults: list[Fault] = []
    known = {mode.value for mode in Mode}
    for name in set(table) - known:
        message = Words(f"use one of {', '.join(sorted(known))}", f"可用：{'、'.join(sorted(known))}")
        faults.append(Fault(str(name), message))
    hours = {mode: _classes(mode.value, table[mode.value], faults) for mode in Mode if mode.value in table}
    if faults:
        message = Words("the table of paces has faults", "速度比例表有误")
        raise InvalidInputError(message, faults)
    return Paces(hours)


def _classes(field: str, entry: Any, faults: list[Fault]) -> dict[str, NDArray[np.int64]]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("classes", {}), Mapping):
        faults.append(Fault(field, Words("give a table with weekday, or week", "请给出 weekday 或 week")))
        return {}
    out = {"other": _week(field, entry, faults)}
    for name, own in entry.get("classes", {}).items():
        out[str(name)] = _week(f"{field}.classes.{name}", own, faults)
    return out


def _week(field: str, entry: Any, faults: list[Fault]) -> NDArray[np.int64]:
    given = entry if isinstance(entry, Mapping) else {}
    if "week" in given:
        row = _figures(f"{field}.week", given["week"], HOURS, faults)
    else:
        weekday = _figures(f"{field}.weekday", given.get("weekday"), DAY, faults)
        weekend = weekday
        if "weekend" in given:
            weekend = _figures(f"{field}.weekend", given["weekend"], DAY, faults)
        row = [*weekday * 5, *weekend * 2]
    return np.floor(np.array(row) * 1000 + 0.5).astype(np.int64)


def _figures(field: str, value: Any, count: int, faults: list[Fault]) -> list[float]:
    """Return ``count`` shares, or note a fault and return ones."""
    least, most = SLOWEST_PERMILLE / 1000, FASTEST_PERMILLE / 1000
    fine = isinstance(value, list) and len(value) == count
    if fine and all(isinstance(x, int | float) and least <= x <= most for x in value):
        return [float(x) for x in value]
    message = Words(
        f"give {count} shares from {least:g} to {most:g}", f"请给出 {count} 个 {least:g} 至 {most:g} 的比例"
    )
    faults.append(Fault(field, message))
    return [1.0] * count
