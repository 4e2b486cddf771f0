"""Streets for one way of travelling: from an OpenStreetMap file, a layer of lines, or a network at hand."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.library.frames import (
    MAX_FAULTS,
    LibraryWarning,
    in_crs_of,
    points_deg,
    require_column,
    require_frame,
    shapes_deg,
    warn_of,
)
from geo_service.model import Mode
from geo_service.roads import osm_tags
from geo_service.roads.changes import with_closed
from geo_service.roads.graph import RoadGraph, build_graph
from geo_service.roads.lines import network_of_lines
from geo_service.roads.network import RoadNetwork
from geo_service.roads.osm import read_pbf
from geo_service.roads.paces import load_paces, typical
from geo_service.roads.profiles import load_speeds
from geo_service.roads.snap import Snapper, Snaps

MAX_STREET_M = 500.0
"""Farther from a street nobody sets out and nothing is reached, unless told otherwise."""


@dataclass(frozen=True, eq=False)
class StreetGraph:
    """Streets as one mode of travel sees them. Made by :func:`street_graph`; never changes.

    Attributes
    ----------
    mode : str
        ``walk``, ``ebike`` or ``car``.
    graph : RoadGraph
        What the rooms below compute on.
    """

    graph: RoadGraph
    _crs: gpd.GeoDataFrame = field(repr=False)  # an empty frame in the CRS of the answers
    _line: pd.Index | None = field(default=None, repr=False)  # label of the line of each edge

    @property
    def mode(self) -> str:
        """How one travels."""
        return self.graph.mode.value

    @cached_property
    def snapper(self) -> Snapper:
        """What finds the street of a point."""
        return Snapper(self.graph)

    @cached_property
    def edges(self) -> gpd.GeoDataFrame:
        """Stretches of street between crossings, by id.

        ``name``, ``highway``, ``length_m``, ``forward_s`` and ``back_s`` (NaN where one may not go), and for
        a graph of lines ``line``, the label of the row each comes from.
        """
        network, ms = self.graph.network, self.graph.edge_ms.astype(np.float64)
        seconds = np.where(ms >= 0, ms / 1000.0, np.nan)
        columns: dict[str, Any] = {
            "name": network.edge_name,
            "highway": network.edge_class,
            "length_m": network.edge_length_m,
            "forward_s": seconds[:, 0],
            "back_s": seconds[:, 1],
        }
        if self._line is not None:
            columns["line"] = self._line
        shapes = in_crs_of(self._crs, network.edge_shape)
        index = pd.Index(network.edge_id, name="edge")
        return gpd.GeoDataFrame(pd.DataFrame(columns, index=index), geometry=shapes.array, crs=shapes.crs)

    @property
    def nodes(self) -> gpd.GeoDataFrame:
        """Crossings and ends of streets, by id."""
        network = self.graph.network
        points = gpd.points_from_xy(*network.node_lonlat_deg.T)
        shapes = in_crs_of(self._crs, np.asarray(points, dtype=object))
        return gpd.GeoDataFrame(
            index=pd.Index(network.node_id, name="node"), geometry=shapes.array, crs=shapes.crs
        )

    def closing(self, edges: Any) -> "StreetGraph":
        """Return the graph without some stretches of street: works, a flood, a bridge that is shut.

        Parameters
        ----------
        edges : sequence of int, or a part of :attr:`edges`
            ``graph.closing(graph.edges.query("name == '东大桥'"))``.

        Raises
        ------
        InvalidInputError
            An id is not one of :attr:`edges`.
        """
        ids = pd.Index(edges.index if isinstance(edges, pd.DataFrame) else edges, dtype=np.int64)
        at = pd.Index(self.graph.network.edge_id).get_indexer(ids)
        unknown = ids[at < 0].tolist()[:MAX_FAULTS]
        if unknown:
            faults = [Fault("edges", "give ids of graph.edges", value=one) for one in unknown]
            raise InvalidInputError("Some streets are not in the graph.", faults)
        return self._with(with_closed(self.graph, at))

    def _with(self, graph: RoadGraph) -> "StreetGraph":
        return StreetGraph(graph, self._crs, self._line)

    def at_hour(
        self, hour: int, *, paces: Mapping[str, Any] | None = None, share: float = 1.0
    ) -> "StreetGraph":
        """Return the graph with the speeds of one hour of the week.

        Parameters
        ----------
        hour : int
            0 to 167; Monday 00:00 is 0.
        paces : mapping, optional
            Shares of the free speed by mode, class and hour, as ``roads/paces.toml`` has them; that table by
            default.
        share : float
            All speeds are multiplied by it: 0.7 for rain.

        Raises
        ------
        InvalidInputError
            The hour is none of the week, or the table has faults.
        """
        if not 0 <= hour < 168:
            raise InvalidInputError(
                "The hour is none of the week.",
                [Fault("hour", "give 0 (Monday 00:00) to 167 (Sunday 23:00)", value=hour)],
            )
        table = typical() if paces is None else load_paces(paces)
        return self._with(table.timed(self.graph, share=share).frozen(hour))

    def snap(self, lonlat_deg: NDArray[np.float64], max_street_m: float = MAX_STREET_M) -> Snaps:
        """Return the places on the streets for points in EPSG:4326."""
        return self.snapper.snap(lonlat_deg, max_street_m)

    def starts(self, frame: gpd.GeoDataFrame, role: str, max_street_m: float) -> Snaps:
        """Return the places on the streets for a frame of points; says which are too far from any."""
        snaps = self.snap(points_deg(frame, role), max_street_m)
        warn_of(
            frame,
            ~snaps.snapped,
            f"{role} are farther than {max_street_m:g} m from every street for mode {self.mode!r} "
            "and left out: correct their place, or give max_street_m",
        )
        return snaps


def street_graph(
    source: "str | Path | gpd.GeoDataFrame | RoadNetwork",
    mode: str = "ebike",
    *,
    street_class: str | None = None,
    at_crossings: bool = False,
    speeds: str | Mapping[str, Any] | None = None,
) -> StreetGraph:
    """Make streets ready for one way of travelling.

    Parameters
    ----------
    source : path, GeoDataFrame or RoadNetwork
        An ``.osm.pbf`` (or ``.osm``, ``.osm.gz``); or lines in any CRS; or a network, such as that of the
        demo. Lines meet where they have a vertex in common. Columns named as OpenStreetMap's keys are read
        as there: ``highway`` (the class, which decides speed and who may go), ``oneway``, ``maxspeed``,
        ``name``, ``access``, ``foot``, ``bicycle``, ``motor_vehicle``, ``junction`` …
    mode : {"walk", "ebike", "car"}
    street_class : str, optional
        For lines without a column ``highway``: one of OpenStreetMap's classes for all of them
        (``"residential"``), or the column that holds the class.
    at_crossings : bool
        Lines meet wherever they cross too. For layers drawn without common vertices; bridges then join what
        is under them.
    speeds : str or mapping, optional
        TOML like ``roads/speeds.toml``; that table by default.

    Returns
    -------
    StreetGraph
        Its frames are in the CRS of the lines, EPSG:4326 for a file or network.

    Raises
    ------
    InvalidInputError
        The file cannot be read, a shape is no line, there is no class of street, or the mode is not known.

    Examples
    --------
    >>> from geo_service import street_graph
    >>> graph = street_graph("town.osm.pbf", "car")                # doctest: +SKIP
    >>> graph.edges.explore("highway")                             # doctest: +SKIP
    """
    try:
        travel_mode = Mode(mode)
    except ValueError:
        known = ", ".join(one.value for one in Mode)
        raise InvalidInputError(
            "The way of travelling is not known.", [Fault("mode", f"use one of {known}", value=mode)]
        ) from None
    table = load_speeds(speeds)
    plain = gpd.GeoDataFrame(geometry=[], crs=4326)
    if isinstance(source, RoadNetwork):
        return StreetGraph(build_graph(source, travel_mode, speeds=table), plain)
    if isinstance(source, str | Path):
        network = read_pbf(source, features=False).network
        return StreetGraph(build_graph(network, travel_mode, speeds=table), plain)
    lines = require_frame(source, "streets")
    there = (lines.geometry.notna() & ~lines.geometry.is_empty).to_numpy()
    lines = lines[there]
    network, line = network_of_lines(
        shapes_deg(lines, "streets"), _tags(lines, street_class), at_crossings=at_crossings
    )
    graph = build_graph(network, travel_mode, speeds=table)
    return StreetGraph(graph, plain.set_crs(lines.crs, allow_override=True), lines.index[line])


#: What OpenStreetMap's keys are read for; other columns of a layer mean something else.
_KEYS = frozenset(
    {"highway", "oneway", "maxspeed", "name", "access", "foot", "bicycle", "vehicle", "motor_vehicle"}
    | {"motorcar", "motorroad", "junction", "area", "cycleway", "oneway:bicycle", "oneway:foot"}
    | {"oneway:motorcar", "oneway:motor_vehicle", "cycleway:left", "cycleway:right", "cycleway:both"}
)
_NO_STREETS = frozenset(
    {"proposed", "construction", "planned", "razed", "abandoned", "platform", "raceway", "rest_area"}
    | {"services", "bus_stop", "busway", "bus_guideway", "escape", "elevator", "via_ferrata", "no"}
)


def _tags(lines: gpd.GeoDataFrame, street_class: str | None) -> list[dict[str, str]]:
    """Return what OpenStreetMap would say of each line."""
    table = pd.DataFrame(lines[[name for name in lines.columns if name in _KEYS]])
    if street_class in osm_tags.CLASSES:
        table["highway"] = street_class
    elif street_class is not None:
        table["highway"] = require_column(lines, street_class, "streets", argument="street_class")
    elif "highway" not in table:
        message = "name the column of OpenStreetMap classes, or one class for all: street_class='residential'"
        raise InvalidInputError("The streets have no classes.", [Fault("street_class", message)])
    tags = [
        {str(key): text for key, value in row.items() if (text := _text(value))}
        for row in table.to_dict("records")
    ]
    kinds = np.array([row.get("highway", "") for row in tags], object)
    unknown = sorted(set(kinds.tolist()) - osm_tags.CLASSES - _NO_STREETS)
    count = int(np.isin(kinds, unknown).sum())
    if count == len(tags):
        message = f"use classes of OpenStreetMap: {', '.join(sorted(osm_tags.CLASSES))}"
        raise InvalidInputError(
            "No street has a class that is known.", [Fault("highway", message, value=unknown[:1])]
        )
    if count:
        warnings.warn(
            f"{count} of {len(tags)} lines are left out, of classes that are no street: {unknown[:5]}",
            LibraryWarning,
            stacklevel=3,
        )
    return tags


def _text(value: Any) -> str:
    """Read a value as OpenStreetMap would write it: yes and no, the first of several, "" for none."""
    if isinstance(value, list | tuple | set | np.ndarray):
        return _text(next(iter(value), None))
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
