"""Cameras at crossings, police rooms and shops: what stands in the demo county beside its people."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo_service.roads.network import RoadNetwork

CROSSING_WAYS = 3
_SHOPS = 4  # of so many shophouses one keeps a shop that helps


def make_assets(network: RoadNetwork, stations: gpd.GeoDataFrame, demand: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return code, kind, name, lon, lat, reach_m, in a fixed order; no chance in it.

    Cameras stand where three ways of the wider roads meet, police rooms beside every second service station,
    shops in every fourth shophouse.
    """
    wide = np.isin(np.asarray(network.edge_class, dtype=object), ["primary", "secondary", "tertiary"])
    ends = np.concatenate([network.edge_u[wide], network.edge_v[wide]])
    node, ways = np.unique(ends, return_counts=True)
    cameras = network.node_lonlat_deg[node[ways >= CROSSING_WAYS]]
    rooms = stations[stations["kind"] == "service"].iloc[::2]
    shops = demand[demand["use"] == "shophouse"].iloc[::_SHOPS]
    parts = [
        _rows("C", "camera", [""] * len(cameras), cameras, 50.0),
        _rows(
            "W",
            "police_room",
            [str(name).replace("便民服务站", "警务室") for name in rooms["name"]],
            shapely.get_coordinates(rooms.geometry.to_numpy()) + 2e-4,
            500.0,
        ),
        _rows("B", "shop", [""] * len(shops), shapely.get_coordinates(shops["centroid"].to_numpy()), 100.0),
    ]
    return pd.concat(parts, ignore_index=True)


def _rows(letter: str, kind: str, names: list[str], lonlat_deg: np.ndarray, reach_m: float) -> pd.DataFrame:
    count = len(lonlat_deg)
    return pd.DataFrame(
        {
            "code": [f"{letter}{number:05d}" for number in range(1, count + 1)],
            "kind": kind,
            "name": names,
            "lon": lonlat_deg[:, 0],
            "lat": lonlat_deg[:, 1],
            "reach_m": reach_m,
        }
    )
