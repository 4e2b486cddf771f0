"""Interleaved timing, the rows of a result table, and the file they are written to."""

import gc
import importlib.metadata
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

Clock = Literal["cpu", "wall"]
RESULTS = Path(__file__).with_name("RESULTS.md")
PREAMBLE = """# Results

Written by `python -m benchmarks`; each table says when and on which machine it was measured. How the
figures are taken is in the docstring of `benchmarks/__init__.py`. On a busy machine trust the ratios, not
the seconds.
"""
PACKAGES = ("numpy", "numba", "scipy", "shapely", "geopandas")


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of every turn of ours and of the peer, in the order they were run."""

    ours_s: tuple[float, ...]
    peer_s: tuple[float, ...]
    clock: Clock

    @property
    def ours_median_s(self) -> float:
        return statistics.median(self.ours_s)

    @property
    def peer_median_s(self) -> float:
        return statistics.median(self.peer_s)

    @property
    def ratio(self) -> float:
        """How many times faster ours is: the median over turns that stood side by side."""
        return statistics.median(p / o for o, p in zip(self.ours_s, self.peer_s, strict=True))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a result table."""

    job: str
    ours: str
    peer: str = "–"
    ratio: str = "–"
    target: str = "–"
    passed: bool | None = None
    note: str = ""

    @classmethod
    def versus(
        cls,
        job: str,
        peer: str,
        timing: Timing,
        *,
        at_least: float | None = None,
        count: int | None = None,
        note: str = "",
    ) -> Self:
        """Make a row that compares with a peer; ``count`` adds the rate in items a second."""
        return cls(
            job=job,
            ours=_figure(timing.ours_median_s, count),
            peer=f"{peer}: {_figure(timing.peer_median_s, count)}",
            ratio=f"{timing.ratio:.3g} ×",
            target="–" if at_least is None else f"≥ {at_least:g} ×",
            passed=None if at_least is None else timing.ratio >= at_least,
            note=note,
        )

    @classmethod
    def figure(
        cls, job: str, value: float, unit: str, *, at_most: float | None = None, note: str = ""
    ) -> Self:
        """Make a row with one measured figure and, perhaps, a ceiling."""
        return cls(
            job=job,
            ours=f"{_short(value)} {unit}",
            target="–" if at_most is None else f"≤ {at_most:g} {unit}",
            passed=None if at_most is None else value <= at_most,
            note=note,
        )


def time_of(work: Callable[[], Any], *, rounds: int = 1, clock: Clock = "cpu") -> float:
    """Return the median seconds of ``rounds`` calls."""
    return statistics.median(_one_turn(work, clock) for _ in range(rounds))


def compare(
    ours: Callable[[], Any],
    peer: Callable[[], Any],
    *,
    rounds: int = 5,
    clock: Clock = "cpu",
    warm_up: bool = True,
) -> Timing:
    """Time two ways of doing the same work, turn by turn, changing who goes first.

    Parameters
    ----------
    ours, peer : callable
        Each does the whole job once; what they return is thrown away.
    rounds : int
        Timed turns of each.
    clock : {"cpu", "wall"}
        CPU seconds of this process (all its threads), or seconds on the wall.
    warm_up : bool
        Run each once untimed first (compilation, caches).
    """
    if warm_up:
        ours()
        peer()
    ours_s: list[float] = []
    peer_s: list[float] = []
    for turn in range(rounds):
        for work, seconds in ((ours, ours_s), (peer, peer_s))[:: 1 if turn % 2 == 0 else -1]:
            seconds.append(_one_turn(work, clock))
    return Timing(tuple(ours_s), tuple(peer_s), clock)


def machine() -> str:
    """Say what the figures were measured on: processor, cores, system, Python, packages, load."""
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {', '.join(versions)}; load {os.getloadavg()[0]:.1f}"
    )


def section(name: str, about: str, rows: Sequence[Row], measured_on: str, moment: datetime) -> str:
    """Return the Markdown of one module's results, from its heading to its last line."""
    lines = [
        f"## {name}",
        "",
        about,
        "",
        f"Measured {moment:%Y-%m-%d %H:%M} UTC on {measured_on}.",
        "",
        "| job | ours | peer | ratio | target | met | note |",
        "|---|---|---|---|---|---|---|",
    ]
    met = {True: "yes", False: "**no**", None: "–"}
    lines += [
        f"| {r.job} | {r.ours} | {r.peer} | {r.ratio} | {r.target} | {met[r.passed]} | {r.note} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def write(name: str, about: str, rows: Sequence[Row], *, path: Path = RESULTS) -> None:
    """Replace one module's section in the results file, keeping the others and their order by name."""
    sections: dict[str, str] = {}
    if path.exists():
        for part in re.split(r"^(?=## )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            sections[part.splitlines()[0].removeprefix("## ")] = part.strip() + "\n"
    sections[name] = section(name, about, rows, machine(), datetime.now(UTC))
    path.write_text("\n".join([PREAMBLE, *(sections[key] for key in sorted(sections))]), encoding="utf-8")


def _one_turn(work: Callable[[], Any], clock: Clock) -> float:
    now = time.process_time if clock == "cpu" else time.perf_counter
    gc.collect()
    start = now()
    work()
    return now() - start


def _figure(seconds: float, count: int | None) -> str:
    rate = "" if count is None else f" ({_short(count / seconds)}/s)"
    return f"{_short(seconds * 1000)} ms{rate}" if seconds < 1 else f"{_short(seconds)} s{rate}"


def _short(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:.3g} M"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
