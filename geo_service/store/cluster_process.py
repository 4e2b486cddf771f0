"""The operating-system side of the private PostGIS: under which user it runs, which processes are its own.

PostgreSQL refuses to run as root. Started by root, the server therefore runs as the owner of its data
folder, at first ``postgres``; where that user cannot reach the folder (a parent is closed to others) it runs
as root's own files' owner inside a user namespace, in which it is not root.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geo_service.store.cluster_errors import ClusterError

# nothing of the caller's environment reaches the server: PGHOST, PROJ_DATA or LD_PRELOAD of a user's shell
# have broken servers before
_SERVER_ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Who runs the server programs.

    Attributes
    ----------
    uid, gid : int or None
        The user to become; None to stay who we are.
    prefix : tuple of str
        Words put before every command (the user namespace).
    """

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    def run(self, argv: Sequence[str], *, cwd: Path, data: Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the server to its end and return its exit code and output."""
        identity: dict[str, Any] = (
            {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}
        )
        return subprocess.run(  # noqa: S603 - programs found by folder, our own options, no shell
            [*self.prefix, *argv],
            cwd=cwd,
            env={**_SERVER_ENV, "PGDATA": str(data)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            **identity,
        )

    def own(self, path: Path, mode: int) -> None:
        """Give a file or folder to the server with the mode stated."""
        if self.uid is not None:
            os.chown(path, self.uid, self.gid if self.gid is not None else -1)
        path.chmod(mode)

    def reaches(self, folder: Path) -> bool:
        """Tell whether the server can enter the folder, all its parents included."""
        return self.run(["/usr/bin/test", "-x", str(folder)], cwd=Path("/"), data=folder).returncode == 0


def choose_server_user(folder: Path, data: Path) -> ServerUser:
    """Return who runs the server whose data folder is, or will be, ``data`` inside ``folder``.

    Raises
    ------
    ClusterError
        When the data belongs to another user, or no user could run the server there.
    """
    me = os.geteuid()
    owner = data.stat().st_uid if data.exists() else None
    if me != 0:
        if owner not in (None, me):
            raise ClusterError(
                f"{data} belongs to user {_user_name(owner)}, not to {_user_name(me)}: run this as that user "
                "(or as root), or set GEO_SERVICE_HOME to a folder of your own"
            )
        return ServerUser()
    if owner:
        return ServerUser(owner, pwd.getpwuid(owner).pw_gid)
    candidates = _candidates_for_root() if owner is None else [ServerUser(prefix=_NAMESPACE)]
    for candidate in candidates:
        if (not candidate.prefix or shutil.which(candidate.prefix[0])) and candidate.reaches(folder):
            return candidate
    raise ClusterError(
        f"PostgreSQL does not run as root, and no other user can enter {folder}: open its parent folders "
        "(chmod o+x), or set GEO_SERVICE_HOME to a folder that others may enter, such as /var/lib/geo_service"
    )


def _candidates_for_root() -> list[ServerUser]:
    by_name = {entry.pw_name: ServerUser(entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall()}
    named = [by_name[name] for name in ("postgres", "nobody") if name in by_name]
    return [*named[:1], ServerUser(prefix=_NAMESPACE), *named[1:]]


def _user_name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return str(uid)


@dataclass(frozen=True, slots=True)
class PidFile:
    """What ``postmaster.pid`` says: the server's process, its port, and whether it is ready."""

    pid: int
    port: int | None
    ready: bool


def read_pid_file(data: Path) -> PidFile | None:
    """Return the content of ``postmaster.pid``, or None when there is none or it is torn."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
        pid = abs(int(lines[0]))
    except (OSError, ValueError, IndexError):
        return None
    port = int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else None
    return PidFile(pid, port, ready=len(lines) > 7 and lines[7].strip() == "ready")


def is_server_of(pid: int, data: Path) -> bool:
    """Tell whether a process is a PostgreSQL at work in this very data folder.

    A live pid alone proves nothing: after ``kill -9`` or a reboot the number may be a zombie's or a
    stranger's. A server's working directory is its data folder, and a zombie has none.
    """
    try:
        program = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")  # upgraded meanwhile
        return program == "postgres" and Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:
        return False


def processes_of(data: Path) -> list[int]:
    """Return the ids of all PostgreSQL processes at work in the data folder."""
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in numbers if is_server_of(pid, data)]


def end_processes_of(data: Path, patience_s: float = 10.0) -> int:
    """End every PostgreSQL process of the data folder, and return how many there were.

    For what outlives a killed postmaster: SIGQUIT makes a backend leave at once without touching files;
    what is still there after ``patience_s`` gets SIGKILL.
    """
    found = processes_of(data)
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for pid in processes_of(data):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue  # it has just left by itself
        deadline = time.monotonic() + patience_s
        while processes_of(data):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return len(found)
    raise ClusterError(
        f"processes {processes_of(data)} of {data} do not end; end them by hand, then try again"
    )


def port_is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # as PostgreSQL does it: connections of a server that has just left do not count as occupied
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
