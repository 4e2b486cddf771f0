"""Bring a database to the newest schema. Two processes may ask at once; one does it, the other waits."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, Engine, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from geo_service.errors import UnavailableError
from geo_service.store.schema import metadata

MIGRATION_LOCK = 0x6E0_5E4
EXTENSIONS = ("postgis", "btree_gist")
#: What helps a database that :func:`lacking` finds something about.
REMEDY = "geo-service demo --fresh makes the demo anew and keeps the former database beside it"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def head() -> str:
    """Return the newest revision this code knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("the package holds no migrations")
    return revision


def current(connection: Connection) -> str | None:
    """Return the revision the database is at, None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def lacking(connection: Connection) -> list[str]:
    """Return the columns and constraints of this program that a database at the newest revision lacks.

    It has them all, unless a version made it that was never released: until then a migration may change.
    """
    there = connection.execute(
        text("""
            select relname || '.' || attname from pg_attribute join pg_class on pg_class.oid = attrelid
            where relnamespace = 'public'::regnamespace and attnum > 0 and not attisdropped
            union all
            select conname from pg_constraint where connamespace = 'public'::regnamespace
        """)
    )
    tables = metadata.tables.values()
    said = {f"{table.name}.{column.name}" for table in tables for column in table.columns}
    said |= {
        str(constraint.name)
        for table in tables
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint | ExcludeConstraint)
    }
    return sorted(said.difference(there.scalars()))


def migrate(engine: Engine) -> tuple[str | None, str]:
    """Create the extensions and apply what is missing, in one transaction.

    Returns
    -------
    tuple
        Revision before and after.

    Raises
    ------
    UnavailableError
        The database was made by a newer version of the program, or by one that was never released.
    """
    with engine.begin() as connection:
        connection.execute(text("set local lock_timeout = 0"))  # who comes second waits for the first
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text("set local statement_timeout = 0"))
        connection.execute(text("create schema if not exists extensions"))
        for name in EXTENSIONS:
            connection.execute(text(f"create extension if not exists {name} schema extensions"))
        before = current(connection)
        known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
        if before is not None and before not in known:
            raise UnavailableError(
                f"the database is at revision {before}, which this version does not know: use a newer program"
            )
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if missing := lacking(connection):
            raise UnavailableError(
                f"the database was made by an unreleased version of the program and lacks {missing[0]}"
                + (f" and {len(missing) - 1} more" if missing[1:] else "")
                + f"; {REMEDY}"
            )
        return before, head()
