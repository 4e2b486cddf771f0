"""Find a PostgreSQL server that really carries PostGIS.

The choice is made by folder, never by ``PATH``: a client's ``psql`` on the path says nothing about where a
server lies, and a server without PostGIS is of no use to us.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from geo_service.store.cluster_errors import ClusterError

MIN_MAJOR = 15
_PROGRAMS = ("initdb", "postgres", "pg_ctl", "pg_config", "pg_dump", "pg_restore")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder of PostgreSQL programs of one major version, with PostGIS among its extensions.

    Attributes
    ----------
    folder : Path
        Holds ``initdb``, ``postgres``, ``pg_ctl``, ``pg_config``, ``pg_dump`` and ``pg_restore``.
    share : Path
        What ``pg_config --sharedir`` answers.
    major : int
        Major version, 15 or higher.
    """

    folder: Path
    share: Path
    major: int

    def program(self, name: str) -> str:
        """Return the full path of one program."""
        return str(self.folder / name)

    def has_extension(self, name: str) -> bool:
        """Tell whether the extension can be created in a database of this server."""
        return (self.share / "extension" / f"{name}.control").is_file()


def find_binaries(major: int | None = None, folder: Path | None = None) -> Binaries:
    """Return the newest usable PostgreSQL, or the one of a given major version.

    Parameters
    ----------
    major : int, optional
        Only this major version will do (that of an existing data folder).
    folder : Path, optional
        Look here and nowhere else.

    Raises
    ------
    ClusterError
        When there is none; the message names the folders that were looked at and the remedy.
    """
    looked_at: list[Path] = []
    for candidate in [folder] if folder else _candidates():
        if candidate in looked_at:
            continue
        looked_at.append(candidate)
        found = _inspect(candidate)
        if found and major in (None, found.major):
            return found
    wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {MIN_MAJOR} or newer"
    raise ClusterError(
        f"no {wanted} server with PostGIS on this machine (looked in: "
        f"{', '.join(map(str, looked_at)) or 'no folder at all'}). On Debian and Ubuntu run scripts/setup, "
        "or point GEO_SERVICE_POSTGRES_BIN at its folder, or GEO_SERVICE_DATABASE_URL at a running server"
    )


def _candidates() -> Iterator[Path]:
    """Folders worth a look: Debian's and Red Hat's versioned ones, newest first, then what PATH leads to."""
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    red_hat = Path("/usr").glob("pgsql-*/bin")
    for folders in (debian, red_hat):
        yield from sorted(folders, key=_number_in_parent, reverse=True)
    for name in ("pg_config", "postgres"):
        if where := shutil.which(name):
            yield Path(where).resolve().parent
            if name == "pg_config" and (bindir := _ask(Path(where), "--bindir")):
                yield Path(bindir)


def _number_in_parent(folder: Path) -> int:
    digits = re.sub(r"\D", "", folder.parent.name)
    return int(digits) if digits else 0


def _inspect(folder: Path) -> Binaries | None:
    """Return what the folder holds if every program and PostGIS are there, else None."""
    if not all(shutil.which(name, path=str(folder)) for name in _PROGRAMS):
        return None
    version = re.search(r"(\d+)", _ask(folder / "postgres", "--version"))
    if version is None or int(version[1]) < MIN_MAJOR:
        return None
    share = Path(_ask(folder / "pg_config", "--sharedir"))
    found = Binaries(folder, share, int(version[1]))
    return found if found.has_extension("postgis") else None


def _ask(program: Path, option: str) -> str:
    """Return what a PostgreSQL program says to one option; empty when it cannot be run."""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed option to a program found by folder
            [str(program), option], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
