"""The audit chain: appended only, and a change shows."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from geo_service.store import audit
from geo_service.store.database import Database


def fill(database: Database, rows: int = 5) -> None:
    with database.writing() as connection:
        for number in range(rows):
            audit.record(
                connection, "测试", "cell.split", f"cell {number}", {"into": [number, 1.5], "note": "边界"}
            )


def verified(database: Database) -> int | None:
    with database.reading() as connection:
        return audit.verify(connection)


def forge(database: Database, statement: str) -> None:
    """Do what only someone with the owner's rights can: switch the trigger off."""
    with database.writing() as connection:
        connection.execute(text("alter table audit disable trigger audit_is_append_only"))
        connection.execute(text(statement))
        connection.execute(text("alter table audit enable trigger audit_is_append_only"))


def test_an_untouched_chain_is_whole(database: Database):
    assert verified(database) is None
    fill(database)
    assert verified(database) is None


@pytest.mark.parametrize(
    "statement",
    [
        "update audit set who = 'nobody'",
        "delete from audit",
        "truncate audit",
        "update audit set id = default",
    ],
)
def test_changing_and_removing_is_refused(database: Database, statement: str):
    fill(database)
    with pytest.raises(DBAPIError, match="audit is append-only"), database.writing() as connection:
        connection.execute(text(statement))
    with database.reading() as connection:
        assert connection.execute(text("select count(*) from audit")).scalar_one() == 5


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("update audit set who = 'nobody' where id = 3", 3),
        ("update audit set action = 'cell.merge' where id = 1", 1),
        ("update audit set subject = 'cell 9' where id = 5", 5),
        ("update audit set details = '{}' where id = 2", 2),
        ("update audit set at = at - interval '1 microsecond' where id = 4", 4),
        ("update audit set chain = sha256('x') where id = 2", 2),
        ("delete from audit where id = 3", 4),
        ("delete from audit where id = 1", 2),
        (
            "insert into audit overriding system value values (0, now(), 'x', 'x', 'x', '{}', sha256('x'))",
            0,
        ),
    ],
)
def test_a_forged_row_shows(database: Database, statement: str, broken: int):
    fill(database)
    forge(database, statement)
    assert verified(database) == broken


def test_writers_at_the_same_time_make_one_chain(database: Database):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: fill(database, 3), range(12)))
    assert verified(database) is None


def test_a_rolled_back_write_leaves_no_row_and_no_hole_in_the_chain(database: Database):
    fill(database, 2)
    with database.write.connect() as connection:
        audit.record(connection, "a", "b", "c")
        connection.rollback()
    fill(database, 2)
    assert verified(database) is None


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab中", max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(batch=st.lists(st.dictionaries(st.text("xyz", max_size=3), json_values, max_size=3), max_size=5))
def test_any_json_survives_the_way_through_the_database(audited: Database, batch: list[dict]):
    with audited.writing() as connection:
        for details in batch:
            audit.record(connection, "w", "a", "s", details)
    assert verified(audited) is None


@pytest.fixture(scope="module")
def audited(postgis):
    with postgis.fresh() as made:
        yield made
