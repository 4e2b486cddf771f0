"""The program as people run it: ``geo-service serve`` in a process group of its own, ``doctor`` after it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
START_S = 400
#: What is compiled once for all processes that a run starts, where the run itself keeps nothing compiled.
PYCACHE = ROOT / ".local" / "test" / "pycache"


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the program knows these settings and no others of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GEO_SERVICE_")}
    if kept.pop("PYTHONDONTWRITEBYTECODE", None):
        kept["PYTHONPYCACHEPREFIX"] = str(PYCACHE)
    return kept | given


def run(*words: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run ``geo-service`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "geo_service", *words],
        cwd=ROOT,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


def assert_invariants_hold(settings: Mapping[str, str]) -> dict[str, int]:
    """Ask ``geo-service doctor --invariants``; return how much it looked at under each name."""
    done = run("doctor", "--invariants", "--json", settings=settings)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert [one for one in found if not one["ok"]] == []
    assert done.returncode == 0, done.stderr
    return {one["name"]: one["looked_at"] for one in found}


class Program:
    """A running ``geo-service serve``, always at the same address however often it is started.

    Attributes
    ----------
    address : str
    settings : dict of str to str
        Its environment variables.
    """

    def __init__(self, settings: Mapping[str, str], *, workers: int, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self.address = f"http://127.0.0.1:{self._port}"
        self.settings = dict(settings)
        self._workers = workers
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        words = ["serve", "--port", str(self._port), "--workers", str(self._workers)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "geo_service", *words],
                cwd=ROOT,
                env=environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that one signal reaches all its workers
            )
        deadline = time.monotonic() + START_S
        while True:
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            try:
                httpx.get(f"{self.address}/v1/status", timeout=60)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return

    @property
    def pid(self) -> int:
        """The process that was started; with several workers it watches over them."""
        assert self._process is not None
        return self._process.pid

    def workers(self) -> set[int]:
        """Return the processes below it."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return {int(pid) for pid in children}

    def kill(self) -> None:
        """Kill it with all its workers, as a power cut would: nothing can be put in order."""
        assert self._process is not None
        os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(20)

    def end(self) -> None:
        """Stop it, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def said(self) -> str:
        """Return the end of its log."""
        return self._log.read_text(errors="replace")[-4000:]
