"""geo_service from Python, on GeoDataFrames: no database, no server, no network.

==========================  ==========================================================================
:func:`locate`              the cell of each point, how near the border is and who is beyond it
:func:`check`               what keeps cells from being a tiling; :func:`mend` closes what is narrow
:func:`street_graph`        streets of an ``.osm.pbf`` or of a layer of lines, for one way of travel
:func:`travel_time`         time from the nearest of many, to every crossing or to given places
:func:`travel_matrix`       seconds from each to each; :func:`isochrone` draws what is reached
:func:`coverage`            share of each cell that somebody reaches in time, and by how many
:func:`staffing_density`    staff per km², per 1,000 residents, per 100 households, per incident
:func:`partition`           cells drawn by program; :func:`atoms` makes the pieces from buildings
:func:`compare`             what land, and who, goes from where to where between two tilings
:func:`site`                where new posts do most good; :func:`on_duty` reads a weekly rota
:func:`patrol`              tracks brought to the streets: metres patrolled, time spent by cell
:func:`staffing_map`        an offline Folium map; :func:`coverage_map`, :func:`figure_map` the others
:func:`from_datum`          coordinates in GCJ-02 or BD-09 to WGS 84; :func:`to_datum` the way back
==========================  ==========================================================================

Everywhere: a frame may be in any CRS it names, and the answer is in the same; its index is kept; what is
wrong is told with the row, the column and what to do (:class:`geo_service.errors.InvalidInputError`). Areas,
lengths and times are metric whatever the CRS. Nothing is computed here: each function puts frames into the
arrays of the pure rooms, which the server uses too, and their answer back into a frame.
"""

from geo_service.library.comparing import compare
from geo_service.library.covering import coverage
from geo_service.library.datums import from_datum, to_datum
from geo_service.library.density import staffing_density
from geo_service.library.dividing import atoms, partition
from geo_service.library.duty import on_duty
from geo_service.library.locating import locate
from geo_service.library.mapping import coverage_map, figure_map, staffing_map
from geo_service.library.patrolling import patrol
from geo_service.library.placing import site
from geo_service.library.streets import StreetGraph, street_graph
from geo_service.library.tilings import Tiling, check, mend
from geo_service.library.travelling import isochrone, travel_matrix, travel_time

__all__ = [
    "StreetGraph",
    "Tiling",
    "atoms",
    "check",
    "compare",
    "coverage",
    "coverage_map",
    "figure_map",
    "from_datum",
    "isochrone",
    "locate",
    "mend",
    "on_duty",
    "partition",
    "patrol",
    "site",
    "staffing_density",
    "staffing_map",
    "street_graph",
    "to_datum",
    "travel_matrix",
    "travel_time",
]
