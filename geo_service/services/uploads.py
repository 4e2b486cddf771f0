"""A file of boundaries that was uploaded: read and published, at once or as a job."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from geo_service.formats.boundaries import read_boundaries
from geo_service.services.importing import ImportReport, import_boundaries
from geo_service.services.progress import Progress, silent
from geo_service.services.tiling import Tilings
from geo_service.store.database import Connection, Database


@dataclass(frozen=True)
class BoundaryUpload:
    """What came with the file: how to read it, and how to publish it."""

    level: str
    code_field: str
    name_field: str | None = None
    parent_field: str | None = None
    parent_level: str | None = None
    crs: str | None = None
    tolerance_m: float = 0.0
    merge_parts: bool | None = None
    layer: str | None = None
    encoding: str | None = None
    valid_from: datetime | None = None
    supersede: bool = False
    accept: tuple[str, ...] = ()
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self) | {"valid_from": self.valid_from.isoformat() if self.valid_from else None}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "BoundaryUpload":
        """Read what :meth:`as_dict` gave."""
        start = values["valid_from"]
        moments = {"valid_from": datetime.fromisoformat(start) if start else None}
        return cls(**{**values, **moments, "accept": tuple(values["accept"])})

    def take_in(
        self,
        database: Database,
        tilings: Tilings,
        content: bytes,
        *,
        who: str,
        commit: bool,
        progress: Progress = silent,
        finish: Callable[[Connection, ImportReport], None] | None = None,
    ) -> ImportReport:
        """Read the file and tell what would change; with ``commit`` publish it.

        ``finish`` is called with the report at the end of the transaction that publishes.
        """
        table = read_boundaries(
            content,
            code_field=self.code_field,
            name_field=self.name_field,
            parent_field=self.parent_field,
            crs=self.crs,
            merge_parts=self.merge_parts,
            layer=self.layer,
            encoding=self.encoding,
        )
        return import_boundaries(
            database,
            tilings,
            table,
            level=self.level,
            parent_level=self.parent_level,
            tolerance_m=self.tolerance_m,
            accept=frozenset(self.accept),
            valid_from=self.valid_from,
            supersede=self.supersede,
            note=self.note,
            who=who,
            commit=commit,
            progress=progress,
            finish=finish,
        )
