"""The maps there are: a file for each family, listed in :mod:`geo_service.services.atlas.registry`."""
