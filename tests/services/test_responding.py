"""Figures of response from a database agree with pandas over the same lives."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from geo_service.errors import InvalidInputError
from geo_service.services.responding import Axis, Question, axes_of, response_table
from geo_service.services.tiling import Tilings
from geo_service.staffing.clocks import Phase, State, clocks, standard_from
from geo_service.store import lives
from geo_service.store.database import Database
from tests.postgis import TestServer
from tests.services import desk_town
from tests.services.places import middle

pytestmark = pytest.mark.postgis

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = datetime(2026, 4, 1, tzinfo=UTC)
STEPS = ("accepted", "dispatched", "arrived", "handled", "closed")


@pytest.fixture(scope="module")
def made(postgis: TestServer) -> Iterator[tuple[Database, Tilings, pd.DataFrame]]:
    """Two hundred lives with moments of a seeded draw, some unfinished, some suspended meanwhile."""
    rng = np.random.default_rng(5)
    with postgis.fresh() as database:
        tilings = desk_town.build(database)
        rows = [one_life(database, tilings, rng, i) for i in range(200)]
        frame = pd.DataFrame(rows)
        with database.writing() as connection:
            for row in rows:
                connection.execute(
                    text("""
                        update incident_life set reported_at = :reported, accepted_at = :accepted,
                            dispatched_at = :dispatched, arrived_at = :arrived, handled_at = :handled,
                            closed_at = :closed, status = :status, last_at = :reported,
                            pauses = case when cast(:paused as timestamptz) is null then '{}'
                                else tstzmultirange(tstzrange(:paused, :resumed)) end,
                            arrive_due_at = null, handle_due_at = null, close_due_at = null
                        where incident_id = :id
                    """),
                    row,
                )
            for kept in lives.several(connection, [row["id"] for row in rows]).values():
                running = clocks(kept.life, standard_from(kept.standard), UNTIL)
                lives.save(connection, kept, running)
        yield database, tilings, frame


def one_life(database: Database, tilings: Tilings, rng: np.random.Generator, number: int) -> dict[str, Any]:
    column, row = int(rng.integers(0, 6)), int(rng.integers(0, 4))
    at = middle(column, row) if number % 20 else (float("nan"),) * 2
    given = {"category": ["1101", "1706"][number % 2], "channel": ["call", "web"][number % 3 == 0]}
    key = desk_town.report(database, tilings, f"{number}", at, **given)
    moment = SINCE + timedelta(seconds=float(rng.integers(0, 90 * 86400)))
    out: dict[str, Any] = {"id": key, "code": f"c{column:02}r{row:02}" if number % 20 else None, **given}
    out["reported"] = moment
    reached = int(rng.integers(0, 6))
    for i, name in enumerate(STEPS):
        moment += timedelta(seconds=float(rng.integers(1, [120, 60, 400, 6000, 40000][i])))
        out[name] = moment if i < reached else None
    out["status"] = ("reported", *STEPS)[reached]
    paused = reached == 5 and number % 4 == 0
    out["paused"] = out["arrived"] if paused else None
    out["resumed"] = out["handled"] if paused else None
    return out


def test_every_figure_is_that_of_pandas(made: tuple[Database, Tilings, pd.DataFrame]) -> None:
    database, tilings, frame = made
    axes = (Axis.CELL, Axis.CATEGORY, Axis.MONTH)
    with database.reading() as connection:
        table = response_table(connection, tilings.get(), "grid", Question(SINCE, UNTIL, axes))
    month = frame["reported"].dt.tz_convert("Asia/Shanghai").dt.strftime("%Y-%m")
    keys = [frame["code"].fillna("-"), frame["category"], month]
    found = table.assign(code=table["code"].fillna("-")).set_index(["code", "category", "month"])
    counted = frame.groupby(keys).size()
    assert found["incidents"].sum() == 200
    pd.testing.assert_series_equal(
        found["incidents"].sort_index(), counted.sort_index(), check_names=False, check_dtype=False
    )
    for name, start, end in (
        ("accept", "reported", "accepted"),
        ("arrive", "dispatched", "arrived"),
        ("report_to_close", "reported", "closed"),
    ):
        took = pd.to_datetime(frame[end], utc=True) - frame["reported" if start == "reported" else start]
        by = took.dt.total_seconds().groupby(keys)
        for part, theirs in (("n", by.count()), ("mean_s", by.mean()), ("median_s", by.median()),
                             ("p90_s", by.quantile(0.9))):  # fmt: skip
            ours = found[f"{name}_{part}"].sort_index()
            np.testing.assert_allclose(
                ours.to_numpy(dtype=float), theirs.sort_index().to_numpy(dtype=float), atol=0.051
            )


def test_what_is_met_is_what_the_clocks_say(made: tuple[Database, Tilings, pd.DataFrame]) -> None:
    database, tilings, frame = made
    with database.reading() as connection:
        table = response_table(connection, tilings.get(), None, Question(SINCE, UNTIL))
        now = lives.clock(connection)
        kept = lives.several(connection, list(frame["id"])).values()
    states = [[clock.state for clock in clocks(one.life, standard_from(one.standard), now)] for one in kept]
    for at, phase in enumerate(Phase):
        column = [one[at] for one in states]
        met, late = column.count(State.MET), column.count(State.MISSED) + column.count(State.OVERDUE)
        assert table[f"{phase}_within"].item() == met
        assert table[f"{phase}_decided"].item() == met + late
        assert table[f"{phase}_within_share"].item() == pytest.approx(met / (met + late), abs=1e-4)
    assert sum(one.life.pauses != () for one in kept) > 3


def test_few_are_told_as_counts_only(made: tuple[Database, Tilings, pd.DataFrame]) -> None:
    database, tilings, _ = made
    with database.reading() as connection:
        table = response_table(connection, tilings.get(), "grid", Question(SINCE, UNTIL, (Axis.CELL,)))
        few = table[table["arrive_decided"] < 5]
        assert len(few)
        assert few["arrive_within_share"].isna().all()
        assert table.loc[table["arrive_decided"] >= 5, "arrive_within_share"].notna().all()
        assert table["where"].iloc[-1] == "unplaced"
        nothing = Question(UNTIL, UNTIL + timedelta(days=1))
        assert response_table(connection, tilings.get(), None, nothing)["incidents"].tolist() == [0]


def test_a_part_of_the_town_counts_its_own(made: tuple[Database, Tilings, pd.DataFrame]) -> None:
    database, tilings, frame = made
    row01 = tilings.get().id_of_cell("community", "row01")
    assert row01 is not None
    with database.reading() as connection:
        table = response_table(connection, tilings.get(), None, Question(SINCE, UNTIL), scope={row01})
    assert table["incidents"].item() == frame["code"].str.endswith("r01").sum()


def test_questions_that_cannot_be_answered(made: tuple[Database, Tilings, pd.DataFrame]) -> None:
    for words in ("cell,cell", "colour"):
        with pytest.raises(InvalidInputError):
            axes_of(words)
    with pytest.raises(InvalidInputError):
        Question(UNTIL, SINCE)
    with pytest.raises(InvalidInputError):
        Question(SINCE, UNTIL, (Axis.WEEK, Axis.MONTH))
    with made[0].reading() as connection, pytest.raises(InvalidInputError, match="level"):
        response_table(connection, made[1].get(), None, Question(SINCE, UNTIL, (Axis.CELL,)))
