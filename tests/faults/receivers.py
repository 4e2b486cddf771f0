"""Receivers of webhooks as one meets them: one takes what comes, others hang, drip or refuse."""

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

Line = socket.socket


class Receiver:
    """Listens, and treats whoever posts as it is told; threads end with the process.

    Attributes
    ----------
    url : str
    heard : list of (str, dict)
        Id and body of each message that came in whole, in that order.
    """

    def __init__(self, answer: Callable[[Line], None]) -> None:
        self.heard: list[tuple[str, dict[str, object]]] = []
        self.answer = answer
        self._server = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/hook"
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: Line) -> None:
        with line, suppress(OSError):
            self.heard.append(_message(line))
            self.answer(line)


def _message(line: Line) -> tuple[str, dict[str, object]]:
    """Read a message to its end."""
    with line.makefile("rb") as coming:
        coming.readline()
        headers = {}
        while name := coming.readline().strip():
            key, _, value = name.decode().partition(": ")
            headers[key.lower()] = value
        return headers["webhook-id"], json.loads(coming.read(int(headers["content-length"])))


def takes(line: Line) -> None:
    """Answer as one should."""
    line.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")


def refuses(line: Line) -> None:
    """Answer that something is wrong."""
    line.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")


def hangs(line: Line) -> None:
    """Never answer, until the other side hangs up."""
    line.recv(1)


def drips(line: Line) -> None:
    """Answer a letter at a time, for ever."""
    line.sendall(b"HTTP/1.1 200 ")
    while True:
        line.sendall(b"o")
        time.sleep(0.2)
