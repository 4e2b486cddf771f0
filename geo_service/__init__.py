"""geo_service: community grids, point-to-cell and patrol coverage."""

__version__ = "0.1.0"
