"""Real files through the real command line: Chicago, Porto, Harbin, Zhejiang."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo_service.geometry import lattice
from geo_service.geometry.crs import GCJ02, to_wgs84
from tests.cli.conftest import Call

AT = "2026-11-22T02:00+08:00"
UTM_CHICAGO = 26916


def import_chicago(geo_service: Call, folder: Path) -> None:
    """Districts first, then beats in them."""
    districts = ("import", "boundaries", folder / "police_districts.geojson", "--level", "district")
    assert geo_service(*districts, "--code-field", "DIST_NUM", "--commit").status == 0
    beats = ("import", "boundaries", folder / "police_beats.geojson", "--level", "beat")
    beats += ("--code-field", "BEAT_NUM", "--parent-field", "DISTRICT")
    dry = geo_service(*beats)
    assert dry.status == 0
    assert "+ added 275 beat: 0111, 0112" in dry.out
    assert "nothing was written" in dry.err
    report = geo_service(*beats, "--json").json
    assert (report["committed"], report["base_edition"], report["errors"]) == (False, 1, 0)
    done = geo_service(*beats, "--commit", "--json").json
    assert (done["committed"], done["edition"]) == (True, 2)
    # three parts of beat 3100 are one cell; districts 1 to 9 are 01 to 09 in the file of beats
    assert done["notes"] == ["rows 2, 56, 264 have the code 3100: taken as parts of one cell"]
    assert [finding["rule"] for finding in done["findings"]] == ["code_matched"]
    again = geo_service(*beats, "--commit")
    assert (again.status, "changes nothing" in again.err) == (1, True)


def districts_agree(geo_service: Call, folder: Path, out: Path) -> None:
    """The districts made of beats are the districts that were given."""
    assert geo_service("export", "boundaries", "--level", "district", "--out", out).status == 0
    made = gpd.read_file(out).set_index("code").geometry
    given = gpd.read_file(folder / "police_districts.geojson").dissolve("DIST_NUM").geometry
    assert set(made.index) == set(given.index)
    made, given = made.to_crs(UTM_CHICAGO), given.reindex(made.index).to_crs(UTM_CHICAGO)
    differing_m2 = shapely.area(shapely.symmetric_difference(made.to_numpy(), given.to_numpy()))
    assert (differing_m2 / given.area).max() < 3e-5  # the rounding of borders to 1.3 cm


def import_crimes(geo_service: Call, file: Path) -> None:
    words = ("import", "incidents", file, "--lon-field", "Longitude", "--lat-field", "Latitude")
    words += ("--time-field", "Date", "--id-field", "ID", "--timezone", "America/Chicago", "--json")
    expected = {"received": 9999, "new": 9999, "repeated": 0, "unlocated": 162}
    for commit, new in ((False, 9999), (True, 9999), (True, 0), (False, 0)):
        report = geo_service(*words, *(["--commit"] if commit else [])).json
        expected |= {"new": new, "repeated": 9999 - new}
        assert {name: report[name] for name in expected} == expected
        assert report["committed"] is commit
        if commit:
            assert report["placed"]["inside"] == (9837 if new else 0)


def joined_cell(places: gpd.GeoDataFrame, cells: gpd.GeoDataFrame, field: str) -> pd.Series:
    """Return what a geopandas join says of each point; every point lies in exactly one cell."""
    found = gpd.sjoin(places, cells[[field, "geometry"]], predicate="intersects")
    codes = found.groupby(level=0)[f"{field}_right" if f"{field}_right" in found else field]
    assert (codes.agg("nunique") == 1).all()
    return codes.first().reindex(places.index)


def compare_with_official_codes(placed: pd.DataFrame, folder: Path) -> None:
    assert (placed["how"] == "none").sum() == 162
    located = placed[placed["Longitude"] != ""]
    points = gpd.points_from_xy(located["Longitude"].astype(float), located["Latitude"].astype(float))
    places = gpd.GeoDataFrame(located, geometry=points, crs=4326)
    beats = gpd.read_file(folder / "police_beats.geojson")
    districts = gpd.read_file(folder / "police_districts.geojson")
    # row by row what an independent join says, at both levels
    assert (joined_cell(places, beats, "BEAT_NUM") == located["cell_code_beat"]).all()
    assert (joined_cell(places, districts, "DIST_NUM") == located["cell_code_district"]).all()
    assert (located["Beat"] == located["cell_code_beat"]).mean() >= 0.9987
    same_district = located["District"].str.lstrip("0") == located["cell_code_district"].str.lstrip("0")
    assert same_district.mean() >= 0.9997
    # where the official code is another one: four stand within 8 m of the border that parts the two beats,
    # eight are O'Hare's one address for the airport, 124 m outside the beat that has its terminals
    differing = located[located["Beat"] != located["cell_code_beat"]]
    border_m = differing["border_m"].astype(float)
    airport = differing["Block"] == "100XX W OHARE ST"
    assert (len(differing), int(airport.sum())) == (12, 8)
    assert (border_m[~airport] < 8.0).all()
    official = beats.dissolve("BEAT_NUM").to_crs(UTM_CHICAGO).geometry.loc[differing["Beat"]]
    distance_m = places.loc[differing.index].to_crs(UTM_CHICAGO).distance(official, align=False)
    assert np.allclose(distance_m[~airport], border_m[~airport], atol=0.1)
    assert distance_m[airport].between(123, 124).all()
    assert set(differing.loc[airport, "Beat"] + differing.loc[airport, "cell_code_beat"]) == {"16511652"}


def exports_read_back(geo_service: Call, folder: Path) -> None:
    """Each format gives every vertex of every cell back, on the lattice to the unit."""
    shapes = {}
    for suffix in ("gpkg", "geojson", "fgb", "kml", "zip", "csv"):
        out = folder / f"beats.{suffix}"
        assert geo_service("export", "boundaries", "--level", "beat", "--out", out).status == 0
        if suffix == "csv":
            table = pd.read_csv(out, dtype=str, encoding="utf-8-sig").set_index("code")
            read = gpd.GeoSeries.from_wkt(table["geometry_wkt"], crs=4326)
        else:
            frame = gpd.read_file(out)
            read = frame.set_index("code").geometry
        assert len(read) == 275
        shapes[suffix] = read.sort_index()
    kept = on_lattice(shapes["gpkg"])
    for suffix, read in shapes.items():
        assert shapely.equals_identical(on_lattice(read), kept).all(), suffix
    for suffix in ("geojson", "zip"):
        checked = geo_service("check", folder / f"beats.{suffix}", "--code-field", "code")
        assert (checked.status, checked.out) == (0, "")


def on_lattice(cells: gpd.GeoSeries) -> np.ndarray:
    """Return shapes rounded to the lattice, written in one way only."""
    parts = [shapely.multipolygons(shapely.get_parts(shape)) for shape in shapely.force_2d(cells.to_numpy())]
    return shapely.normalize(lattice.snap(np.array(parts, dtype=object)))


@pytest.mark.timeout(240)
def test_chicago(geo_service: Call, on_database: str, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "chicago"
    import_chicago(geo_service, folder)
    districts_agree(geo_service, folder, tmp_path / "districts.gpkg")
    import_crimes(geo_service, folder / "crimes.csv")
    words = ("--lon-field", "Longitude", "--lat-field", "Latitude", "--out", tmp_path / "placed.csv")
    outcome = geo_service("assign", folder / "crimes.csv", *words, "--json")
    assert outcome.json["placed"] == {"inside": 9837}
    assert outcome.json["without_coordinates"] == 162
    placed = pd.read_csv(tmp_path / "placed.csv", dtype=str, encoding="utf-8-sig", keep_default_na=False)
    compare_with_official_codes(placed, folder)
    exports_read_back(geo_service, tmp_path)
    drawn = geo_service("map", "incidents", "--at", "2015-02-01T00:00-06:00", "--out", tmp_path / "m.html")
    assert drawn.status == 0
    page = (tmp_path / "m.html").read_text()
    assert 'src="http' not in page
    assert '<link rel="stylesheet" href="http' not in page


# ---------------------------------------------------------------------------------- coverage over Porto


def made_up_porto(folder: Path) -> None:
    """Twelve cells over Porto, three responders with a night shift each, demand on a raster."""
    west, south, side = -8.66, 41.13, 0.02
    codes = [(c, r) for c in range(4) for r in range(3)]
    boxes = [shapely.box(west + c * side, south + r * side, west + (c + 1) * side, south + (r + 1) * side)
             for c, r in codes]  # fmt: skip
    frame = gpd.GeoDataFrame({"code": [f"{c}{r}" for c, r in codes]}, geometry=boxes, crs=4326)
    frame.to_file(folder / "porto.gpkg")
    staff = "工号,姓名,岗位,交通方式,所属网格,经度,纬度\n" + "".join(
        f"P{i},队员{i},网格员,电动车,{c}{r},{west + (c + 0.5) * side:.4f},{south + (r + 0.5) * side:.4f}\n"
        for i, (c, r) in enumerate([(0, 0), (2, 1), (3, 2)], start=1)
    )
    (folder / "staff.csv").write_bytes(staff.encode("gb18030"))
    night = "2026-11-21T20:00+08:00,2026-11-22T08:00+08:00"
    (folder / "shifts.csv").write_text(
        "responder_id,start,end\n" + "".join(f"P{i},{night}\n" for i in (1, 2))
    )
    at = [(west + (i + 0.5) * 0.004, south + (j + 0.5) * 0.004) for i in range(20) for j in range(15)]
    rows = "".join(f"{i},{lon:.4f},{lat:.4f},{i % 7}\n" for i, (lon, lat) in enumerate(at))
    (folder / "demand.csv").write_text(f"id,lon,lat,households\n{rows}")


@pytest.mark.timeout(240)
def test_porto_from_nothing_to_coverage(
    geo_service: Call, on_database: str, shared_data: Path, tmp_path: Path
) -> None:
    made_up_porto(tmp_path)
    fails = geo_service("import", "shifts", tmp_path / "shifts.csv", "--commit")
    assert (fails.status, "import responders first" in fails.err) == (1, True)
    roads = geo_service("import", "roads", shared_data / "roads" / "porto.osm.pbf", "--json").json
    assert (roads["nodes"], roads["edges"], roads["report"]["missing_references"]) == (72665, 96546, 0)
    cells = ("import", "boundaries", tmp_path / "porto.gpkg", "--level", "grid", "--code-field", "code")
    assert geo_service(*cells, "--commit", "--json").json["edition"] == 1
    for kind, counted in (("responders", "rows"), ("shifts", "rows"), ("demand", "points")):
        words = ("import", kind, tmp_path / f"{'staff' if kind == 'responders' else kind}.csv", "--json")
        dry = geo_service(*words).json
        report = geo_service(*words, "--commit").json
        assert (dry["committed"], report["committed"]) == (False, True)
        assert dry[counted] == report[counted] == {"responders": 3, "shifts": 2, "demand": 300}[kind]
    out = tmp_path / "coverage.geojson"
    run = geo_service(
        "coverage", "--at", AT, "--mode", "ebike", "--limit-s", 300, "--out", out, "--json"
    ).json
    assert (run["share_of"], run["weight"]) == ("households", sum(i % 7 for i in range(300)))
    assert run["responders"] == {"on_duty": 2, "pinned": 0, "counted": 2, "far_from_roads": 0}
    frame = gpd.read_file(out).set_index("code")
    assert len(frame) == 12
    weighted = (frame["covered_share"] * frame["weight"]).sum() / frame["weight"].sum()
    assert weighted == pytest.approx(run["share"], abs=1e-3)
    assert 0.02 < run["share"] < 0.9
    assert frame.loc["00", "covered_share"] > frame.loc["32", "covered_share"]  # P3 of 32 is off duty
    by_day = geo_service("coverage", "--at", "2026-11-22T12:00+08:00", "--json").json
    assert (by_day["responders"]["on_duty"], by_day["share"]) == (0, 0.0)
    page = tmp_path / "coverage.html"
    assert geo_service("map", "coverage", "--at", AT, "--out", page).status == 0
    assert 'src="http' not in page.read_text()
    elsewhere = ("import", "roads", shared_data / "roads" / "harbin.osm.pbf", "--json")
    refused = geo_service(*elsewhere)
    assert (refused.status, "no street lies within 50 km of any cell" in refused.err) == (1, True)
    assert geo_service("coverage", "--at", AT, "--json").json["run_id"] == run["run_id"]  # Porto's still
    assert geo_service(*elsewhere, "--anyway").json["committed"] is True


@pytest.mark.timeout(120)
def test_harbin_in_spite_of_missing_nodes(geo_service: Call, on_database: str, shared_data: Path) -> None:
    words = ("import", "roads", shared_data / "roads" / "harbin.osm.pbf", "--json")
    report = geo_service(*words).json
    assert report["committed"] is True
    assert (report["nodes"], report["edges"]) == (18145, 26494)
    assert report["report"]["missing_references"] == 2373
    assert report["report"]["ways_cut"] == 239


# ------------------------------------------------------------------------------------ Zhejiang in GCJ-02


@pytest.mark.timeout(240)
def test_zhejiang_in_gcj02(geo_service: Call, on_database: str, shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "zhejiang" / "counties_gcj02.geojson"
    checked = geo_service("check", file, "--code-field", "code", "--crs", "GCJ02", "--geometry")
    assert checked.status == 0
    # the borders fit exactly: no tolerance is needed. The one gap is Fenghua, which the file leaves out
    (gap,) = map(json.loads, checked.out.splitlines())
    assert (gap["rule"], gap["severity"]) == ("gap", "warning")
    assert gap["numbers"]["area_m2"] == pytest.approx(1.336e9, rel=0.001)
    assert shapely.geometry.shape(gap["geometry"]).contains(shapely.Point(121.41, 29.66))
    words = ("import", "boundaries", file, "--level", "county", "--code-field", "code")
    words += ("--name-field", "name", "--crs", "GCJ02", "--commit", "--json")
    report = geo_service(*words).json
    assert (report["cells"], report["edition"], report["errors"]) == (88, 1, 0)

    out = tmp_path / "towns.csv"
    towns = shared_data / "zhejiang" / "towns_gcj02.csv"
    assert geo_service("assign", towns, "--crs", "GCJ02", "--out", out).status == 0
    placed = pd.read_csv(out, dtype=str, encoding="utf-8-sig", keep_default_na=False)
    assert len(placed) == 1387
    known = placed[placed["lon"] != ""]
    same = known["county_code"] == known["cell_code_county"]
    assert len(known) == 1255
    assert same.mean() >= 0.997
    # the other three came from Yinzhou to Haishu in 2016; the table of townships is older
    assert set(known.loc[~same, "county_code"] + known.loc[~same, "cell_code_county"]) == {"330212330203"}
    assert (~same).sum() == 3

    given = gpd.read_file(file).set_index("code").geometry.sort_index()
    for suffix in ("gpkg", "geojson"):
        back = tmp_path / f"counties.{suffix}"
        export = ("export", "boundaries", "--level", "county", "--crs", "GCJ02", "--out", back)
        assert geo_service(*export).status == 0
        read = gpd.read_file(back).set_index("code").geometry.sort_index()
        apart_deg2 = shapely.area(shapely.symmetric_difference(read.to_numpy(), given.to_numpy()))
        # on average along the border 1 cm: half a step of the lattice and the shift to and fro
        assert (apart_deg2 / shapely.length(given.to_numpy())).max() < 1e-7
    corner = np.array([[120.14734, 30.195479]])
    assert np.abs(to_wgs84(corner, GCJ02) - corner).max() > 0.002  # the datum matters: some 500 m
