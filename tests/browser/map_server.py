"""A FastAPI application that serves our static files and maps of a made-up place, with nothing behind it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from fastapi import FastAPI, Response
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from geo_service.maps.base_layer import base_features
from geo_service.maps.figures import Extra, Label, figures_json
from geo_service.maps.layers import Measure, PageLink
from geo_service.maps.offline import Page
from geo_service.maps.pages import (
    ONE_MEASURE,
    Embedded,
    EmbeddedLevel,
    Overlay,
    Place,
    coverage_map,
    served_base,
    served_levels,
    staffing_map,
    theme_page,
)
from geo_service.maps.points import Unit, heat_json, units_json
from geo_service.maps.shapes import encode_shapes
from geo_service.model import Level
from geo_service.web.assets import STATIC_DIR, STATIC_URL
from geo_service.web.pages import docs_page, landing_page
from tests.browser.made_up_town import LEVELS, Town
from tests.browser.vector_tile_writer import tile

MEASURES = (
    Measure("per_1000", Label("每千人", "per 1,000 residents")),
    Measure("per_km2", Label("每平方公里", "per km²")),
)
PATHS = {
    "staffing": "力量配备 Staffing",
    "coverage": "五分钟覆盖 Coverage",
    "incidents": "事件热力 Incidents",
}


INCIDENTS = Label("事件热力", "Incidents")
ROLE, DUTY = Label("专职网格员", "Full-time grid worker"), Label("值守至 18:00", "on duty until 18:00")
HOSTILE = "</script><script>window.harmed=1</script><img src=x onerror='window.harmed=2'>{{7*7}}"


def json_response(payload: bytes) -> Response:
    return Response(payload, media_type="application/json")


def page_response(page: Page) -> HTMLResponse:
    return HTMLResponse(
        page.html, headers={"Content-Security-Policy": page.content_security_policy, "ETag": page.etag}
    )


def create_map_app(town: Town) -> FastAPI:  # noqa: C901 - one small handler a route
    """Application with the routes that the pages ask."""
    app = FastAPI(docs_url=None, redoc_url=None)
    app.add_middleware(GZipMiddleware, minimum_size=500, compresslevel=6)
    app.mount(STATIC_URL, StaticFiles(directory=STATIC_DIR))
    levels = [(level, len(town.cells(level.code))) for level in LEVELS]
    kept: dict[Any, bytes] = {}

    def once(key: Any, make: Callable[[], bytes]) -> Response:
        if key not in kept:
            kept[key] = make()
        return json_response(kept[key])

    def place(current: str) -> Place:
        links = [
            PageLink(Label(*words.split(" ")), f"/maps/{path}", current=path == current)
            for path, words in PATHS.items()
        ]
        return Place(
            town.bounds,
            Label("示例县 · 版本 7", "Demo county · edition 7"),
            links,
            "示例数据 demo data",
        )

    @app.get("/maps/shapes/{edition}/{level}.json")
    def shapes(edition: int, level: str, detail: int = 1) -> Response:
        cells = town.cells(level)
        return once(
            (level, detail),
            lambda: encode_shapes(
                list(cells["code"]),
                list(cells["name"]),
                cells.geometry.array,
                level=level,
                edition=edition,
                detail=detail,
            ),
        )

    @app.get("/maps/figures/{name}/{level}.json")
    def figures(name: str, level: str, measure: str = "value") -> Response:
        return once((name, level, measure), lambda: FIGURES[name](town, level, measure))

    @app.get("/maps/points/responders.json")
    def responders() -> Response:
        at = town.incidents(400)[:180]
        return json_response(
            units_json([Unit(x, y, f"网格员{k}", ROLE, DUTY) for k, (x, y) in enumerate(at)])
        )

    @app.get("/maps/points/incidents.json")
    def incidents() -> Response:
        return once("heat", lambda: heat_json(town.incidents(60_000), unlocated=312))

    @app.get("/maps/tiles/base/{z}/{x}/{y}.mvt")
    def base_tile(z: int, x: int, y: int) -> Response:
        if (z, x, y) not in kept:
            kept[z, x, y] = tile(town.base, z, x, y)
        return Response(kept[z, x, y], media_type="application/vnd.mapbox-vector-tile")

    @app.get("/maps/staffing")
    def staffing() -> HTMLResponse:
        sources = served_levels(levels, "/maps/shapes/7", "/maps/figures/staffing", MEASURES)
        return page_response(
            staffing_map(sources, place=place("staffing"), measures=MEASURES, base=served_base())
        )

    @app.get("/maps/coverage")
    def coverage(level: str = "auto") -> HTMLResponse:
        sources = served_levels(levels, "/maps/shapes/7", "/maps/figures/coverage")
        units = "/maps/points/responders.json"
        page = coverage_map(sources, place=place("coverage"), base=served_base(), units=units, level=level)
        return page_response(page)

    @app.get("/maps/incidents")
    def incident() -> HTMLResponse:
        sources = served_levels(levels, "/maps/shapes/7", "/maps/figures/incidents")
        heat = [Overlay("heat", INCIDENTS, "/maps/points/incidents.json")]
        return page_response(
            _incident_map(sources, place=place("incidents"), base=served_base(), overlays=heat)
        )

    @app.get("/maps/hostile")
    def hostile() -> HTMLResponse:
        return page_response(_hostile(town))

    @app.get("/maps/file/{name}")
    def file(name: str) -> HTMLResponse:
        return page_response(_file(town, name))

    @app.get("/")
    def home() -> HTMLResponse:
        return HTMLResponse(landing_page())

    @app.get("/session")
    def session() -> dict[str, bool]:
        return {"signed_in": False}

    @app.get("/docs")
    def docs() -> HTMLResponse:
        return HTMLResponse(docs_page("/openapi.json", "geo_service"))

    @app.get("/v1/status")
    def status() -> dict[str, Any]:
        return {
            "edition": 7,
            "timezone": "Asia/Shanghai",
            "levels": [
                {"code": x.code, "name_zh": x.name_zh, "name_en": x.name_en, "cells": n} for x, n in levels
            ],
            "incidents": {"total": 60312, "unlocated": 312},
            "responders": {"total": 548, "on_duty": 180},
            "coverage": {"share": 0.873, "at": "2026-11-22T10:00:00+08:00", "mode": "ebike", "limit_s": 300},
        }

    return app


def _embedded(town: Town, name: str) -> list[EmbeddedLevel]:
    return [
        EmbeddedLevel(one, town.cells(one.code), {"value": FIGURES[name](town, one.code, "")})
        for one in LEVELS
    ]


def _file(town: Town, name: str) -> Page:
    """The same maps with everything inside."""
    common: dict[str, Any] = {"place": Place(town.bounds), "base": Embedded(base_features(town.base))}
    levels = _embedded(town, name)
    if name == "staffing":
        return staffing_map(levels, **common)
    if name == "coverage":
        units = Embedded(
            units_json([Unit(x, y, f"网格员{k}") for k, (x, y) in enumerate(town.incidents(40))])
        )
        return coverage_map(levels, units=units, **common)
    heat = [Overlay("heat", INCIDENTS, Embedded(heat_json(town.incidents(5000))))]
    return _incident_map(levels, overlays=heat, **common)


def _incident_map(levels: Any, **common: Any) -> Page:
    """Incidents as heat; nearer, the counts by cell."""
    return theme_page(levels, title=INCIDENTS, measures=ONE_MEASURE, labels=True, **common)


def _hostile(town: Town) -> Page:
    """A page in which every word that comes from data tries to get out."""
    words = Label(HOSTILE, HOSTILE)
    level = Level("grid", 0, HOSTILE, HOSTILE)
    cells = town.cells("grid").assign(name=HOSTILE)
    extra = Extra(words, words, town.figures("grid"))
    figures = figures_json(town.figures("grid"), title=words, unit=words, extras=[extra], note=words)
    place = Place(town.bounds, words, [PageLink(words, "/")], HOSTILE)
    units = Embedded(units_json([Unit(*town.bounds[:2], HOSTILE, words, words)]))
    return staffing_map(
        [EmbeddedLevel(level, cells, {"value": figures})], place=place, title=words, units=units
    )


def small_town() -> FastAPI:
    return create_map_app(Town(24))


def county() -> FastAPI:
    return create_map_app(Town(120))


def _staffing(town: Town, level: str, measure: str) -> bytes:
    values = town.figures(level)
    people = Extra(
        Label("户数", "Households"), Label("户", "households"), {c: 310.0 + len(c) for c in values}
    )
    unit = (
        Label("人 / 千人", "staff per 1,000 residents")
        if measure == "per_1000"
        else Label("人 / 平方公里", "staff per km²")
    )
    title = Label("力量配备密度", "Staffing density")
    return figures_json(values, title=title, unit=unit, method="fisher_jenks", extras=[people])


def _coverage(town: Town, level: str, measure: str) -> bytes:
    shares = {c: None if v is None else float(np.clip(v / 4, 0, 1)) for c, v in town.figures(level).items()}
    return figures_json(
        shares,
        title=Label("五分钟内可到达的住户", "Households within five minutes"),
        unit=Label("占比", "share"),
        method="given",
        breaks=[0.2, 0.4, 0.6, 0.8, 0.95, 1.0],
        palette="RdYlBu",
        percent=True,
        note=Label("2026-11-22 10:00 · 电动车", "e-bike, 300 s"),
    )


def _incidents(town: Town, level: str, measure: str) -> bytes:
    counts = {c: None if v is None else float(round(v * 4)) for c, v in town.figures(level).items()}
    return figures_json(
        counts, title=Label("事件数", "Incidents"), unit=Label("件", "count"), palette="YlOrRd", count=5
    )


FIGURES = {"staffing": _staffing, "coverage": _coverage, "incidents": _incidents}
