"""Reading an OpenStreetMap PBF: the road network, and what a base map draws beside it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import osmium

from geo_service.errors import Fault, InvalidInputError
from geo_service.roads import osm_features, osm_tags
from geo_service.roads.network import RoadNetwork
from geo_service.roads.noding import Runs, Streets, network_of_runs
from geo_service.roads.osm_features import MapFeatures

MOST_NODES_IN_WAY = 4096
"""Edge ids are ``way id * 4096 + index of the first node``: OSM allows 2,000 nodes in a way."""


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What reading met; counts.

    Attributes
    ----------
    ways : int
        Streets that somebody may travel.
    missing_references : int
        References to nodes that the file does not hold; the street is cut there, not joined across.
    ways_cut : int
        Streets with such references.
    ways_lost : int
        Streets with fewer than two nodes left in a row: nothing remained.
    nodes, edges : int
        Size of the network.
    barriers : int
        Nodes of the network that stop somebody.
    features : int
        Base-map features.
    features_broken : int
        Base-map features whose outline could not be closed or was empty.
    """

    ways: int
    missing_references: int
    ways_cut: int
    ways_lost: int
    nodes: int
    edges: int
    barriers: int
    features: int
    features_broken: int


@dataclass(frozen=True, slots=True)
class OsmExtract:
    """All that is read from a PBF."""

    network: RoadNetwork
    report: ReadReport
    features: MapFeatures


@dataclass(slots=True)
class _Streets:
    """Streets as they come from the file: runs of consecutive nodes that are there, and their attributes."""

    run_way: list[int] = field(default_factory=list)  # index of the way each run belongs to
    run_first: list[int] = field(default_factory=list)  # index within its way of the run's first node
    run_size: list[int] = field(default_factory=list)
    node_ref: list[int] = field(default_factory=list)
    lon_deg: list[float] = field(default_factory=list)
    lat_deg: list[float] = field(default_factory=list)
    way_id: list[int] = field(default_factory=list)
    way_class: list[str] = field(default_factory=list)
    way_access: list[int] = field(default_factory=list)
    way_maxspeed_kmh: list[float] = field(default_factory=list)
    way_name: list[str] = field(default_factory=list)
    barrier: dict[int, int] = field(default_factory=dict)
    missing: int = 0
    cut: int = 0
    lost: int = 0


def read_pbf(path: str | Path, *, private_open: bool = False, features: bool = True) -> OsmExtract:
    """Read roads and base-map features from an OpenStreetMap file.

    Parameters
    ----------
    path : path
        ``.osm.pbf`` (or ``.osm``, ``.osm.gz``): whatever libosmium takes.
    private_open : bool
        Whether ``access=private`` lets our responders in.
    features : bool
        Whether to read the base-map features too.

    Returns
    -------
    OsmExtract
        EPSG:4326 throughout. Edges run between nodes where streets meet or end, and barriers.

    Raises
    ------
    InvalidInputError
        When the file cannot be read, or holds no street.
    """
    try:
        streets = _read_streets(path, private_open)
        drawn, broken = osm_features.read_features(path) if features else osm_features.none()
    except (RuntimeError, OSError) as error:
        raise InvalidInputError(
            "The road file could not be read.",
            [
                Fault(
                    "",
                    "give a complete OpenStreetMap file (.osm.pbf) that can be opened",
                    value=Path(path).name,
                )
            ],
        ) from error
    if not streets.run_way:
        raise InvalidInputError(
            "The road file holds no street that can be travelled.",
            [Fault("", "give an extract with ways tagged highway=* and their nodes", value=Path(path).name)],
        )
    network = _network(streets)
    report = ReadReport(
        ways=len(streets.way_id),
        missing_references=streets.missing,
        ways_cut=streets.cut,
        ways_lost=streets.lost,
        nodes=len(network.node_id),
        edges=len(network.edge_id),
        barriers=int((network.node_block != 0).sum()),
        features=len(drawn),
        features_broken=broken,
    )
    return OsmExtract(network, report, drawn)


def _read_streets(path: str | Path, private_open: bool) -> _Streets:
    """One pass over the file: barriers first (nodes precede ways), then streets."""
    streets = _Streets()
    processor: Any = osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY).with_locations()
    for key, kind in (("barrier", osmium.osm.NODE), ("highway", osmium.osm.WAY)):
        wanted = osmium.filter.KeyFilter(key)
        wanted.enable_for(kind)
        processor = processor.with_filter(wanted)
    for item in processor:
        if item.is_node():
            stopped = osm_tags.block(dict(item.tags), private_open=private_open)
            if stopped:
                streets.barrier[item.id] = int(stopped)
        elif item.is_way():
            _take_way(streets, item, private_open)
    return streets


def _take_way(streets: _Streets, way: Any, private_open: bool) -> None:
    """Add a way if anybody may travel it."""
    tags = dict(way.tags)
    street_class = osm_tags.street_class(tags)
    if street_class is None:
        return
    access = osm_tags.access(tags, private_open=private_open)
    if not access:
        return
    missing = 0
    index = len(streets.way_id)
    runs_before = len(streets.run_way)
    for first, run in _runs(way.nodes):
        if run is None:
            missing += 1
            continue
        streets.run_way.append(index)
        streets.run_first.append(first)
        streets.run_size.append(len(run))
        for ref, lon, lat in run:
            streets.node_ref.append(ref)
            streets.lon_deg.append(lon)
            streets.lat_deg.append(lat)
    streets.missing += missing
    streets.cut += missing > 0
    streets.lost += len(streets.run_way) == runs_before
    streets.way_id.append(way.id)
    streets.way_class.append(street_class)
    streets.way_access.append(int(access))
    streets.way_maxspeed_kmh.append(osm_tags.maxspeed_kmh(tags.get("maxspeed")))
    streets.way_name.append(tags.get("name", ""))


def _runs(nodes: Any) -> Iterator[tuple[int, list[tuple[int, float, float]] | None]]:
    """Yield the runs of at least two nodes that are in the file, and None for each node that is not."""
    run: list[tuple[int, float, float]] = []
    first = 0
    for i, node in enumerate(nodes):
        location = node.location
        if not location.valid():
            if len(run) > 1:
                yield first, run
            run = []
            yield i, None
            continue
        if run and run[-1][0] == node.ref:
            continue  # the same node twice in a row is one node
        if not run:
            first = i
        run.append((node.ref, location.lon, location.lat))
    if len(run) > 1:
        yield first, run


def _network(streets: _Streets) -> RoadNetwork:
    """Put the lists into arrays and cut the streets where they meet."""
    return network_of_runs(
        Runs(
            node_ref=np.array(streets.node_ref, np.int64),
            lonlat_deg=np.stack([np.array(streets.lon_deg), np.array(streets.lat_deg)], axis=1),
            size=np.array(streets.run_size, np.int64),
            street=np.array(streets.run_way, np.int64),
            first=np.array(streets.run_first, np.int64),
        ),
        Streets(
            number=np.array(streets.way_id, np.int64),
            kind=np.array(streets.way_class, object),
            access=np.array(streets.way_access, np.uint8),
            maxspeed_kmh=np.array(streets.way_maxspeed_kmh, np.float32),
            name=np.array(streets.way_name, object),
        ),
        streets.barrier,
        edges_a_street=MOST_NODES_IN_WAY,
    )
