"""Matching real taxi traces to Porto's streets, against their truth and against leuvenmapmatching."""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from benchmarks.measure import Row
from geo_service.model import Mode
from geo_service.roads.graph import RoadGraph, build_graph
from geo_service.roads.match import Matched, Matcher
from geo_service.roads.osm import read_pbf
from geo_service.roads.plain import metres_per_degree
from geo_service.roads.snap import Snapper

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
PEER_PYTHON = "GEO_SERVICE_MATCH_PEER"
NEAR_M = 10.0
ROUNDS = 5
PEER_TRACKS = 10


def run() -> list[Row]:
    if not (SHARED / "gps_porto" / "fixes.txt").exists():
        print("  the traces of Porto are not beside the checkout", flush=True)
        return []
    fixes, truth = (_traces(SHARED / "gps_porto" / name) for name in ("fixes.txt", "matched.txt"))
    graph = build_graph(read_pbf(SHARED / "roads" / "porto.osm.pbf").network, Mode.CAR)
    matcher = Matcher(Snapper(graph))
    found, seconds = _ours(matcher, fixes)
    off_m = _off_m(found.lonlat_deg, truth)
    share = float((off_m <= NEAR_M).mean())
    rate = len(fixes) / seconds
    rows = [
        Row(
            job="fixes within 10 m of the truth",
            ours=f"{share:.1%}",
            target="≥ 95 %",
            passed=share >= 0.95,
            note=f"{len(fixes):,} fixes of {len(np.unique(fixes[:, 3]))} traces, one each 15 s; all count, "
            f"{int((found.edge < 0).sum())} without a place as wrong",
        ),
        Row(
            job="match fixes",
            ours=f"{rate:,.0f} /s",
            target="≥ 20,000 /s",
            passed=rate >= 20_000,
            note="candidates, chains, confidence and the ways between, one core",
        ),
    ]
    return rows + _against_peer(graph, matcher, fixes, truth)


def _ours(matcher: Matcher, fixes: NDArray[np.float64]) -> tuple[Matched, float]:
    """Match; median CPU seconds."""
    turns = []
    for _ in range(ROUNDS + 1):
        start = time.process_time()
        found = matcher.match(fixes[:, [2, 1]], fixes[:, 0], track=fixes[:, 3].astype(np.int64))
        turns.append(time.process_time() - start)
    return found, float(np.median(turns[1:]))


def _against_peer(
    graph: RoadGraph, matcher: Matcher, fixes: NDArray[np.float64], truth: NDArray[np.float64]
) -> list[Row]:
    """Give the peer the same streets and a part of the traces; it runs in the environment named."""
    python = os.environ.get(PEER_PYTHON)
    if not python:
        print(
            f"  no peer: {PEER_PYTHON} names the Python of an environment with leuvenmapmatching", flush=True
        )
        return []
    some = fixes[:, 3] < PEER_TRACKS
    few, few_truth = fixes[some], truth[some]
    found, seconds = _ours(matcher, few)
    share = float((_off_m(found.lonlat_deg, few_truth) <= NEAR_M).mean())
    scale = np.array(metres_per_degree(float(few[:, 1].mean())))
    node, arc = _straight_pieces(graph)
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "given.npz"
        np.savez(given, node_xy_m=node * scale, arc=arc, xy_m=few[:, [2, 1]] * scale, track=few[:, 3])
        script = Path(__file__).with_name("matching_peer.py")
        done = subprocess.run([python, script, given], check=True, capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    places = np.array([place or (np.nan, np.nan) for place in told["places"]]) / scale
    peer_share = float((_off_m(places, few_truth) <= NEAR_M).mean())
    peer = "leuvenmapmatching"
    what = f"{len(few)} fixes of {PEER_TRACKS} traces"
    return [
        Row(
            job=f"{what}: within 10 m of the truth",
            ours=f"{share:.1%}",
            peer=f"{peer}: {peer_share:.1%}",
            target="≥ the peer's",
            passed=share >= peer_share,
        ),
        Row(
            job=what,
            ours=f"{len(few) / seconds:,.0f} /s",
            peer=f"{peer}: {len(few) / told['seconds']:,.1f} /s",
            ratio=f"{told['seconds'] / seconds:.3g} ×",
            note="the same streets and one-way rules; CPU time of matching alone",
        ),
    ]


def _straight_pieces(graph: RoadGraph) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the streets as a peer wants them: a node at every bend, and directed straight pieces."""
    edges = np.flatnonzero(graph.edge_usable)
    coordinates, owner = shapely.get_coordinates(graph.network.edge_shape[edges], return_index=True)
    first = np.flatnonzero(owner[:-1] == owner[1:])
    number = np.empty(len(coordinates), np.int64)
    bend = np.ones(len(coordinates), np.bool_)
    starts, ends = np.r_[True, owner[1:] != owner[:-1]], np.r_[owner[1:] != owner[:-1], True]
    bend[starts | ends] = False
    number[starts] = graph.edge_node[edges, 0]
    number[ends] = graph.edge_node[edges, 1]
    number[bend] = graph.n_nodes + np.arange(bend.sum())
    forward = (graph.edge_ms[edges, 0] >= 0)[owner[first]]
    back = (graph.edge_ms[edges, 1] >= 0)[owner[first]]
    tail, head = number[first], number[first + 1]
    arc = np.concatenate([np.stack([tail, head], axis=1)[forward], np.stack([head, tail], axis=1)[back]])
    return np.concatenate([graph.node_lonlat_deg, coordinates[bend]]), arc


def _off_m(lonlat_deg: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    scale = np.array(metres_per_degree(float(truth[:, 1].mean())))
    return np.asarray(np.hypot(*((lonlat_deg - truth[:, [2, 1]]) * scale).T))


def _traces(path: Path) -> NDArray[np.float64]:
    """All fixes of a file of traces: unix time, lat, lon, number of the trace."""
    rows, trace = [], 0
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = line.split()
        if len(cells) == 1:
            trace += 1
        else:
            rows.append([*map(float, cells[:3]), trace])
    return np.array(rows)
