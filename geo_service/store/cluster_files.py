"""The small files of a cluster: its settings, its password, its lock, and what its logs say."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geo_service.store.cluster_errors import ClusterError

_MIB = 2**20

ACCESS = "# written by geo_service at every start\nhost all all 127.0.0.1/32 scram-sha-256\n"
_SETTINGS = """\
# written by geo_service at every start: put your own settings into postgresql.conf, below the include
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
port = {port}
password_encryption = scram-sha-256
max_connections = 100
# an answer "stored" is a promise: it holds over a crash of the server and of the machine
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = {shared_buffers_mib}MB
max_wal_size = 2GB
# short statements by the thousand: compiling them costs more than it brings
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = on
log_directory = 'log'
log_filename = 'server-%a.log'
log_truncate_on_rotation = on
log_rotation_age = 1d
log_rotation_size = 0
log_line_prefix = '%m [%p] %a '
log_checkpoints = off
# a statement that failed holds what people reported: that does not belong in a log
log_min_error_statement = panic
"""


def settings_for(port: int) -> str:
    """Return the server's settings; a sixteenth of the memory (128 MiB to 1 GiB) is its own cache."""
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    return _SETTINGS.format(port=port, shared_buffers_mib=min(1024, max(128, memory_mib // 16)))


@contextmanager
def folder_lock(folder: Path, timeout_s: float) -> Iterator[None]:
    """Hold the folder's lock, so that two starts at once become one after the other."""
    try:
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError:
        raise ClusterError(
            f"{folder} belongs to another user: run this as that user (or as root), or set "
            "GEO_SERVICE_HOME to a folder of your own"
        ) from None
    try:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ClusterError(
                        f"another process has been starting or stopping it for {timeout_s:.0f} s: "
                        "wait for it or end it, then try again"
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def join_users(folder: Path) -> int:
    """Become one of the users of the server; the handle stands for it until :func:`leave_users`.

    Call it, and that, only under :func:`folder_lock`. The handle is not handed on to child processes, and
    the system takes the lock away with the process however it ends.
    """
    handle = os.open(folder / "users", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def leave_users(handle: int) -> bool:
    """Be no user any more; tell whether this was the last one."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(handle)


def last_words(text: str) -> str:
    """Return the lines of a program's output that say what went wrong, else its last lines."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [
        line for line in lines if any(word in line for word in ("FATAL", "PANIC", "ERROR", "error:", "HINT"))
    ]
    return " | ".join((telling or lines)[-4:]) or "it gave no reason"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
