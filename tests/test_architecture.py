"""The rooms and the arrows between them, read from the source: what may import what.

A room is a package or module of ``geo_service``. Rooms stand in layers; a room may import those of lower
layers, and within its own layer only itself. The exceptions are named below, each with its reason.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "geo_service"
MAX_LINES = 500

#: From the top down.
LAYERS = (
    {"__main__"},
    {"cli"},
    {"api", "library"},
    {"services", "maps", "web"},
    {"formats", "store", "demo"},
    {"staffing"},
    {"roads", "locate", "planning"},
    {"geometry"},
    {"model", "errors"},
)
SAME_LAYER = {
    ("services", "maps"): "a service renders a map page",
    ("maps", "web"): "a page names its static files",
    ("model", "errors"): "records raise",
}
#: One Settings object, and who may read it; everybody else gets values.
SETTINGS_READERS = {"api.app", "api.state", "services.doctor"}
#: demo makes a place out of nothing: it may not know where that is kept.
DEMO_MAY_IMPORT = {"roads", "geometry", "model", "errors"}
#: library takes frames where the server takes requests: it may know neither the server nor its store.
LIBRARY_MAY_IMPORT = {"maps", "staffing", "roads", "locate", "geometry", "model", "errors"}

PURE = {"geometry", "locate", "planning", "roads", "staffing"}
OUTSIDE = {
    "glob",
    "http",
    "io",
    "logging",
    "os",
    "pathlib",
    "shutil",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
}
CHANCE = {"asyncio", "random", "secrets", "time"}
FRAMEWORKS = {"alembic", "fastapi", "geoalchemy2", "httpx", "psycopg", "pyogrio", "requests", "sqlalchemy"}
IMPURE = OUTSIDE | CHANCE | FRAMEWORKS | {"sqlite3", "starlette", "urllib", "uvicorn"}
#: Modules of pure rooms that read a file all the same.
READS_FILES = {
    "roads.osm": {"pathlib", "os"},  # a PBF
    "roads.osm_features": {"pathlib", "os"},  # the same PBF
    "roads.profiles": {"importlib", "pathlib"},  # the table of speeds that lies beside it
}
NOW = {"now", "today", "utcnow"}
SQL = {"sqlalchemy", "psycopg", "geoalchemy2", "alembic", "sqlite3"}
WEB = {"fastapi", "starlette"}


@dataclass(frozen=True)
class Import:
    module: str  # of ours, without the package's name: "store.cells"
    target: str  # as written: "geo_service.model", "numpy.typing"
    typing_only: bool
    line: int

    @property
    def where(self) -> str:
        return f"geo_service/{self.module.replace('.', '/')}.py:{self.line} imports {self.target}"

    @property
    def top(self) -> str:
        return self.target.partition(".")[0]

    @property
    def ours(self) -> str | None:
        head, _, rest = self.target.partition(".")
        return rest if head == "geo_service" and rest else None


def room_of(module: str) -> str:
    return module.partition(".")[0]


@cache
def modules() -> dict[str, Path]:
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        if "migrations" in parts or "static" in parts:
            continue  # Alembic loads these by path; they are part of store
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            found[name] = file
    return found


@cache
def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in modules().items()}


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for name, nodes in walked().items() for found in imports_among(name, nodes))


@cache
def walked() -> dict[str, list[ast.AST]]:
    """Every node of every module: to walk the trees costs more than what is then asked of the nodes."""
    return {name: list(ast.walk(tree)) for name, tree in trees().items()}


def imports_among(module: str, nodes: list[ast.AST]) -> Iterator[Import]:
    typing_only = {
        inner
        for node in nodes
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
        for inner in ast.walk(ast.Module(node.body, []))
    }
    for node in nodes:
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(module, name.name, node in typing_only, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: imports are absolute"
            for name in node.names:
                yield Import(
                    module, whole_target(node.module or "", name.name), node in typing_only, node.lineno
                )


def imports_in(module: str, tree: ast.Module) -> Iterator[Import]:
    return imports_among(module, list(ast.walk(tree)))


def whole_target(module: str, name: str) -> str:
    """``from geo_service.store import cells`` means the module store.cells, if there is one."""
    target = f"{module}.{name}"
    is_module = (
        target.removeprefix("geo_service.") in modules() if target.startswith("geo_service.") else False
    )
    return target if is_module or module == "geo_service" else module


def layer_of(room: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if room in rooms)


def upward(found: Import) -> bool:
    if found.ours is None or room_of(found.ours) in {"settings", "__version__"}:
        return False
    here, there = room_of(found.module), room_of(found.ours)
    if here == "settings":
        return True
    if here == "demo" and there != "demo":
        return there not in DEMO_MAY_IMPORT
    if here == "library" and there != "library":
        return there not in LIBRARY_MAY_IMPORT
    if here == there or (here, there) in SAME_LAYER:
        return False
    return layer_of(there) <= layer_of(here)


def test_every_room_has_its_place():
    known = set().union(*LAYERS) | {"settings"}
    assert {room_of(module) for module in modules()} <= known


def test_no_arrow_points_up():
    assert [found.where for found in imports() if upward(found)] == []


def test_no_circle():
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for found in imports():
        if found.ours in graph and found.ours != found.module and not found.typing_only:
            graph[found.module].add(found.ours)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_settings_are_read_at_the_top_only():
    readers = {
        found.module
        for found in imports()
        if found.ours
        and room_of(found.ours) == "settings"
        and room_of(found.module) not in {"cli", "__main__"}
    }
    assert readers <= SETTINGS_READERS


def test_sql_lives_in_the_store():
    assert [
        found.where
        for found in imports()
        if found.top in SQL
        and room_of(found.module) != "store"
        and not (room_of(found.module) == "services" and found.typing_only)
    ] == []


def test_the_web_framework_lives_in_the_api():
    assert [found.where for found in imports() if found.top in WEB and room_of(found.module) != "api"] == []


@pytest.mark.parametrize("room", sorted(PURE))
def test_pure_rooms_touch_nothing_outside(room: str):
    assert [
        found.where
        for found in imports()
        if room_of(found.module) == room
        and found.top in IMPURE - READS_FILES.get(found.module, set())
        and not found.typing_only
    ] == []


@pytest.mark.parametrize("room", sorted(PURE))
def test_pure_rooms_ask_no_clock_and_open_no_file(room: str):
    calls = [
        f"{module}:{node.lineno} {ast.unparse(node.func)}"
        for module, nodes in walked().items()
        if room_of(module) == room and module not in READS_FILES
        for node in nodes
        if isinstance(node, ast.Call) and is_outside(node.func)
    ]
    assert calls == []


def is_outside(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id in {"open", "print", "input", "exec", "eval"}
    return (
        isinstance(function, ast.Attribute)
        and function.attr in NOW
        and ast.unparse(function.value).rpartition(".")[2] in {"datetime", "date", "Timestamp", "pd"}
    )


def test_no_file_is_too_long_to_read():
    folders = [PACKAGE, ROOT / "tests", ROOT / "benchmarks", ROOT / "scripts"]
    own = (file for folder in folders for file in folder.rglob("*") if file.suffix in {".py", ".sh", ""})
    vendored = {"node_modules", "static", "__pycache__"}
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in own
        if file.is_file() and not vendored & set(file.parts)
    }
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


# ------------------------------------------------------------------------------ the test sees what it should


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("geometry.x", "from geo_service.store import cells", True),
        ("geometry.x", "import geo_service.locate.index", True),
        ("store.x", "from geo_service.services.intake import place", True),
        ("store.x", "from geo_service.formats import limits", True),
        ("formats.x", "from geo_service.store.database import Database", True),
        ("locate.x", "from geo_service.roads import snap", True),
        ("demo.x", "from geo_service.store.database import Database", True),
        ("library.x", "from geo_service.services.coverage import run", True),
        ("library.x", "from geo_service.formats import limits", True),
        ("services.x", "from geo_service.library import locate", True),
        ("library.x", "from geo_service.roads.travel import nearest", False),
        ("api.x", "def f():\n    from geo_service.cli import serve", True),
        ("api.x", "from geo_service.services.identity import issue", False),
        ("services.x", "from geo_service.formats import limits", False),
        ("staffing.x", "from geo_service.roads.travel import nearest", False),
        ("demo.x", "from geo_service.roads.network import RoadNetwork", False),
    ],
)
def test_an_upward_arrow_would_be_seen(module: str, source: str, wrong: bool):
    assert any(upward(found) for found in imports_in(module, ast.parse(source))) is wrong


def test_an_import_for_types_alone_is_told_from_a_real_one():
    source = "from typing import TYPE_CHECKING\nimport psycopg\nif TYPE_CHECKING:\n    import sqlalchemy"
    found = {item.top: item.typing_only for item in imports_in("services.x", ast.parse(source))}
    assert found == {"typing": False, "sqlalchemy": True, "psycopg": False}


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("datetime.now(UTC)", True),
        ("datetime.datetime.utcnow()", True),
        ("pd.Timestamp.now()", True),
        ("open('x')", True),
        ("shift.now(moment)", False),
    ],
)
def test_a_look_at_the_clock_would_be_seen(source: str, wrong: bool):
    call = ast.parse(source, mode="eval").body
    assert isinstance(call, ast.Call)
    assert is_outside(call.func) is wrong
