"""The commands of a list that is a town's own data: show it as TOML, set it from a file."""

import json
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import BaseModel, ValidationError

from geo_service.cli import common
from geo_service.errors import Fault, InvalidInputError, NotFoundError
from geo_service.services import catalogue
from geo_service.store.database import Connection, Database

WHO = "command line"
Rows = Sequence[Mapping[str, Any]]


class SetList:
    """Shows and sets one list.

    Parameters
    ----------
    name : str
        Member of the file that holds the list.
    schema : pydantic model
        The file as a whole.
    read, write
        What the service does.
    """

    def __init__(
        self,
        name: str,
        schema: type[BaseModel],
        *,
        read: Callable[[Connection], list[dict[str, Any]]],
        write: Callable[..., list[dict[str, Any]]],
    ) -> None:
        self._name, self._schema, self._read, self._write = name, schema, read, write

    def commands(self, app: typer.Typer) -> None:
        """Add ``show`` and ``set`` to an app."""
        example = f"Example: geo-service {self._name}"
        app.command(name="show", help=f"{self._show.__doc__}\n\n{example} show > {self._name}.toml")(
            self._show
        )
        app.command(name="set", help=f"{self._set.__doc__}\n\n{example} set {self._name}.toml")(self._set)

    def _show(self, *, as_json: common.Json = False) -> None:
        """Print the list as TOML (or JSON), as `set` takes it back."""
        with common.open_database() as database, database.reading() as connection:
            rows = self._read(connection)
        if as_json:
            common.print_json({self._name: rows})
        else:
            sys.stdout.write(toml_of(self._name, rows))

    def _set(self, file: Annotated[Path, typer.Argument(help="TOML or JSON, as `show` prints it.")]) -> None:
        """Put the list of a file in the place of the one that is set."""
        rows = self._rows(file)
        with common.open_database() as database:
            done = self._replace(database, rows)
        common.talk.print(f"{len(done)} {self._name} are set")

    def _replace(self, database: Database, rows: Rows) -> list[dict[str, Any]]:
        with database.reading() as connection:
            seen = catalogue.mark(self._read(connection))
        return self._write(database, rows, who=WHO, if_match=seen)

    def _rows(self, file: Path) -> list[dict[str, Any]]:
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"there is no file {file}") from None
        try:
            given = self._schema.model_validate(_parsed(content))
        except ValidationError as error:
            faults = [Fault(_path(one["loc"]), one["msg"]) for one in error.errors(include_url=False)]
            raise InvalidInputError(f"{file} does not fit", faults) from None
        rows: list[dict[str, Any]] = given.model_dump()[self._name]
        return rows


def toml_of(name: str, rows: Rows) -> str:
    """Write rows of plain values and lists of texts as TOML."""
    out = []
    for row in rows:
        lines = [f"{key} = {_value(value)}" for key, value in row.items() if value is not None]
        out.append("\n".join([f"[[{name}]]", *lines]))
    return "\n\n".join(out) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    # a JSON text is a TOML one, but for DEL, which JSON leaves as it is
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _parsed(content: bytes) -> Any:
    text = content.decode("utf-8-sig", "replace")
    try:
        return orjson.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, orjson.JSONDecodeError) as error:
        raise InvalidInputError(f"the file is neither TOML nor JSON: {error}") from None


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))
