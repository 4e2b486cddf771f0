"""Plans, changes and cells of a plan as JSON."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.geometry.measure import area_m2
from geo_service.geometry.rules import NOT_TO_WAIVE, Judged
from geo_service.geometry.rules_scene import cell_key
from geo_service.planning.register import CellKey, CellRecord
from geo_service.planning.telling import summary
from geo_service.services.plan_state import PlanState
from geo_service.services.planning import Changed
from geo_service.store.plans import ChangeRow, PlanRow

_DECIMALS = 7  # brings every lattice point back


def plan_object(row: PlanRow) -> dict[str, Any]:
    """Return a plan without what has to be looked up in its cells."""
    return {
        "id": row.id,
        "name": row.name,
        "note": row.note,
        "status": row.status,
        "base_edition_id": row.base_edition_id,
        "revision": row.revision,
        "created_by": row.created_by,
        "created_at": row.created_at,
        "published_edition_id": row.published_edition_id,
    }


def change_object(row: ChangeRow, state: PlanState) -> dict[str, Any]:
    """Return a change; the words say what was done, in both languages, with the names of cells."""
    name_of = partial(state.name_of, at_first=row.verb == "rename")
    said = summary(row.verb, row.arguments, row.cells, name_of)
    return {
        "number": row.number,
        "verb": row.verb,
        "arguments": row.arguments,
        "who": row.who,
        "at": row.at,
        "state": row.state,
        "undone": row.state != "applied",
        "cells": row.cells,
        "summary_zh": said.zh,
        "summary_en": str(said),
    }


def finding_object(judged: Judged) -> dict[str, Any]:
    """Return a finding with its place and the waiver that covers it."""
    finding = judged.finding
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        "message_zh": finding.message_zh,
        "remedy": finding.remedy,
        "remedy_zh": finding.remedy_zh,
        "cells": [list(cell_key(cell)) for cell in finding.cells],
        "geometry": geometry_objects([finding.shape])[0],
        "numbers": dict(finding.numbers),
        "can_be_waived": finding.rule not in NOT_TO_WAIVE,
        "waived": judged.waiver.as_dict() if judged.waiver else None,
    }


def changed_object(changed: Changed, state: PlanState, findings: list[Judged]) -> dict[str, Any]:
    """Return what a change did: the cells as they are now, those that are gone, figures before and after."""
    register = state.redraw.register
    live = [key for key in changed.cells if register.get(key) is not None]
    return {
        "revision": changed.row.revision,
        "change": change_object(changed.change, state),
        "cells": {
            "changed": feature_collection(state, live, shapes=state.redraw.holds_land),
            "retired": [list(key) for key in changed.cells if register.get(key) is None],
        },
        "figures": [
            {
                "cell": list(key),
                "before": state.base_figures(key),
                "after": state.figures(key) if register.get(key) is not None else None,
            }
            for key in changed.cells
        ],
        "findings": [finding_object(finding) for finding in findings],
        "also": [change_object(row, state) for row in changed.missed],
    }


def feature_collection(
    state: PlanState, keys: Iterable[CellKey], *, shapes: Any = lambda _: True
) -> dict[str, Any]:
    """Return cells as GeoJSON; ``shapes`` tells of which to give the geometry, those of others are null."""
    keys = list(keys)
    geoms = [state.outline(key) if shapes(key) else None for key in keys]
    rounded = geometry_objects(geoms)
    features = [
        _feature(state, state.redraw.register.require(key), geometry, area if geometry is not None else None)
        for key, geometry, area in zip(
            keys, rounded, area_m2(np.array(geoms, dtype=object)).round(1).tolist(), strict=True
        )
    ]
    return {"type": "FeatureCollection", "features": features}


def geometry_objects(geoms: list[BaseGeometry | None]) -> list[Any]:
    """Return geometries ready for orjson, coordinates to seven decimals."""
    array = np.array(geoms, dtype=object)
    rounded = shapely.transform(array, lambda xy: np.round(xy, _DECIMALS))
    texts = shapely.to_geojson(rounded)
    return [None if text is None else orjson.Fragment(text) for text in texts]


def _feature(state: PlanState, record: CellRecord, geometry: Any, area: float | None) -> dict[str, Any]:
    key = record.key
    return {
        "type": "Feature",
        "id": f"{record.level}/{record.code}",
        "geometry": geometry,
        "properties": {
            "level": record.level,
            "code": record.code,
            "name": record.name,
            "kind": record.kind,
            "parent_level": record.parent[0] if record.parent else None,
            "parent_code": record.parent[1] if record.parent else None,
            "path": [code for _, code in state.redraw.register.path(key)],
            "leaf": state.redraw.holds_land(key),
            "changed": state.is_changed(key),
            "attributes": record.attributes,
            "figures": state.figures(key) | ({} if area is None else {"area_m2": area}),
        },
    }
