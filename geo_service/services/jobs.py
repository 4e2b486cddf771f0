"""Jobs: work that outlasts a request runs in a thread of a serving process, and survives its end.

Each process has one such thread, and others for kinds of jobs that take long, so that these hold up no other.
A thread takes up the oldest job on which nobody works, whoever queued it. A job
ends in the transaction of its effect: a process that is killed leaves either the effect and the ended job, or
neither, and then another takes the job up, or the same one when it is started again.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from geo_service.errors import Fault, GeoServiceError, UnavailableError, Words
from geo_service.store import jobs, kept_answers
from geo_service.store.database import Connection, Database
from geo_service.store.jobs import JobRow, JobTakenError, MadeFile

log = logging.getLogger("geo_service.jobs")

#: How often a process looks for jobs that others queued or left behind.
LOOK_EVERY_S = 1.0
#: How often the progress of a job is written down at most.
STEP_EVERY_S = 0.25
#: How long to wait after something was not available.
RETRY_AFTER_S = 3.0
#: A job with which the process ended so often is given up: it may be what kills it.
MAX_INTERRUPTIONS = 5
#: For how long what is not available is tried again: another publication may take its time.
RETRY_FOR = timedelta(hours=1)
#: How long the end of a process waits for its job to stop; what it has not finished is taken up again.
STOP_WITHIN_S = 8.0
#: Ended jobs and kept answers older than this are deleted.
KEEP_JOBS_S = 90 * 24 * 3600
KEEP_ANSWERS_S = 7 * 24 * 3600
#: Files that jobs made are there for so long after their end.
KEEP_FILES_S = 7 * 24 * 3600
_MAX_FAULTS = 200


class StoppedError(Exception):
    """The process ends; the job is to be taken up by another."""


class InterruptedTooOftenError(UnavailableError):
    """The process ended again and again while it was at the job."""


class Run:
    """A job that is being done, as the work sees it.

    Attributes
    ----------
    id : int
    arguments : mapping
        What was asked for, as JSON.
    who : str
        Who asked for it.
    """

    def __init__(self, connection: Connection, row: JobRow, stop: threading.Event) -> None:
        self.id, self.arguments, self.who = row.id, row.arguments, row.who
        self._attempt = row.attempts
        self._connection = connection
        self._stop = stop
        self._told: tuple[str, float] = ("", 0.0)

    @property
    def content(self) -> bytes:
        """The file that came with it."""
        return jobs.content(self._connection, self.id)

    def step(self, phase: str, done: int, total: int) -> None:
        """Say how far it is; raises when the work is to end here."""
        if self._stop.is_set():
            raise StoppedError
        known, at = self._told
        if phase != known or done == total or time.monotonic() - at >= STEP_EVERY_S:
            jobs.step(
                self._connection, self.id, self._attempt, phase=phase, done=min(done, total), total=total
            )
            self._told = (phase, time.monotonic())

    def finish(self, connection: Connection, result: Mapping[str, Any]) -> None:
        """End the job with its result, in the transaction of its effect, as the last thing in it."""
        jobs.finish(connection, self.id, self._attempt, _as_json(result))

    def finish_with_file(self, connection: Connection, made: MadeFile, result: Mapping[str, Any]) -> None:
        """End the job with a file to be fetched; ``file`` of the result is its address."""
        told = {**result, "file": f"/v1/jobs/{self.id}/file", "bytes": len(made.content)}
        jobs.finish(connection, self.id, self._attempt, _as_json(told), made=made)


#: Told what is being done, how many of it are done, and of how many; raises when the work is to end there.
Say = Callable[[str, int, int], None]


def silent(phase: str, done: int, total: int) -> None:
    """Say nothing."""
    del phase, done, total


#: Does a job; it calls ``Run.finish`` in the transaction that it commits.
Work = Callable[[Run], None]


class Jobs:
    """The jobs of a database, and the threads of this process that do them.

    Parameters
    ----------
    database : Database
    kinds : mapping
        What to do for a job of each kind.
    apart : collection of collections of str
        Kinds that have a thread of their own, those of one collection one together.
    """

    def __init__(
        self, database: Database, kinds: Mapping[str, Work], *, apart: Collection[Collection[str]] = ()
    ) -> None:
        self._database = database
        self._kinds = kinds
        lanes = frozenset(kinds).difference(*apart), *map(frozenset, apart)
        self._lanes = [(lane, threading.Event()) for lane in lanes if lane]
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._swept_at = float("-inf")

    def submit(
        self,
        connection: Connection,
        kind: str,
        *,
        subject: str | None,
        arguments: Mapping[str, Any],
        who: str,
        content: bytes | None = None,
    ) -> int:
        """Queue a job in the caller's transaction and return its id; :meth:`wake` the thread after it.

        Raises
        ------
        ConflictError
            There is an unfinished job for the same subject.
        """
        if kind not in self._kinds:
            raise ValueError(f"there is no kind of job {kind!r}")
        return jobs.add(
            connection, kind=kind, subject=subject, arguments=_as_json(arguments), content=content, who=who
        )

    def wake(self) -> None:
        """Have the threads look at once."""
        for _, wake in self._lanes:
            wake.set()

    def start(self) -> None:
        """Begin to do jobs."""
        self._stop.clear()
        self._threads = [
            threading.Thread(target=self._work, args=lane, name=f"jobs {number}", daemon=True)
            for number, lane in enumerate(self._lanes, 1)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop: a job under way is broken off where it next says how far it is."""
        self._stop.set()
        self.wake()
        until = time.monotonic() + STOP_WITHIN_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def run_waiting(self, kinds: Collection[str] | None = None) -> int:
        """Do what waits, of all kinds or of some, one after the other; returns how many were begun."""
        begun = 0
        with self._database.reading() as connection:
            waiting = jobs.waiting(connection, kinds=kinds)
        for job_id in waiting:
            if self._stop.is_set():
                break
            with self._database.apart() as connection:
                row = jobs.take_up(connection, job_id)
                if row is not None:
                    self._do(connection, row)
                    jobs.let_go(connection, job_id)  # the end of a session frees it a moment later
                    begun += 1
        return begun

    def _work(self, kinds: Collection[str], wake: threading.Event) -> None:
        is_away = False
        while not self._stop.is_set():
            wake.clear()
            try:
                self.run_waiting(kinds)
                self._sweep()
                is_away = False
            except GeoServiceError as error:
                if not is_away:
                    log.warning("jobs wait: %s", error.detail)
                is_away = True
                self._stop.wait(RETRY_AFTER_S)
            except Exception:
                log.exception("looking for jobs failed")
                self._stop.wait(RETRY_AFTER_S)
            wake.wait(LOOK_EVERY_S)

    def _do(self, connection: Connection, row: JobRow) -> None:
        """Do a job that is held; what becomes of it is written down."""
        run = Run(connection, row, self._stop)
        try:
            self._work_on(run, row)
        except StoppedError:
            log.info("job %d is left to another process", row.id)
        except JobTakenError:
            jobs.end_cancelled(connection, row.id, row.attempts)
        except InterruptedTooOftenError as error:
            jobs.fail(connection, row.id, row.attempts, problem_of(error, row.id))
        except UnavailableError as error:
            if datetime.now(UTC) - row.created_at > RETRY_FOR:
                jobs.fail(connection, row.id, row.attempts, problem_of(error, row.id))
                return
            log.warning("job %d is tried again: %s", row.id, error.detail)
            jobs.put_back(connection, row.id, row.attempts)
            self._stop.wait(RETRY_AFTER_S)
        except GeoServiceError as error:
            jobs.fail(connection, row.id, row.attempts, problem_of(error, row.id))
        except Exception:
            log.exception("job %d failed", row.id)
            jobs.fail(connection, row.id, row.attempts, _defect(row.id))

    def _work_on(self, run: Run, row: JobRow) -> None:
        if row.interruptions >= MAX_INTERRUPTIONS:
            raise InterruptedTooOftenError(
                Words(
                    f"{MAX_INTERRUPTIONS} times the process ended while at it; see the log for the reason",
                    f"服务在处理时中断了 {MAX_INTERRUPTIONS} 次，原因请看日志",
                )
            )
        self._kinds[row.kind](run)

    def _sweep(self) -> None:
        """Delete what is old, once an hour."""
        if time.monotonic() - self._swept_at < 3600:
            return
        with self._database.writing() as connection:
            jobs.drop_before(connection, KEEP_JOBS_S)
            jobs.drop_files_before(connection, KEEP_FILES_S)
            kept_answers.drop_before(connection, KEEP_ANSWERS_S)
        self._swept_at = time.monotonic()


def state_of(row: JobRow) -> str:
    """Return the state to show: one that runs, but in no process, is interrupted until it is taken up."""
    return "interrupted" if row.state == "running" and not row.is_held else row.state


def problem_of(error: GeoServiceError, job_id: int) -> dict[str, Any]:
    """Return an error as problem details (RFC 9457), as the request itself would have got it."""
    problem: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": f"/v1/jobs/{job_id}",
        "errors": [fault.as_dict() for fault in error.faults[:_MAX_FAULTS]],
    }
    if isinstance(error.detail, Words):
        problem["detail_zh"] = error.detail.zh
    return _as_json(problem)


def _defect(job_id: int) -> dict[str, Any]:
    error = GeoServiceError(
        f"this is a defect; the log has it under job {job_id}", [Fault("", "tell the operator")]
    )
    return problem_of(error, job_id) | {"type": "/problems/internal", "title": "Internal error"}


def _as_json(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with nothing in it but what JSON has."""
    made: dict[str, Any] = orjson.loads(
        orjson.dumps(dict(value), option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS, default=str)
    )
    return made
