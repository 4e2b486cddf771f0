"""Uploads: what is good is shown and then written; what is bad is told precisely and changes nothing."""

import io
import json
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from tests.api.conftest import BASE
from tests.api.test_problems import is_problem
from tests.formats.makers import collection, feature, square

GOOD = collection(feature(square(), code="a", up="p"), feature(square(120.1), code="b", up="p"))
FORM = {"level": "grid", "code_field": "code"}


def upload(
    client: TestClient, content: bytes, kind: str = "boundaries", *, commit: bool = False, **form: str
) -> Any:
    data = (FORM | form) if kind == "boundaries" else form
    address = f"/v1/imports/{kind}{'?commit=true' if commit else ''}"
    return client.post(address, data=data, files={"file": ("upload", content)})


def faults(answer: Any) -> list[dict[str, Any]]:
    """Check that an upload was refused as a problem; returns its faults."""
    is_problem(answer, 422, "invalid-input")
    found: list[dict[str, Any]] = answer.json()["errors"]
    assert all(fault["message"] for fault in found)
    return found


def ring(*corners: tuple[float, float]) -> list[list[float]]:
    """Return a ring of corners given in hundredths of a degree from (120, 30)."""
    return [[120 + x / 100, 30 + y / 100] for x, y in corners]


def one(rings: Any, kind: str = "Polygon") -> bytes:
    return collection(feature(rings, kind, code="bad"), feature(square(121.0), code="good"))


SHELL = ring((0, 0), (9, 0), (9, 9), (0, 9), (0, 0))
BAD_SHAPES = {
    "bowtie": (one([ring((0, 0), (9, 9), (9, 0), (0, 9), (0, 0))]), "Self-intersection"),
    "pinched": (one([ring((0, 0), (9, 0), (5, 5), (9, 9), (0, 9), (5, 5), (0, 0))]), "Self-intersection"),
    "hole outside": (
        one([SHELL, ring((20, 20), (22, 20), (22, 22), (20, 20))]), "Hole lies outside shell"),
    "holes nested": (
        one([SHELL, ring((1, 1), (8, 1), (8, 8), (1, 8), (1, 1)), ring((3, 3), (4, 3), (4, 4), (3, 3))]),
        "Holes are nested"),
    "cut by holes": (
        one([SHELL, ring((0, 4), (5, 3), (9, 4), (5, 5), (0, 4))]), "Interior is disconnected"),
    "parts nested": (
        one([[SHELL], [ring((3, 3), (4, 3), (4, 4), (3, 3))]], "MultiPolygon"), "Nested shells"),
    "parts overlap": (
        one([[SHELL], [ring((5, 5), (14, 5), (14, 14), (5, 14), (5, 5))]], "MultiPolygon"),
        "Self-intersection"),
    "no area": (one([ring((0, 0), (9, 9), (0, 0), (0, 0))]), ""),
    "not closed": (one([SHELL[:-1]]), "closed"),
    "two corners": (one([ring((0, 0), (1, 1), (0, 0))]), ""),
}  # fmt: skip


@pytest.fixture
def planner(client: TestClient, key_of: Callable[[Role], str]) -> TestClient:
    client.headers["Authorization"] = f"Bearer {key_of(Role.PLANNER)}"
    return client


@pytest.fixture
def unchanged(planner: TestClient):
    """The editions are the same after the test as before, and the service still answers."""
    before = planner.get("/v1/editions").json()
    yield
    assert planner.get("/v1/editions").json() == before


@pytest.mark.usefixtures("unchanged")
class TestBadInput:
    """Each is refused; nothing changes; nobody else notices."""

    @pytest.mark.parametrize("name", BAD_SHAPES)
    def test_invalid_shapes_name_row_reason_and_place(self, planner: TestClient, name: str) -> None:
        content, reason = BAD_SHAPES[name]
        found = faults(upload(planner, content, commit=True))
        assert {fault["row"] for fault in found} == {1}
        fault = next(fault for fault in found if reason in fault["message"])
        assert "geometry" in fault["field"]
        if "invalid" in fault["message"]:
            lon, lat = fault["place"]
            assert 120 <= lon <= 120.25
            assert 30 <= lat <= 30.25

    def test_broken_json_says_where(self, planner: TestClient) -> None:
        (fault,) = faults(upload(planner, GOOD[:-20] + b'"x]'))
        assert "broken JSON at line 1, column" in fault["message"]

    @pytest.mark.parametrize(
        "content", [b"{}", b"[]", b"null", b'{"type":"FeatureCollection","features":[]}']
    )
    def test_json_that_is_no_boundaries(self, planner: TestClient, content: bytes) -> None:
        assert faults(upload(planner, content))

    def test_an_empty_file(self, planner: TestClient) -> None:
        assert "empty" in upload(planner, b"").json()["detail"]
        assert faults(upload(planner, b"  \n"))

    @pytest.mark.parametrize("token", ["NaN", "Infinity", "1e999"])
    def test_numbers_that_are_none(self, planner: TestClient, token: str) -> None:
        assert faults(upload(planner, GOOD.replace(b"120.0", token.encode(), 1)))

    def test_a_wrong_crs_label(self, planner: TestClient) -> None:
        (fault,) = faults(upload(planner, GOOD, crs="EPSG:4549"))
        assert "row" not in fault or fault["row"] == 1
        (fault,) = faults(upload(planner, GOOD, crs="+nadgrids=/etc/passwd"))
        assert fault["field"] == "crs"
        metres = collection(feature(square(500_000, 3_300_000, 1000), code="a"))
        assert "EPSG:" in faults(upload(planner, metres))[0]["message"]

    def test_swapped_axes(self, planner: TestClient) -> None:
        swapped = [[lat, lon] for lon, lat in square()[0]]
        found = faults(upload(planner, collection(feature([swapped], code="a"))))
        assert "swapped" in found[0]["message"]
        assert found[0]["row"] == 1

    def test_a_million_vertices(self, planner: TestClient) -> None:
        corners = ",".join(f"[{120 + i / 1e7:.7f},30]" for i in range(700_000))
        content = b'{"type":"Polygon","coordinates":[[%s]]}' % corners.encode()
        assert len(content) < 20_000_000
        start = time.monotonic()
        answer = upload(planner, content)
        assert answer.status_code in {413, 422}
        assert "vertices" in answer.text
        assert time.monotonic() - start < 15

    def test_deep_nesting(self, planner: TestClient) -> None:
        deep = b'{"type":"Polygon","coordinates":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
        assert faults(upload(planner, deep))
        nested: Any = {"type": "Point", "coordinates": [120, 30]}
        for _ in range(200):
            nested = {"type": "GeometryCollection", "geometries": [nested]}
        assert faults(upload(planner, json.dumps(nested).encode()))

    def test_a_zip_bomb_is_not_unpacked(self, planner: TestClient) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for suffix in ("shp", "shx", "dbf"):
                archive.writestr(f"cells.{suffix}", bytes(60_000_000))
        tracemalloc.start()
        answer = upload(planner, packed.getvalue())
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert answer.status_code in {413, 422}
        assert peak_bytes < 20_000_000

    def test_another_encoding_is_found_out_or_refused(self, planner: TestClient) -> None:
        named = collection(feature(square(), code="a", name="衢江区廿里镇")).decode()
        content = json.dumps(json.loads(named), ensure_ascii=False).encode("gb18030")
        report = upload(planner, content, name_field="name").json()
        assert any("GB18030" in note for note in report["notes"])
        (fault,) = faults(upload(planner, b'{"type": "\xff\xfe\x80", ' + GOOD[1:]))
        assert "UTF-8" in fault["message"]

    def test_duplicate_codes_name_both_rows(self, planner: TestClient) -> None:
        touching = collection(feature(square(), code="a"), feature(square(120.1), code="a"))
        (fault,) = faults(upload(planner, touching))
        assert "rows 1" in fault["message"]
        assert "2" in fault["message"]

    def test_overlaps_are_found_dry_and_refused_with_commit(self, planner: TestClient) -> None:
        content = collection(feature(square(), code="a"), feature(square(120.05), code="b"))
        dry = upload(planner, content)
        assert dry.status_code == 200
        assert [finding["rule"] for finding in dry.json()["findings"]] == ["overlap"]
        (fault,) = faults(upload(planner, content, commit=True))
        assert fault["place"]
        assert "a" in fault["message"]

    def test_two_of_these_at_once_are_both_listed(self, planner: TestClient) -> None:
        bowtie = feature([ring((0, 0), (9, 9), (9, 0), (0, 9), (0, 0))], code="a")
        nameless = feature(square(120.3), code="")
        said = " ".join(fault["message"] for fault in faults(upload(planner, collection(bowtie, nameless))))
        assert "Self-intersection" in said
        assert "every cell needs a code" in said

    @pytest.mark.parametrize(
        ("kind", "content", "word"),
        [
            ("incidents", b"id,time,lon,lat\n1,never,120,30\n2,2026-01-01 10:00,999,30\n", "time"),
            ("incidents", b"id,time,lon,lat,urgency\n1,2026-01-01 10:00,120,30,very\n", "urgency"),
            ("responders", b"id,name,home_cell_code\n1,x,nowhere\n", "home_cell_code"),
            (
                "shifts",
                b"responder_id,start,end\nnobody,2026-01-01T00:00Z,2026-01-01T08:00Z\n",
                "responder_id",
            ),
            ("demand", b"id,lon,lat,households\n1,120,30,-4\n", "households"),
            ("roads", b"no streets at all", "file"),
        ],
    )
    def test_tables_name_row_and_column(
        self, planner: TestClient, kind: str, content: bytes, word: str
    ) -> None:
        more = {"source": "test"} if kind == "incidents" else {"name": "x"} if kind == "roads" else {}
        answer = upload(planner, content, kind, commit=True, **more)
        found = faults(answer)
        if kind == "incidents" and word == "time":
            assert {fault["row"] for fault in found} == {1, 2}
        elif kind != "roads":
            assert (found[0]["field"], found[0]["row"]) == (word, 1)

    @pytest.mark.parametrize("role", [Role.WORKER, Role.DEVICE, Role.DISPATCHER, Role.LEADER])
    def test_others_may_not(self, client: TestClient, key_of: Callable[[Role], str], role: Role) -> None:
        is_problem(
            client.post(
                "/v1/imports/boundaries?commit=true",
                data=FORM,
                files={"file": ("x", GOOD)},
                headers={"Authorization": f"Bearer {key_of(role)}"},
            ),
            403,
            "forbidden",
        )


def test_good_uploads_are_shown_and_then_written(planner: TestClient) -> None:
    parents = {"parent_field": "up", "parent_level": "district"}
    dry = upload(planner, GOOD, **parents).json()
    assert (dry["committed"], dry["changes"]["added"]["by_level"]) == (False, {"district": 1, "grid": 2})
    assert planner.get("/v1/editions").json() == []
    done = upload(planner, GOOD, commit=True, **parents).json()
    assert (done["committed"], done["edition"]) == (True, 1)
    assert [edition["id"] for edition in planner.get("/v1/editions").json()] == [1]
    rows = b"id,time,lon,lat\n1,2026-01-01 10:00,120.05,30.05\n2,2026-01-01 10:00,,\n"
    for new in (2, 0):
        report = upload(planner, rows, "incidents", commit=True, source="test").json()
        assert (report["new"], report["unlocated"]) == (new, 1)
    elsewhere = b"id,time,lon,lat\n8,2026-01-01 10:00,-87.6,41.9\n"
    notes = upload(planner, elsewhere, "incidents", source="test").json()["notes"]
    assert any("1 of the 1 incidents with coordinates lie in no cell" in note for note in notes)
    staff = "工号,姓名,所属网格,经度,纬度\nP1,李梅,a,120.05,30.05\n".encode("gb18030")
    assert upload(planner, staff, "responders", commit=True).json()["new"] == 1
    shift = b"responder_id,start,end\nP1,2026-01-01T00:00Z,2026-01-01T08:00Z\n"
    assert upload(planner, shift, "shifts", commit=True).json()["rows"] == 1
    homes = b"id,lon,lat,households\n1,120.05,30.05,4\n"
    assert upload(planner, homes, "demand", commit=True).json()["households"] == 4


def test_a_child_outside_its_parent_is_refused(planner: TestClient) -> None:
    """Two towns far apart; a block of the one that names the other."""
    two = collection(feature(square(), code="p"), feature(square(121.0), code="q"))
    upload(planner, two, commit=True, level="town")
    children = collection(feature(square(), code="c", up="q"), feature(square(121.0), code="d", up="q"))
    before = planner.get("/v1/editions").json()
    answer = upload(planner, children, commit=True, level="block", parent_field="up")
    assert any("lies outside its parent q" in fault["message"] for fault in faults(answer))
    assert planner.get("/v1/editions").json() == before


def test_of_two_commits_at_once_one_wins(
    app: FastAPI, running: TestClient, planner: TestClient, key_of: Callable[[Role], str]
) -> None:
    before = len(planner.get("/v1/editions").json())
    answers: list[int] = []
    ready = threading.Barrier(2)

    def put(east: float) -> None:
        content = collection(feature(square(120.0, size=east), code="z"))
        ready.wait()
        accepted = {"level": "block", "accept": "parent_not_covered"}
        answers.append(upload(caller, content, commit=True, **accepted).status_code)

    caller = TestClient(app, base_url=BASE, raise_server_exceptions=False)
    caller.portal = running.portal
    caller.headers["Authorization"] = f"Bearer {key_of(Role.PLANNER)}"
    threads = [threading.Thread(target=put, args=(east,)) for east in (0.05, 0.06)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) in ([200, 409], [200, 200])  # one after the other, or one refused
    assert len(planner.get("/v1/editions").json()) == before + answers.count(200)
