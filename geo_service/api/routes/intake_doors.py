"""Every door by which reports come in and are handled, as the application takes them in."""

from geo_service.api.routes import catalogue, incidents, lives, places

ROUTERS = (incidents.router, lives.router, catalogue.router, places.router)
