"""What ``import geo_service`` gives, and what it does not drag in."""

import subprocess
import sys

import geo_service
from geo_service import library

HEAVY = ("numpy", "pandas", "geopandas", "shapely", "folium", "numba")
SERVER = (
    "sqlalchemy",
    "psycopg",
    "geoalchemy2",
    "alembic",
    "fastapi",
    "starlette",
    "uvicorn",
    "pydantic_settings",
)


def python(source: str) -> str:
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_importing_the_package_loads_nothing_heavy():
    source = f"import sys, geo_service; dir(geo_service); print([m for m in {HEAVY} if m in sys.modules])"
    assert python(source) == "[]"


def test_the_library_needs_no_server_and_no_database():
    source = f"import sys, geo_service.library; print([m for m in {SERVER} if m in sys.modules])"
    assert python(source) == "[]"


def test_everything_is_there_under_both_names():
    assert set(geo_service.LIBRARY) == set(library.__all__)
    for name in set(geo_service.LIBRARY) - {"locate"}:
        assert getattr(geo_service, name) is getattr(library, name)
    assert set(geo_service.LIBRARY) <= set(dir(geo_service))
    assert all(getattr(library, name).__doc__ for name in library.__all__)


def test_a_name_that_is_not_there_is_said_so():
    assert python("import geo_service\ntry: geo_service.nothing\nexcept AttributeError as e: print(e)") == (
        "module 'geo_service' has no attribute 'nothing'"
    )


def test_locate_is_a_room_and_a_function_whoever_comes_first():
    ask = "print(callable(locate), geo_service.locate.index.CellIndex.__name__)"
    function_first = "import geo_service\nfrom geo_service import locate\nimport geo_service.locate.index\n"
    room_first = "import geo_service.locate.index as room, geo_service\nfrom geo_service import locate\n"
    for source in (function_first, room_first):
        assert python(source + ask) == "True CellIndex"
