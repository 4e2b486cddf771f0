"""The base map under the thematic layers: our own vector tiles, or the main features inside the page."""

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import orjson
import shapely
from folium.elements import JSCSSMixin
from folium.map import Layer
from folium.template import Template

from geo_service.maps.figures import Label
from geo_service.maps.layers import layer_name
from geo_service.maps.offline import CORE, own_script, script_json

TILE_LAYERS = ("landuse", "water", "buildings", "roads", "rail", "places")
_NAME = Label("底图", "Base map")
_MAIN_ROADS = {"motorway", "trunk", "primary", "secondary", "tertiary"}
_TOLERANCE_DEG = 1e-4  # 11 m: below a pixel at the zooms a page without a server is read at
_MOST_FEATURES = 4000  # of one layer; more would make the page slow to open


class BaseLayer(JSCSSMixin, Layer):
    """Base map as a Folium layer.

    Parameters
    ----------
    source : mapping
        ``{"url": "/maps/tiles/base/{z}/{x}/{y}.mvt", "max_data_zoom": 15}``: tiles with the layers
        :data:`TILE_LAYERS`, attributes ``kind`` and ``name``; or ``{"embedded": element id}`` for features
        from :func:`base_features`.
    name : Label
        Name in the layer control.
    """

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "var {{ this.get_name() }} = GeoService.baseLayer({{ this.config_json }});"
        "{% endmacro %}"
    )

    def __init__(self, source: Mapping[str, Any], name: Label = _NAME) -> None:
        super().__init__(name=layer_name(name), overlay=True)
        self._name = "BaseLayer"
        self.config_json = script_json(dict(source))
        tiles = [("protomaps_leaflet", "")] if "url" in source else []
        self.default_js = [*tiles, *CORE, own_script("js/base.js")]


def base_features(frames: Mapping[str, gpd.GeoDataFrame]) -> bytes:
    """Encode the main features of a place as GeoJSON for a page that opens without a server.

    Parameters
    ----------
    frames : mapping of tile layer to frame
        EPSG:4326 with columns ``kind`` and geometry; keys among :data:`TILE_LAYERS`. Buildings and minor
        roads are left out, lines and areas simplified to about a pixel.
    """
    features: list[dict[str, Any]] = []
    for layer in ("landuse", "water", "roads", "rail"):
        if layer in frames:
            features += _features(layer, frames[layer])
    return orjson.dumps({"type": "FeatureCollection", "features": features})


def _features(layer: str, frame: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    """Largest features of a layer, simplified."""
    if layer == "roads":
        frame = frame[frame["kind"].isin(_MAIN_ROADS)]
    if len(frame) > _MOST_FEATURES:
        size = shapely.length(frame.geometry.array)
        frame = frame.iloc[size.argsort()[::-1][:_MOST_FEATURES]]
    geoms = shapely.set_precision(shapely.simplify(frame.geometry.array, _TOLERANCE_DEG), 1e-5)
    return [
        {
            "type": "Feature",
            "properties": {"layer": layer, "kind": str(kind)},
            "geometry": orjson.loads(shapely.to_geojson(geom)),
        }
        for kind, geom in zip(frame["kind"], geoms, strict=True)
        if not shapely.is_empty(geom)
    ]
