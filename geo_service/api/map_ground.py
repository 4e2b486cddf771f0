"""What the maps of the desk's and the leaders' page stand on, read once for either."""

from geo_service.api.state import AppState
from geo_service.errors import NotFoundError
from geo_service.services.mapping import shapes_mark
from geo_service.services.rostering import town_zone
from geo_service.store import tiles
from geo_service.web.map_ground import MapGround


def map_ground(state: AppState) -> MapGround:
    """Return the ground of the edition in force; edition 0 while nothing is published."""
    try:
        tiling = state.tilings.get()
        edition, mark = tiling.edition.id, shapes_mark(tiling)
    except NotFoundError:
        edition, mark = 0, ""
    with state.database.reading() as connection:
        version, zone = tiles.base_version(connection), town_zone(connection).key
    address = f"/maps/tiles/base/{{z}}/{{x}}/{{y}}.mvt?v={version}"
    return MapGround(tiles=address, edition=edition, mark=mark, zone=zone)
