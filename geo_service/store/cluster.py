"""The private PostGIS: a cluster of its own in the home folder, made, started and mended without questions.

It leaves any other PostgreSQL on the machine alone: own data folder, own port (chosen free and remembered),
own password (generated, mode 0600). It listens on 127.0.0.1 with SCRAM and on no Unix socket: socket paths
end at 107 bytes and leave lock files behind, and one way in is enough.

::

    HOME/postgres/
        data/       the cluster (0700, owned by whoever runs the server)
        password    of the role geo (0600)
        port        on 127.0.0.1
        lock        held while starting, stopping
        users       shared by everybody who uses a server that was started on demand
        on-demand   there while the server is to stop after its last user
        start.log   what the server said before its own log was open
        data/log/   a file per weekday
"""

import os
import secrets
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from geo_service.store import cluster_databases as databases
from geo_service.store.cluster_binaries import Binaries, find_binaries
from geo_service.store.cluster_errors import ClusterError
from geo_service.store.cluster_files import (
    ACCESS,
    folder_lock,
    join_users,
    last_words,
    leave_users,
    settings_for,
    write_private,
)
from geo_service.store.cluster_process import (
    ServerUser,
    choose_server_user,
    end_processes_of,
    is_server_of,
    port_is_free,
    processes_of,
    read_pid_file,
)

ROLE = "geo"
DATABASE = "geo"

_FIRST_PORT, _PORTS = 20000, 10000  # below the range that Linux hands to outgoing connections


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """What is known of the cluster without asking the server.

    Attributes
    ----------
    made : bool
        The data folder exists.
    running : bool
        Its server is at work and ready.
    pid, port : int or None
        Of the running server; the port also when it is down but remembered.
    major : int or None
        Major version that made the data folder.
    data : Path
        The data folder.
    """

    made: bool
    running: bool
    pid: int | None
    port: int | None
    major: int | None
    data: Path


class Cluster:
    """The private PostGIS of one home folder.

    Parameters
    ----------
    home : Path
        Folder of all state (made if missing). Two homes are two clusters, side by side.
    binaries_folder : Path, optional
        Take PostgreSQL's programs from here instead of looking for them.

    Notes
    -----
    The operations may be called from several processes at once: a lock in the folder puts them in a row.
    """

    def __init__(self, home: Path, *, binaries_folder: Path | None = None) -> None:
        self.home = Path(home).absolute()
        self.folder = self.home / "postgres"
        self.data = self.folder / "data"
        self._binaries_folder = binaries_folder

    # ---------------------------------------------------------------- what the outside asks for

    def start(self, timeout_s: float = 120.0) -> bool:
        """Make the cluster if it is missing, mend what a crash left, start it, and make its database.

        It stays until :meth:`stop`, also when it runs already for users of :meth:`running`.

        Returns
        -------
        bool
            True when this call started the server, False when it was running already. Who gets True is
            the one to call :meth:`stop`.

        Raises
        ------
        ClusterError
            When it cannot be done, with the reason and the remedy.
        """
        self._make_folder()
        with folder_lock(self.folder, timeout_s):
            started = self._start(timeout_s)
            self._on_demand.unlink(missing_ok=True)
            return started

    def _start(self, timeout_s: float) -> bool:
        try:
            return self._bring_up(timeout_s)
        except psycopg.OperationalError:
            # killed in the very moment between our look at it and our call: now it is seen to be dead
            try:
                return self._bring_up(timeout_s)
            except psycopg.Error as failure:
                raise ClusterError(f"the server runs but cannot be reached: {failure}") from failure
        except psycopg.Error as failure:
            raise ClusterError(f"the database cannot be made: {failure}") from failure

    def stop(self, timeout_s: float = 60.0) -> bool:
        """Stop the server; open transactions are rolled back. Return whether it was running."""
        if not self.data.is_dir():
            return False
        with folder_lock(self.folder, timeout_s):
            return self._stop(timeout_s)

    def _stop(self, timeout_s: float) -> bool:
        self._on_demand.unlink(missing_ok=True)
        if self._server_pid() is None:
            end_processes_of(self.data)  # backends that outlived a killed postmaster
            return False
        argv = [self.binaries().program("pg_ctl"), "stop", "-w", "-m"]
        user = choose_server_user(self.folder, self.data)
        done = user.run([*argv, "fast", "-t", str(round(timeout_s))], cwd=self.data, data=self.data)
        if done.returncode != 0:  # a backend that does not answer: leave at once, recover at the next start
            done = user.run([*argv, "immediate", "-t", "20"], cwd=self.data, data=self.data)
        if done.returncode != 0 or processes_of(self.data):
            end_processes_of(self.data)
        return True

    def status(self) -> ClusterStatus:
        """Look at the files and processes; the server is not asked, nothing is changed."""
        pid = self._server_pid()
        file = read_pid_file(self.data)
        return ClusterStatus(
            made=self._made(),
            running=pid is not None and file is not None and file.ready,
            pid=pid,
            port=file.port if file and pid is not None else self._remembered_port(),
            major=self._data_major(),
            data=self.data,
        )

    def url(self, database: str = DATABASE) -> str:
        """Return the address of a database of this cluster, password included, for libpq and psycopg.

        For SQLAlchemy: ``sqlalchemy.make_url(url).set(drivername="postgresql+psycopg")``.

        Raises
        ------
        ClusterError
            Before the first :meth:`start`, or when the password may not be read.
        """
        try:
            password = (self.folder / "password").read_text().strip()
        except FileNotFoundError:
            raise ClusterError("there is no private database yet: run geo-service db start") from None
        except PermissionError:
            raise ClusterError(
                f"{self.folder / 'password'} may not be read: it belongs to another user"
            ) from None
        return f"postgresql://{ROLE}:{password}@127.0.0.1:{self._remembered_port()}/{database}"

    @contextmanager
    def running(self, timeout_s: float = 120.0) -> Iterator[str]:
        """Give the address of the database while its server runs, starting the server if need be.

        Any number of processes may be in here at once. The last to leave stops the server, unless
        :meth:`start` was called meanwhile or it ran already because of that. A user that is killed no longer
        counts: the system takes its lock away.
        """
        self._make_folder()
        with folder_lock(self.folder, timeout_s):
            users = join_users(self.folder)
            try:
                if self._server_pid() is None:
                    self._on_demand.touch(mode=0o600)  # before it starts: we may be interrupted on the way
                self._start(timeout_s)
            except BaseException:
                self._leave(users, timeout_s)
                raise
        try:
            yield self.url()
        finally:
            with folder_lock(self.folder, timeout_s):
                self._leave(users, timeout_s)

    def _leave(self, users: int, timeout_s: float) -> None:
        if leave_users(users) and self._on_demand.exists():
            self._stop(timeout_s)

    @property
    def _on_demand(self) -> Path:
        return self.folder / "on-demand"

    def create_database(self, name: str, template: str = "template1") -> str:
        """Make a database as a copy of another one, by default one with the extensions only.

        Returns its address. A copy takes a tenth of a second, so a test may have a database of its own.
        Nobody may be connected to the template.
        """
        databases.create(self.url("postgres"), name, template)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, and with it every connection to it."""
        databases.drop(self.url("postgres"), name)

    def backup(self, file: Path) -> None:
        """Write the whole database into one file (see :func:`cluster_databases.backup`)."""
        databases.backup(self.binaries(), self.url(), file)

    def restore(self, file: Path, before_swap: Callable[[str], object] | None = None) -> str:
        """Replace the database by what a backup holds; return the name under which the old one is kept.

        See :func:`cluster_databases.restore`.
        """
        return databases.restore(self.binaries(), self.url(), file, before_swap)

    # ---------------------------------------------------------------- making and mending

    def _bring_up(self, timeout_s: float) -> bool:
        started = not self._answers(timeout_s)
        if started:
            self._make_data()
            self._clear_wreckage()
            self._launch(timeout_s)
        databases.prepare(self.url("template1"), self.url("postgres"), DATABASE, self._extensions())
        return started

    def _make_folder(self) -> None:
        try:
            for folder in (self.home, self.folder):
                if not folder.is_dir():
                    folder.mkdir(parents=True, exist_ok=True)
                    folder.chmod(
                        0o711
                    )  # whatever the umask: the server's user must come in, but need not look
        except OSError as failure:
            raise ClusterError(
                f"{self.folder} cannot be made ({failure.strerror}): set GEO_SERVICE_HOME to another one"
            ) from failure

    def _make_data(self) -> None:
        """Run ``initdb`` beside the final place, then rename: half a cluster never passes for a whole one."""
        if self._made():
            return
        self._put_wreck_aside()
        user = choose_server_user(self.folder, self.data)
        password = secrets.token_hex(32)
        making = self.folder / "data.new"
        password_file = self.folder / "password.new"
        try:
            making.mkdir(mode=0o700)
            user.own(making, 0o700)
            write_private(password_file, password + "\n")
            user.own(password_file, 0o600)
            options = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--data-checksums"]
            done = user.run(
                [
                    self.binaries().program("initdb"),
                    f"--pgdata={making}",
                    f"--username={ROLE}",
                    f"--pwfile={password_file}",
                    *options,
                ],
                cwd=making,
                data=making,
            )
            if done.returncode != 0:
                raise ClusterError(
                    f"the data folder could not be made: {last_words(done.stderr or done.stdout)}"
                )
            with (making / "postgresql.conf").open("a") as settings:
                settings.write("\ninclude 'geo_service.conf'\n")
            write_private(self.folder / "password", password + "\n")
            making.rename(self.data)
        finally:
            password_file.unlink(missing_ok=True)

    def _put_wreck_aside(self) -> None:
        """Remove a half-finished initdb of ours; anything else that lies in the place of the data is kept."""
        making = self.folder / "data.new"
        if making.exists():
            end_processes_of(making)
            shutil.rmtree(making)
        if self.data.exists():
            end_processes_of(self.data)
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
            self.data.rename(self.folder / f"data.broken-{stamp}")

    def _clear_wreckage(self) -> None:
        """Remove what a killed server left: its backends and the pid file that would stop a new one.

        Called only when no server of this folder is alive.
        """
        end_processes_of(self.data)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _launch(self, timeout_s: float) -> None:
        user = choose_server_user(self.folder, self.data)
        log = self.folder / "start.log"
        for port in self._ports_to_try():
            log.write_text("")
            user.own(log, 0o600)
            self._write_settings(user, port)
            done = user.run(
                # the folder comes from PGDATA and the log from the working directory, because pg_ctl puts
                # both into a shell command when they are given as options
                [
                    self.binaries().program("pg_ctl"),
                    "start",
                    "-w",
                    "-t",
                    str(round(timeout_s)),
                    "-l",
                    "../start.log",
                ],
                cwd=self.data,
                data=self.data,
            )
            if done.returncode == 0:
                return
            end_processes_of(self.data)
            if port_is_free(port):  # so it was not that somebody else took the port meanwhile
                break
        raise ClusterError(f"PostgreSQL does not start: {self._why_it_failed(done.stdout + done.stderr)}")

    def _write_settings(self, user: ServerUser, port: int) -> None:
        for name, text in (("geo_service.conf", settings_for(port)), ("pg_hba.conf", ACCESS)):
            write_private(self.data / name, text)
            user.own(self.data / name, 0o600)
        write_private(self.folder / "port", f"{port}\n")

    def _ports_to_try(self) -> Iterator[int]:
        """Give the remembered port first, then ones that depend on the folder; only such as are free now."""
        remembered = self._remembered_port()
        if remembered is not None and port_is_free(remembered):
            yield remembered
        start = zlib.crc32(os.fsencode(self.folder))
        offered = 0
        for step in range(_PORTS):
            port = _FIRST_PORT + (start + step) % _PORTS
            if port != remembered and port_is_free(port):
                yield port
                offered += 1
                if offered == 20:
                    return

    def _answers(self, timeout_s: float) -> bool:
        """Tell whether a server of ours is at work, and wait while it is starting or recovering."""
        deadline = time.monotonic() + timeout_s
        while (
            self._server_pid() is not None
        ):  # also asked again: a server just killed is there a moment longer
            status = self.status()
            if status.running and status.port and not port_is_free(status.port):
                return True
            if time.monotonic() > deadline:
                raise ClusterError(f"the server does not become ready: {self._why_it_failed('')}")
            time.sleep(0.05)
        return False

    # ---------------------------------------------------------------- small readings

    def _made(self) -> bool:
        """Tell whether the data folder is whole: PG_VERSION comes first, global/pg_control late."""
        try:
            return (self.data / "global" / "pg_control").exists() and self._data_major() is not None
        except PermissionError:
            return self.data.is_dir()  # another user's: choose_server_user says so

    def _data_major(self) -> int | None:
        try:
            return int((self.data / "PG_VERSION").read_text())
        except (OSError, ValueError):
            return None

    def _server_pid(self) -> int | None:
        file = read_pid_file(self.data)
        return file.pid if file and is_server_of(file.pid, self.data) else None

    def _remembered_port(self) -> int | None:
        try:
            return int((self.folder / "port").read_text())
        except (OSError, ValueError):
            return None

    def binaries(self) -> Binaries:
        """Return programs of the version that made the data folder, or the newest for a new one."""
        return find_binaries(self._data_major(), self._binaries_folder)

    def _extensions(self) -> list[str]:
        binaries = self.binaries()
        wanted = ("postgis", "btree_gist", "ltree", "pgcrypto")
        return [name for name in wanted if binaries.has_extension(name)]

    def log_files(self) -> list[Path]:
        """Return the server's log files, the newest first."""
        files = [*(self.data / "log").glob("server-*.log"), self.folder / "start.log"]
        return sorted((f for f in files if f.exists()), key=lambda f: f.stat().st_mtime, reverse=True)

    def _why_it_failed(self, said: str) -> str:
        logged = [file.read_text(errors="replace") for file in self.log_files()[:2]]
        return last_words("\n".join([said, *logged]))
