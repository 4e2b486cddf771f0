"""``geo-service import``: boundaries, roads, incidents, staff, demand, sign boards from files."""

from pathlib import Path
from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.formats.assets import read_assets
from geo_service.formats.boundaries import read_boundaries
from geo_service.formats.demand import read_demand
from geo_service.formats.incidents import read_incidents
from geo_service.formats.patrol_places import read_campaigns, read_places
from geo_service.formats.patrol_routes import read_routes
from geo_service.formats.premises import read_premises
from geo_service.formats.responders import read_responders
from geo_service.formats.roster_tables import LAYOUTS, read_entries
from geo_service.formats.shifts import read_shifts
from geo_service.formats.sign_boards import read_sign_boards
from geo_service.services import importing, patrol_routes, rounds
from geo_service.services.asset_import import import_assets
from geo_service.services.importing import ImportReport
from geo_service.services.premises import import_premises
from geo_service.services.roster_files import import_entries
from geo_service.services.sign_board_import import import_sign_boards
from geo_service.services.tiling import Tilings

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Import files. Without --commit only the differences are shown.\n\n"
    "Example: geo-service import boundaries beats.geojson --level beat --code-field BEAT_NUM --commit",
)

WHO = "command line"
File = Annotated[Path, typer.Argument(help="The file to read.")]
Crs = Annotated[
    str | None, typer.Option(help="Datum of the coordinates: WGS84, CGCS2000, GCJ02, BD09 or EPSG:n.")
]
Timezone = Annotated[str, typer.Option(help="Time zone of moments that carry none.")]


def _show(report: ImportReport, *, as_json: bool) -> None:
    result = report.as_dict()
    if as_json:
        common.print_json(result)
    else:
        common.print_report(result)
    if not report.committed:
        common.talk.print("nothing was written: add --commit to write it", style="yellow")


@app.command()
def boundaries(
    file: File,
    level: Annotated[str, typer.Option(help="Level of the cells, such as beat or micro_grid.")],
    code_field: Annotated[str, typer.Option(help="Field with each cell's code.")],
    name_field: Annotated[str | None, typer.Option(help="Field with each cell's name.")] = None,
    parent_field: Annotated[str | None, typer.Option(help="Field with the code of the cell above.")] = None,
    parent_level: Annotated[str | None, typer.Option(help="Level of the cells above, if it is new.")] = None,
    crs: Crs = None,
    tolerance_m: Annotated[
        float, typer.Option(help="Gaps and overlaps narrower than this are mended.")
    ] = 0.0,
    merge_parts: Annotated[
        bool | None,
        typer.Option(help="Rows of one code are parts of one cell (default: only those that lie apart)."),
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a file that has several.")] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of the text, if it is not found out.")
    ] = None,
    valid_from: Annotated[
        str | None, typer.Option(help="In force from this moment on (default: now).")
    ] = None,
    supersede: Annotated[bool, typer.Option(help="Replace editions that were to begin later.")] = False,
    accept: Annotated[
        list[str] | None, typer.Option(help="Publish in spite of findings of this rule.")
    ] = None,
    note: Annotated[str, typer.Option(help="A line for the history.")] = "",
    commit: common.Commit = False,
    as_json: common.Json = False,
) -> None:
    """Import the cells of one level; the file is the whole of the level.

    Example: geo-service import boundaries beats.geojson --level beat --code-field BEAT_NUM
    --parent-field DISTRICT --parent-level district --tolerance-m 1 --commit
    """
    start = common.parse_moment(valid_from, "--valid-from")
    with common.progress(f"reading {file.name}") as say, common.open_database() as database:
        table = read_boundaries(
            file,
            code_field=code_field,
            name_field=name_field,
            parent_field=parent_field,
            crs=crs,
            layer=layer,
            encoding=encoding,
            max_vertices=common.MAX_VERTICES,
            merge_parts=merge_parts,
        )
        report = importing.import_boundaries(
            database,
            Tilings(database),
            table,
            level=level,
            parent_level=parent_level,
            tolerance_m=tolerance_m,
            accept=frozenset(accept or ()),
            valid_from=start,
            supersede=supersede,
            note=note or f"import of {file.name}",
            who=WHO,
            commit=commit,
            say=say,
        )
    _show(report, as_json=as_json)
    if report.counts["errors"]:
        raise typer.Exit(1)


@app.command()
def roads(
    file: File,
    name: Annotated[str | None, typer.Option(help="Name of the network (default: the file's).")] = None,
    commit: Annotated[bool, typer.Option(help="Put the network in use, or only read it.")] = True,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Put it in use even if no street lies within 50 km of any cell.")
    ] = False,
    as_json: common.Json = False,
) -> None:
    """Import the streets of an OpenStreetMap extract and compute travel times on them from now on.

    Example: geo-service import roads porto.osm.pbf
    """
    with common.progress(f"reading {file.name}") as say, common.open_database() as database:
        network = name or file.name.removesuffix(".osm.pbf")
        report = importing.import_roads(
            database,
            Tilings(database),
            file,
            name=network,
            who=WHO,
            commit=commit,
            anyway=anyway,
            say=say,
        )
    _show(report, as_json=as_json)


@app.command()
def incidents(
    file: File,
    lon_field: Annotated[str | None, typer.Option(help="Column with the longitude.")] = None,
    lat_field: Annotated[str | None, typer.Option(help="Column with the latitude.")] = None,
    time_field: Annotated[str | None, typer.Option(help="Column with the moment it happened.")] = None,
    id_field: Annotated[str | None, typer.Option(help="Column with the source's own id.")] = None,
    category_field: Annotated[str | None, typer.Option(help="Column with the category.")] = None,
    crs: Crs = None,
    timezone: Timezone = "Asia/Shanghai",
    source: Annotated[str | None, typer.Option(help="Name of the source (default: the file's).")] = None,
    commit: common.Commit = False,
    as_json: common.Json = False,
) -> None:
    """Import incidents and place each in its cell; what was imported before is not doubled.

    Example: geo-service import incidents crimes.csv --lon-field Longitude --lat-field Latitude
    --time-field Date --id-field ID --timezone America/Chicago --commit
    """
    with common.progress(f"reading {file.name}") as say, common.open_database() as database:
        table = read_incidents(
            file,
            fields={
                "id": id_field,
                "occurred_at": time_field,
                "lon": lon_field,
                "lat": lat_field,
                "category": category_field,
            },
            crs=crs,
            timezone=timezone,
        )
        say("placing", None)
        report = importing.import_incidents(
            database,
            Tilings(database),
            table.frame,
            table.notes,
            source=source or file.name,
            who=WHO,
            commit=commit,
        )
    _show(report, as_json=as_json)


@app.command()
def responders(
    file: File, crs: Crs = None, commit: common.Commit = False, as_json: common.Json = False
) -> None:
    """Import responders: id, name, role, mode, home_cell_code, lon, lat, phone, capabilities.

    Example: geo-service import responders staff.xlsx --crs GCJ02 --commit
    """
    with common.open_database() as database:
        table = read_responders(file, crs=crs)
        report = importing.import_responders(database, Tilings(database), table, who=WHO, commit=commit)
    _show(report, as_json=as_json)


@app.command()
def shifts(
    file: File,
    timezone: Timezone = "Asia/Shanghai",
    commit: common.Commit = False,
    as_json: common.Json = False,
) -> None:
    """Import shifts (responder_id, start, end) or a weekly rota (weekday, start_local, end_local).

    Example: geo-service import shifts rota.csv --commit
    """
    with common.open_database() as database:
        table = read_shifts(file, timezone=timezone)
        report = importing.import_shifts(database, table, who=WHO, commit=commit)
    _show(report, as_json=as_json)


@app.command()
def roster(
    register: Annotated[str, typer.Argument(help=f"One of {', '.join(LAYOUTS)}.")],
    file: File,
    crs: Crs = None,
    timezone: Timezone = "Asia/Shanghai",
    commit: common.Commit = False,
    as_json: common.Json = False,
) -> None:
    """Import a register of the roster: what export roster writes, changed or not.

    What the file does not name stays. A post holds the windows of the file afterwards, a team its members,
    somebody's rota its lines.

    Example: geo-service import roster posts posts.xlsx --commit
    """
    with common.open_database() as database:
        table = read_entries(file, register, timezone=timezone, crs=crs)
        report = import_entries(database, table, who=WHO, commit=commit)
    _show(report, as_json=as_json)


@app.command()
def demand(file: File, crs: Crs = None, commit: common.Commit = False, as_json: common.Json = False) -> None:
    """Import demand points: id, lon and lat or a polygon, households, residents. Counts, never persons.

    Example: geo-service import demand buildings.geojson --commit
    """
    with common.progress(f"reading {file.name}"), common.open_database() as database:
        table = read_demand(file, crs=crs)
        report = importing.import_demand(database, table, who=WHO, commit=commit)
    _show(report, as_json=as_json)


@app.command(name="sign-boards")
def sign_boards(
    file: File,
    crs: Crs = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a file that has several.")] = None,
    commit: common.Commit = False,
    as_json: common.Json = False,
) -> None:
    """Import sign boards (网格公示牌) from CSV, xlsx or points; those of the same number are said anew.

    Columns: board, cell_code, lon, lat, printed_name, printed_owner, printed_role, printed_on, edition.

    Example: geo-service import sign-boards boards.csv --crs GCJ02 --commit
    """
    with common.progress(f"reading {file.name}"), common.open_database() as database:
        table = read_sign_boards(file, crs=crs, layer=layer)
        report = import_sign_boards(database, Tilings(database), table, who=WHO, commit=commit)
    _show(report, as_json=as_json)


@app.command()
def premises(
    file: File,
    crs: Crs = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a file with several.")] = None,
    *,
    commit: common.Commit = False,
    as_json: common.Json = False,
) -> None:
    """Premises (单位责任区): grounds for which a unit answers itself, from a file of polygons.

    Attributes: code, name, kind, responsible_unit (责任单位).

    Example: geo-service import premises campuses.geojson --commit
    """
    table = read_premises(file, crs=crs, layer=layer)
    with common.open_database() as database:
        _show(import_premises(database, table, who=WHO, commit=commit), as_json=as_json)


@app.command()
def assets(
    file: File,
    crs: Crs = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a file with several.")] = None,
    *,
    commit: common.Commit = False,
    as_json: common.Json = False,
) -> None:
    """Assets for the maps: cameras, police rooms, centres, shops, from a table or a file of points.

    Columns: code, kind (camera, police_room, centre, shop), name, lon, lat, reach_m.

    Example: geo-service import assets cameras.csv --commit
    """
    table = read_assets(file, crs=crs, layer=layer)
    with common.open_database() as database:
        _show(import_assets(database, table, who=WHO, commit=commit), as_json=as_json)


@app.command()
def places(file: File, crs: Crs = None, commit: common.Commit = False, as_json: common.Json = False) -> None:
    """Import places to be visited (走访点位) from CSV or xlsx: a row for each place and department.

    Columns: place_code 编号, place_name 名称, department 部门, grade 等级, lon, lat, visit_minutes,
    last_visit, exempt 免检原因, exempt_until.

    Example: geo-service import places must_visit.xlsx --crs GCJ02 --commit
    """
    with common.progress(f"reading {file.name}"), common.open_database() as database:
        tiling = Tilings(database).get()
        report = rounds.import_places(database, tiling, read_places(file, crs=crs), who=WHO, commit=commit)
    _show(report, as_json=as_json)


@app.command()
def routes(file: File, crs: Crs = None, commit: common.Commit = False, as_json: common.Json = False) -> None:
    """Import fixed routes (固定路线) from GeoJSON: a LineString each.

    Properties: code 编号, name 名称, days_a_week 每周天数, from 开始时间 and to 结束时间 as 08:30.

    Example: geo-service import routes night_rounds.geojson --commit
    """
    with common.progress(f"reading {file.name}"), common.open_database() as database:
        told, tiling = read_routes(file, crs=crs), Tilings(database).get()
        report = patrol_routes.import_routes(database, tiling, told, who=WHO, commit=commit)
    _show(report, as_json=as_json)


@app.command()
def campaigns(file: File, commit: common.Commit = False, as_json: common.Json = False) -> None:
    """Import campaigns (专项行动) from CSV or xlsx: a row for each campaign and place.

    Columns: campaign 专项, department 部门, campaign_from 开始日期, campaign_to 结束日期, place_code 编号.

    Example: geo-service import campaigns before_the_feast.xlsx --commit
    """
    with common.progress(f"reading {file.name}"), common.open_database() as database:
        report = rounds.import_campaigns(database, read_campaigns(file), who=WHO, commit=commit)
    _show(report, as_json=as_json)
