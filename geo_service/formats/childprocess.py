"""Starts the walled-off reader of :mod:`geo_service.formats.gdal_child`, takes its answer within limits."""

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from geo_service.errors import TimedOutError, TooLargeError, UnavailableError
from geo_service.formats.gdal_child import MAGIC
from geo_service.formats.limits import MIB, Limits

_ANSWER_MAX_BYTES = 600 * MIB
_PIPE_BYTES = 1 << 20
_PACKAGE_PARENT = Path(__file__).resolve().parents[2]


class ChildDiedError(Exception):
    """The process ended without an answer; the message says how, safe to show."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the head (columns, CRS, layers or a problem) and the geometries."""

    head: dict[str, Any]
    wkb: list[bytes]


def ask(data: bytes, request: dict[str, Any], limits: Limits) -> Answer:
    """Have one file read by a process of its own.

    Parameters
    ----------
    data : bytes
        The file; it goes through an anonymous file in memory, so the process needs no path.
    request : dict
        ``kind``, ``layer``, ``encoding``.
    limits : Limits
        Caps on memory, time and sizes.

    Raises
    ------
    ChildDiedError
        It crashed or said nothing sensible.
    TimedOutError, TooLargeError, UnavailableError
        It took too long, said too much, or could not be started.
    """
    request = {
        **request,
        "memory_bytes": limits.child_memory_bytes,
        "cpu_s": limits.child_cpu_s,
        "features": limits.features,
        "properties": limits.properties,
    }
    source = os.memfd_create("geo_service-input")
    try:
        with open(source, "wb", closefd=False) as writer:
            writer.write(data)
        os.lseek(source, 0, os.SEEK_SET)
        with tempfile.TemporaryDirectory(prefix="geo-service-") as empty:
            return _run(source, request, empty, limits.child_wall_s)
    finally:
        os.close(source)


def _run(source: int, request: dict[str, Any], folder: str, wall_s: float) -> Answer:
    # -P and -s: neither the working folder nor the user's own packages are on the path
    module = [sys.executable, "-s", "-P", "-B", "-m", "geo_service.formats.gdal_child"]
    try:
        child = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [*module, orjson.dumps(request).decode()],
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=_environment(folder),
            close_fds=True,
        )
    except OSError as error:
        raise UnavailableError("The process that reads files could not be started") from error
    with child:
        try:
            answer = _collect(child, time.monotonic() + wall_s)
        finally:
            child.kill()
    return _decode(answer, child.returncode)


def _environment(folder: str) -> dict[str, str]:
    """Return everything the process knows of the world: no credential, no proxy, no home of anyone."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": folder,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_PACKAGE_PARENT),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PROJ_NETWORK": "OFF",
        "CPL_DEBUG": "OFF",
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
        "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
        "GDAL_DRIVER_PATH": "disable",
        "GDAL_PYTHON_DRIVER_PATH": "disable",
        "GDAL_HTTP_MAX_RETRY": "0",
        "GDAL_HTTP_TIMEOUT": "1",
        "GDAL_HTTP_CONNECTTIMEOUT": "1",
        "GDAL_VRT_ENABLE_PYTHON": "NO",
        "OGR_SQLITE_LOAD_EXTENSIONS": "",
        "SHAPE_RESTORE_SHX": "NO",
        # nothing listens on port 1: whatever should slip past the other walls is refused there
        "http_proxy": "http://127.0.0.1:1",
        "https_proxy": "http://127.0.0.1:1",
        "all_proxy": "http://127.0.0.1:1",
    }


def _collect(child: "subprocess.Popen[bytes]", deadline: float) -> bytes:
    """Return all the process writes until it closes its end, within the time and the size allowed."""
    assert child.stdout is not None  # noqa: S101 - it was opened as a pipe; said for the type checker
    blocks: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(deadline - time.monotonic(), 0)):
                raise TimedOutError("Reading the file took too long and was stopped")
            block = os.read(child.stdout.fileno(), _PIPE_BYTES)
            if not block:
                break
            size += len(block)
            if size > _ANSWER_MAX_BYTES:
                raise TooLargeError("The file holds more data than is taken at once")
            blocks.append(block)
    try:
        child.wait(max(deadline - time.monotonic(), 1))
    except subprocess.TimeoutExpired as error:
        raise TimedOutError("Reading the file took too long and was stopped") from error
    return b"".join(blocks)


def _decode(answer: bytes, returncode: int) -> Answer:
    if returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise TimedOutError("Reading the file took more processor time or memory than is allowed")
    at = len(MAGIC) + 8
    if returncode != 0 or not answer.startswith(MAGIC) or len(answer) < at:
        how = f"signal {-returncode}" if returncode < 0 else f"status {returncode}"
        raise ChildDiedError(f"the process that read it died ({how}): the file is damaged or meant to harm")
    end = at + int.from_bytes(answer[len(MAGIC) : at], "little")
    try:
        head: dict[str, Any] = orjson.loads(answer[at:end])
        sizes = np.frombuffer(answer, dtype="<u4", count=int(head["n"]), offset=end)
    except (ValueError, KeyError, TypeError) as error:
        raise ChildDiedError("the process that read it gave no sensible answer") from error
    ends = end + 4 * len(sizes) + np.cumsum(sizes, dtype=np.int64)
    if len(sizes) and int(ends[-1]) != len(answer):
        raise ChildDiedError("the process that read it broke off in the middle of its answer")
    return Answer(head, [answer[int(e) - int(s) : int(e)] for s, e in zip(sizes, ends, strict=True)])
