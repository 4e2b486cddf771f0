"""What can go wrong with the private PostGIS."""

from typing import ClassVar

from geo_service.errors import GeoServiceError


class ClusterError(GeoServiceError):
    """The private PostGIS cannot be made, started or stopped.

    Meant for the person at the command line, so unlike the rest of the tree its detail may name folders;
    the API never handles a cluster.
    """

    code: ClassVar[str] = "database-cluster"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "The private database does not start"
