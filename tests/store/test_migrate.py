"""The migrated database and ``tables.py`` say the same."""

import warnings

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from geoalchemy2 import alembic_helpers
from sqlalchemy.exc import DBAPIError

from geo_service.store import migrate
from geo_service.store.database import Database
from geo_service.store.schema import metadata

pytestmark = pytest.mark.postgis


def test_migrations_give_what_the_tables_say(database: Database) -> None:
    with database.reading() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # xid8 is unknown to the reflection
        context = MigrationContext.configure(
            connection, opts={"include_object": alembic_helpers.include_object}
        )
        assert compare_metadata(context, metadata) == []


def test_check_constraints_are_the_same(database: Database) -> None:
    with database.reading() as connection:
        names = connection.exec_driver_sql(
            "select conname from pg_constraint where contype in ('c', 'x')"
            " and connamespace = 'public'::regnamespace"
        )
        there = set(names.scalars())
    said = {
        constraint.name
        for table in metadata.tables.values()
        for constraint in table.constraints
        if type(constraint).__name__ in {"CheckConstraint", "ExcludeConstraint"}
    }
    assert there == said


def test_migrating_twice_does_nothing(database: Database) -> None:
    before, after = migrate.migrate(database.write)
    assert before == after == migrate.head()


def test_a_newer_database_is_refused(database: Database) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    with pytest.raises(migrate.UnavailableError, match="newer program"):
        migrate.migrate(database.write)


def test_a_database_of_an_unreleased_version_is_refused_with_what_to_do(database: Database) -> None:
    with database.reading() as connection:
        assert migrate.lacking(connection) == []
    with database.writing() as connection:
        connection.exec_driver_sql("alter table incident drop column source_id cascade")
        connection.exec_driver_sql("alter table plan drop constraint ck_plan_status_is_known")
    with database.reading() as connection:
        assert migrate.lacking(connection) == ["ck_plan_status_is_known", "incident.source_id"]
    with pytest.raises(migrate.UnavailableError, match=r"lacks ck_\w+ and 1 more; .*demo --fresh"):
        migrate.migrate(database.write)


def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError), database.reading() as connection:
        connection.exec_driver_sql(
            "insert into level (code, depth, name_zh, name_en) values ('x', 0, 'x', 'x')"
        )
