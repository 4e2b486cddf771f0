"""Every door by which reports come in and are handled, as the application takes them in."""

from geo_service.api.routes import (
    catalogue,
    incidents,
    intake_many,
    lives,
    open311,
    photos,
    places,
    signed_reports,
)

ROUTERS = (
    incidents.router,
    intake_many.router,
    lives.router,
    photos.router,
    catalogue.router,
    places.router,
    signed_reports.router,
    open311.router,
)
