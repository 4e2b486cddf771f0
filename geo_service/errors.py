"""The error tree: every failure a caller may see has a code, a status and words that are safe to show.

The API renders these as RFC 9457 problem details, the command line as one clear line. Anything that is
not a :class:`GeoServiceError` is a defect and is shown as a bare "internal error" with a reference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


class Words(str):
    """A text in both languages: it is the English one, and carries the Chinese one along.

    So it goes wherever a text goes; who shows it to a person asks for ``zh``.
    """

    zh: str

    def __new__(cls, en: str, zh: str = "") -> "Words":
        """Put the two together."""
        made = super().__new__(cls, en)
        made.zh = zh
        return made


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with what the caller gave, where it is, and what to do about it.

    Attributes
    ----------
    field : str
        Name of the parameter, column or JSON path (``"features[3].geometry"``); ``""`` for the whole input.
    message : str
        What is wrong and what to do, one sentence, safe to show; :class:`Words` where a planner may meet it.
    row : int or None
        1-based number of the feature or data row it stands in (a header line is not counted).
    value : object
        The offending value, shortened to something printable.
    place : tuple of float or None
        ``(lon, lat)`` in EPSG:4326 degrees where the fault lies, when it has a place.
    """

    field: str
    message: str
    row: int | None = None
    value: Any = None
    place: tuple[float, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fault as a JSON object without empty members."""
        out: dict[str, Any] = {"field": self.field, "message": self.message}
        if isinstance(self.message, Words):
            out["message_zh"] = self.message.zh
        if self.row is not None:
            out["row"] = self.row
        if self.value is not None:
            out["value"] = self.value if isinstance(self.value, int | float | bool) else str(self.value)[:120]
        if self.place is not None:
            out["place"] = [round(self.place[0], 7), round(self.place[1], 7)]
        return out

    def __str__(self) -> str:
        """One line for a terminal: row, field, message and value."""
        at = f"row {self.row}: " if self.row is not None else ""
        name = f"{self.field}: " if self.field else ""
        value = f" (got {str(self.value)[:60]!r})" if self.value is not None else ""
        return f"{at}{name}{self.message}{value}"


class GeoServiceError(Exception):
    """Root of the tree. ``detail`` is shown to the caller; never put a database message or a path into it."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Error"

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)

    def __str__(self) -> str:
        """Detail, followed by each fault on a line of its own."""
        return "\n  ".join([self.detail, *map(str, self.faults)])


class BadRequestError(GeoServiceError):
    """The request itself is malformed: unknown parameter, broken JSON, unreadable value."""

    code, status, title = "bad-request", 400, "Malformed request"


class UnauthenticatedError(GeoServiceError):
    """No key, or one that is not known."""

    code, status, title = "unauthenticated", 401, "Not signed in"


class ForbiddenError(GeoServiceError):
    """The caller's role or subtree does not allow it."""

    code, status, title = "forbidden", 403, "Not allowed"


class NotFoundError(GeoServiceError):
    """The thing named does not exist (or not for this caller, or not at that date)."""

    code, status, title = "not-found", 404, "Not found"


class ConflictError(GeoServiceError):
    """The state has moved on, or the thing exists already."""

    code, status, title = "conflict", 409, "Conflict"


class PreconditionFailedError(GeoServiceError):
    """The thing is no longer as ``If-Match`` says; look at what changed, then ask again."""

    code, status, title = "precondition-failed", 412, "Changed meanwhile"


class TooLargeError(GeoServiceError):
    """Larger than a stated limit."""

    code, status, title = "too-large", 413, "Too large"


class InvalidInputError(GeoServiceError):
    """Well-formed but wrong: the faults say which field, where, and what to do."""

    code, status, title = "invalid-input", 422, "Invalid input"


class PreconditionRequiredError(GeoServiceError):
    """The request must say with ``If-Match`` which state of the thing the caller has seen."""

    code, status, title = "precondition-required", 428, "If-Match is missing"


class UnavailableError(GeoServiceError):
    """A part we depend on does not answer; trying again later may work."""

    code, status, title = "unavailable", 503, "Temporarily unavailable"


class HeldError(UnavailableError):
    """Somebody else holds what just this work needs; other work goes on."""


class TimedOutError(GeoServiceError):
    """The work exceeded its time limit and was stopped."""

    code, status, title = "timed-out", 504, "Timed out"
