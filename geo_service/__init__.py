"""geo_service: community grids, point-to-cell and patrol coverage.

What works on GeoDataFrames, without a database or a server, is in :mod:`geo_service.library` and can be taken
from here: ``from geo_service import locate, coverage``. It is loaded when first asked for, so that
``import geo_service`` stays light.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from geo_service.library import StreetGraph as StreetGraph
    from geo_service.library import Tiling as Tiling
    from geo_service.library import atoms as atoms
    from geo_service.library import check as check
    from geo_service.library import compare as compare
    from geo_service.library import coverage as coverage
    from geo_service.library import coverage_map as coverage_map
    from geo_service.library import figure_map as figure_map
    from geo_service.library import from_datum as from_datum
    from geo_service.library import isochrone as isochrone
    from geo_service.library import locate as locate
    from geo_service.library import mend as mend
    from geo_service.library import on_duty as on_duty
    from geo_service.library import partition as partition
    from geo_service.library import patrol as patrol
    from geo_service.library import site as site
    from geo_service.library import staffing_density as staffing_density
    from geo_service.library import staffing_map as staffing_map
    from geo_service.library import street_graph as street_graph
    from geo_service.library import to_datum as to_datum
    from geo_service.library import travel_matrix as travel_matrix
    from geo_service.library import travel_time as travel_time

#: What :mod:`geo_service.library` gives, each loaded when first asked for.
LIBRARY = (
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
)


class _CallableRoom(ModuleType):
    """The room ``locate``, which is also the function: ``geo_service.locate(points, cells)``."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """See :func:`geo_service.library.locate`."""
        return import_module("geo_service.library").locate(*arguments, **options)


class _Package(ModuleType):
    """The package; in it one name is a room and a function, and both work, whoever loads the room first."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "locate" and type(value) is ModuleType:
            value.__class__ = _CallableRoom
        super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name not in LIBRARY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module("geo_service.library"), name)
    return import_module("geo_service.locate") if name == "locate" else found


def __dir__() -> list[str]:
    return sorted({*globals(), *LIBRARY})


sys.modules[__name__].__class__ = _Package
