"""Jobs: done once, whoever dies; refusals, cancelling, giving up."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

import pytest

from geo_service.errors import ConflictError, Fault, UnavailableError
from geo_service.services import jobs as service
from geo_service.services.jobs import Jobs, Run, Work, state_of
from geo_service.store import audit, jobs
from geo_service.store.database import Database
from geo_service.store.jobs import JobRow, JobTakenError
from tests.waiting import until

pytestmark = pytest.mark.postgis


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(service, "RETRY_AFTER_S", 0.05)


def effects(database: Database) -> list[str]:
    with database.reading() as connection:
        rows = connection.exec_driver_sql("select subject from audit where action = 'effect' order by id")
        return list(rows.scalars())


def row_of(database: Database, job_id: int) -> JobRow:
    with database.reading() as connection:
        return jobs.get(connection, job_id)


def submit(database: Database, made: Jobs, *, subject: str | None = "plan 1", **arguments: Any) -> int:
    with database.writing() as connection:
        return made.submit(connection, "work", subject=subject, arguments=arguments, who="张三", content=b"x")


def effect(database: Database, *, before: Callable[[Run], None] = lambda _run: None) -> Work:
    """Work with one effect, which an audit row shows."""

    def work(run: Run) -> None:
        with database.writing() as connection:
            audit.record(connection, run.who, "effect", f"job {run.id}")
            for done in range(4):
                run.step("counting", done, 3)
                before(run)
            run.finish(connection, {"content": run.content.decode(), **run.arguments})

    return work


@pytest.fixture
def started() -> Iterator[Callable[[Jobs], Jobs]]:
    running: list[Jobs] = []

    def start(made: Jobs) -> Jobs:
        made.start()
        running.append(made)
        return made

    yield start
    for made in running:
        made.stop()


def ended(database: Database, job_id: int) -> JobRow:
    deadline = time.monotonic() + 20
    while (row := row_of(database, job_id)).ended_at is None:
        assert time.monotonic() < deadline, row
        time.sleep(0.02)
    return row


def test_a_job_is_done_in_a_thread(database: Database, started: Callable[[Jobs], Jobs]) -> None:
    made = started(Jobs(database, {"work": effect(database)}))
    row = ended(database, submit(database, made, number=7))
    assert (row.state, row.who, row.attempts) == ("done", "张三", 1)
    assert row.result == {"content": "x", "number": 7}
    assert (row.phase, row.done, row.total) == ("counting", 3, 3)
    assert effects(database) == [f"job {row.id}"]
    assert row.problem is None
    assert not row.is_held


def test_two_processes_do_it_once(database: Database, started: Callable[[Jobs], Jobs]) -> None:
    pair = [Jobs(database, {"work": effect(database)}) for _ in range(2)]
    ids = [submit(database, pair[0], subject=f"plan {k}") for k in range(6)]
    for made in pair:
        started(made)
    assert {ended(database, job_id).attempts for job_id in ids} == {1}
    assert sorted(effects(database)) == sorted(f"job {job_id}" for job_id in ids)


def test_a_subject_has_one_unfinished_job(database: Database) -> None:
    made = Jobs(database, {"work": effect(database)})
    first = submit(database, made)
    with pytest.raises(ConflictError, match=f"job {first} "):
        submit(database, made)
    submit(database, made, subject="plan 2")
    made.run_waiting()
    submit(database, made)


def test_of_two_who_ask_at_once_one_is_told_of_the_other(database: Database) -> None:
    made = Jobs(database, {"work": effect(database)})
    with ThreadPoolExecutor(1) as pool:
        with database.writing() as connection:
            first = made.submit(connection, "work", subject="plan 1", arguments={}, who="张三")
            second = pool.submit(submit, database, made)
            wait([second], timeout=0.3)  # it waits for what becomes of the first
            assert not second.done()
        with pytest.raises(ConflictError, match=f"job {first} is at it already"):
            second.result(timeout=20)


def test_what_a_dead_process_began_is_taken_up(database: Database) -> None:
    made = Jobs(database, {"work": effect(database)})
    job_id = submit(database, made)
    with database.apart() as dying:
        row = jobs.take_up(dying, job_id)
        assert row is not None
        assert state_of(row_of(database, job_id)) == "running"
        assert made.run_waiting() == 0  # it is held
    until(lambda: state_of(row_of(database, job_id)) == "interrupted")  # its session ends after we let it go
    assert made.run_waiting() == 1
    assert (row_of(database, job_id).state, row_of(database, job_id).attempts) == ("done", 2)
    assert effects(database) == [f"job {job_id}"]


def test_who_was_thought_dead_can_no_longer_end_it(database: Database) -> None:
    made = Jobs(database, {"work": effect(database)})
    job_id = submit(database, made)
    with database.apart() as slow:
        row = jobs.take_up(slow, job_id)
        assert row is not None
        jobs.let_go(slow, job_id)  # as if its session had been lost
        assert made.run_waiting() == 1
        late = Run(slow, row, threading.Event())
        with pytest.raises(JobTakenError):
            end_late(database, late)
        with pytest.raises(JobTakenError):
            late.step("counting", 0, 1)
    assert effects(database) == [f"job {job_id}"]


def end_late(database: Database, late: Run) -> None:
    with database.writing() as connection:
        audit.record(connection, "late", "effect", "twice")
        late.finish(connection, {})


def test_a_refusal_is_kept_as_a_problem(database: Database) -> None:
    def refuse(run: Run) -> None:
        with database.writing() as connection:
            audit.record(connection, run.who, "effect", "none")
            raise ConflictError("no", [Fault("cells", "mend it", place=(119.0, 29.0))])

    made = Jobs(database, {"work": refuse})
    job_id = submit(database, made)
    made.run_waiting()
    row = row_of(database, job_id)
    assert row.state == "failed"
    assert row.problem is not None
    assert (row.problem["status"], row.problem["type"]) == (409, "/problems/conflict")
    assert row.problem["errors"] == [{"field": "cells", "message": "mend it", "place": [119.0, 29.0]}]
    assert effects(database) == []


def test_a_defect_says_nothing_of_itself(database: Database) -> None:
    made = Jobs(database, {"work": lambda _run: {}["secret"]})
    job_id = submit(database, made)
    made.run_waiting()
    row = row_of(database, job_id)
    assert row.problem is not None
    assert row.problem["status"] == 500
    assert "secret" not in str(row.problem)


def test_cancelling(database: Database, started: Callable[[Jobs], Jobs]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(run: Run) -> None:
        del run
        begun.set()
        go_on.wait(20)

    made = Jobs(database, {"work": effect(database, before=wait)})
    waits = submit(database, made)
    with database.writing() as connection:
        jobs.cancel(connection, waits)
    assert row_of(database, waits).state == "cancelled"
    runs = submit(database, started(made))
    assert begun.wait(20)
    with database.writing() as connection:
        jobs.cancel(connection, runs)
    go_on.set()
    assert ended(database, runs).state == "cancelled"
    assert effects(database) == []
    with pytest.raises(ConflictError, match="has ended"), database.writing() as connection:
        jobs.cancel(connection, runs)


def test_what_is_not_available_is_tried_again_and_then_given_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(run: Run) -> None:
        raise UnavailableError(f"away {run.id}")

    made = Jobs(database, {"work": away})
    job_id = submit(database, made)
    for _ in range(2 * service.MAX_INTERRUPTIONS):
        assert row_of(database, job_id).state == "queued"
        made.run_waiting()
    monkeypatch.setattr(service, "RETRY_FOR", timedelta())
    made.run_waiting()
    row = row_of(database, job_id)
    assert (row.state, row.interruptions) == ("failed", 0)
    assert row.problem is not None
    assert row.problem["status"] == 503


def test_a_job_that_kills_each_process_is_given_up(database: Database) -> None:
    made = Jobs(database, {"work": effect(database)})
    job_id = submit(database, made)
    for _ in range(service.MAX_INTERRUPTIONS + 1):
        with database.apart() as dying:
            until(lambda dying=dying: jobs.take_up(dying, job_id) is not None)  # type: ignore[misc]
    made.run_waiting()
    assert row_of(database, job_id).state == "failed"
    assert effects(database) == []


def test_the_end_of_a_process_leaves_the_job_to_another(database: Database) -> None:
    begun = threading.Event()

    def slowly(run: Run) -> None:
        del run
        begun.set()
        time.sleep(0.1)

    first = Jobs(database, {"work": effect(database, before=slowly)})
    job_id = submit(database, first)
    first.start()
    assert begun.wait(20)
    first.stop()
    assert state_of(row_of(database, job_id)) == "interrupted"
    second = Jobs(database, {"work": effect(database)})
    second.run_waiting()
    assert row_of(database, job_id).state == "done"
    assert effects(database) == [f"job {job_id}"]


def test_ended_jobs_are_deleted_in_time(database: Database) -> None:
    made = Jobs(database, {"work": effect(database)})
    done = submit(database, made)
    made.run_waiting()
    waits = submit(database, made)
    with database.writing() as connection:
        assert jobs.drop_before(connection, 3600) == 0
        assert jobs.drop_before(connection, -60) == 1
        assert [row.id for row in jobs.every(connection)] == [waits]
    assert done < waits


def test_a_long_job_holds_up_no_other(database: Database, started: Callable[[Jobs], Jobs]) -> None:
    goes_on, at_it = threading.Event(), threading.Event()

    def long(run: Run) -> None:
        at_it.set()
        while not goes_on.wait(0.02):
            run.step("searching", 0, 1)
        with database.writing() as connection:
            run.finish(connection, {})

    made = started(Jobs(database, {"work": effect(database), "long": long}, apart=[{"long"}]))
    with database.writing() as connection:
        first, second = (
            made.submit(connection, "long", subject=name, arguments={}, who="t") for name in ("a", "b")
        )
    made.wake()
    assert at_it.wait(10)
    quick = submit(database, made)
    made.wake()
    assert ended(database, quick).state == "done"
    assert row_of(database, first).state == "running"
    assert row_of(database, second).state == "queued"  # one long job at a time in a process
    with database.writing() as connection:
        jobs.cancel(connection, first)
    assert ended(database, first).state == "cancelled"
    goes_on.set()
    assert ended(database, second).state == "done"
