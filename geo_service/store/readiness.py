"""Whether the database can be worked with."""

from geo_service.errors import UnavailableError
from geo_service.store.database import Database
from geo_service.store.migrate import current, head


def check(database: Database) -> str:
    """Return the revision of the schema.

    Raises
    ------
    UnavailableError
        The database does not answer, or its schema is not this program's.
    """
    with database.reading() as connection:
        revision = current(connection)
    if revision != head():
        raise UnavailableError(
            f"the database is at revision {revision}, not {head()}: run geo-service db migrate"
        )
    return revision
