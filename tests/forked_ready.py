"""Imported once by the process that serving processes are forked from: all that they would wait for."""

import uvicorn  # noqa: F401

import geo_service.api.app  # noqa: F401
from geo_service.locate.index import warm_up as warm_up_index
from geo_service.roads.warm import warm_up as warm_up_roads

warm_up_index()
warm_up_roads()
