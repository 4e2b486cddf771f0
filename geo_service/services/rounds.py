"""What is to be visited: places, who wants it and how often, exemptions, campaigns, the rules."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from geo_service.errors import ConflictError, Fault, InvalidInputError, NotFoundError, Words
from geo_service.formats.patrol_places import CampaignTable, PlacesTable
from geo_service.services.importing import ImportReport
from geo_service.services.rostering import town_zone
from geo_service.services.tiling import Tiling
from geo_service.staffing.patrol_rules import PatrolRules
from geo_service.staffing.visit_signs import sign_of
from geo_service.store import audit, outbox, setting
from geo_service.store import rounds as store
from geo_service.store.database import Connection, Database

SUBJECT = "patrol_rules"
_SHOWN = 100


def rules(connection: Connection) -> PatrolRules:
    """Return the rules of patrols as they are set."""
    return PatrolRules.from_mapping(setting.latest(connection, SUBJECT)[1])


def rules_set(connection: Connection) -> dict[str, Any]:
    """Return version and rules; version 0 is what the program comes with."""
    version, given = setting.latest(connection, SUBJECT)
    return {"version": version, "rules": PatrolRules.from_mapping(given).as_mapping()}


def set_rules(database: Database, given: Mapping[str, Any], *, after: int, who: str) -> dict[str, Any]:
    """Set the rules: what is left out is as the program has it.

    Raises
    ------
    InvalidInputError
        Each fault names the rule.
    ConflictError
        Somebody has set them since version ``after``.
    """
    PatrolRules.from_mapping(given)
    with database.writing() as connection:
        setting.lock(connection)
        version, _ = setting.latest(connection, SUBJECT)
        if version != after:
            words = Words("somebody has set this meanwhile; look again", "设置已被他人修改，请刷新后再试")
            raise ConflictError(words, [Fault("version", words, value=after)])
        setting.add(connection, SUBJECT, dict(given), after=version, who=who)
        audit.record(connection, who, "patrol.rules", f"rules {version + 1}", dict(given))
        return rules_set(connection)


def import_places(
    database: Database, tiling: Tiling, table: PlacesTable, *, who: str, commit: bool
) -> ImportReport:
    """Add places and what departments want of them, or say it anew; what the file does not name stays.

    Raises
    ------
    InvalidInputError
        A grade has no frequency, or a place that is not known yet has no coordinates; each fault names the
        row.
    """
    frame = table.frame
    with database.reading() as connection:
        set_now = rules(connection)
        known = {one["code"]: one for one in store.places(connection)}
        wanted = store.wishes(connection, town_zone(connection).key)
    faults = _place_faults(frame, known, set_now)
    if faults:
        words = Words("some places cannot be taken in", "部分点位不能导入")
        raise InvalidInputError(words, faults[:_SHOWN])
    first = frame.drop_duplicates("code")
    lonlat = np.array(
        [
            (row["lon"], row["lat"])
            if np.isfinite(row["lon"])
            else (known[row["code"]]["lon"], known[row["code"]]["lat"])
            for row in first.to_dict("records")
        ]
    ).reshape(-1, 2)
    leaf, _ = tiling.index.leaf_of(lonlat)
    id_of = {one["code"]: one["id"] for one in known.values()}
    there = set(zip(wanted["place_id"], wanted["department"], strict=True))
    again = sum(
        (id_of.get(code), department) in there
        for code, department in zip(frame["code"], frame["department"], strict=True)
    )
    counts = {
        "rows": len(frame),
        "places": len(first),
        "new_places": int((~first["code"].isin(list(known))).sum()),
        "new": len(frame) - again,
        "corrected": again,
        "exempt": int((frame["exempt"] != "").sum()),
        "in_no_cell": int((leaf < 0).sum()),
    }
    if commit:
        with database.writing() as connection:
            store.lock(connection)
            _write_places(connection, first, lonlat, frame, set_now)
            audit.record(connection, who, "import places", "places", counts)
            outbox.add(connection, "imported.places", counts)
    return ImportReport("places", commit, counts, table.notes)


def _place_faults(
    frame: pd.DataFrame, known: Mapping[str, Mapping[str, Any]], set_now: PatrolRules
) -> list[Fault]:
    grades = ", ".join(set_now.every_days)
    faults = []
    for row in frame.to_dict("records"):
        if row["grade"] not in set_now.every_days:
            words = Words(f"use one of: {grades}", f"等级须为：{grades}")
            faults.append(Fault("grade", words, row=row["row"], value=row["grade"]))
        if not np.isfinite(row["lon"]) and row["code"] not in known:
            words = Words("a new place needs coordinates", "新点位须有坐标")
            faults.append(Fault("lon", words, row=row["row"], value=row["code"]))
    return faults


def _write_places(
    connection: Connection, first: pd.DataFrame, lonlat: Any, frame: pd.DataFrame, set_now: PatrolRules
) -> None:
    facts = first[["code", "name", "kind", "address"]].assign(lon=lonlat[:, 0], lat=lonlat[:, 1])
    ids = store.put_places(
        connection, [{str(k): v for k, v in row.items()} for row in facts.to_dict("records")]
    )
    store.put_wishes(
        connection,
        [
            {
                "place_id": ids[row["code"]],
                "department": row["department"],
                "grade": row["grade"],
                "visit_s": int(row["visit_s"] if np.isfinite(row["visit_s"]) else set_now.visit_s),
                "last": row["last"],
                "exempt": row["exempt"],
                "exempt_until": row["exempt_until"],
            }
            for row in frame.to_dict("records")
        ],
    )


def import_campaigns(database: Database, table: CampaignTable, *, who: str, commit: bool) -> ImportReport:
    """Add campaigns, or say them anew by name; those that the file does not name stay.

    Raises
    ------
    InvalidInputError
        A place is not known, or its department does not ask for it; each fault names the row.
    """
    frame = table.frame
    with database.reading() as connection:
        ids = store.place_ids(connection)
        wanted = store.wishes(connection, town_zone(connection).key)
        known = {one["name"] for one in store.campaigns(connection)}
    asked = set(zip(wanted["place_id"], wanted["department"], strict=True))
    faults = []
    for row in frame.to_dict("records"):
        if row["code"] not in ids:
            words = Words("there is no such place: import the places first", "没有此点位，请先导入点位")
            faults.append(Fault("place_code", words, row=row["row"], value=row["code"]))
        elif (ids[row["code"]], row["department"]) not in asked:
            words = Words(
                "this department does not ask for this place: name a grade for it first",
                "该部门没有对此点位提出检查要求，请先导入等级",
            )
            faults.append(Fault("department", words, row=row["row"], value=row["department"]))
    if faults:
        words = Words("some campaigns cannot be taken in", "部分专项不能导入")
        raise InvalidInputError(words, faults[:_SHOWN])
    groups = list(frame.groupby("campaign", sort=False))
    new = sum(name not in known for name, _ in groups)
    counts = {"rows": len(frame), "campaigns": len(groups), "new": new, "corrected": len(groups) - new}
    if commit:
        with database.writing() as connection:
            store.lock(connection)
            for name, rows in groups:
                head = rows.iloc[0]
                facts: dict[str, Any] = {"name": str(name)}
                facts |= {key: head[key] for key in ("department", "first", "last")}
                store.put_campaign(connection, facts, [ids[code] for code in rows["code"]])
            audit.record(connection, who, "import campaigns", "campaigns", counts)
            outbox.add(connection, "imported.campaigns", counts)
    return ImportReport("campaigns", commit, counts, table.notes)


def places(connection: Connection, tiling: Tiling, *, signs: bool = False) -> list[dict[str, Any]]:
    """Return the places in use, each with its cell and what is wanted of it.

    With ``signs`` also the code that stands on its QR sign: for who prints them only.
    """
    rows = store.places(connection)
    wanted: dict[int, list[dict[str, Any]]] = {}
    for wish in store.wishes(connection, town_zone(connection).key).to_dict("records"):
        facts = {str(name): value for name, value in wish.items() if name != "place_id"}
        wanted.setdefault(int(wish["place_id"]), []).append(facts)
    lonlat = np.array([(row["lon"], row["lat"]) for row in rows]).reshape(-1, 2)
    leaf, _ = tiling.index.leaf_of(lonlat)
    out = []
    for row, at in zip(rows, leaf.tolist(), strict=True):
        one = {name: row[name] for name in ("code", "name", "kind", "address", "lon", "lat", "sealed_at")}
        one["path"] = tiling.named_path(at) if at >= 0 else []
        one["wishes"] = wanted.get(row["id"], [])
        if signs:
            one["sign"] = sign_of(row["id"], bytes(row["seal"]))
        out.append(one)
    return out


def set_exempt(
    database: Database, code: str, department: str | None, reason: str, until: date | None, *, who: str
) -> int:
    """Take a place off the lists of a department (None: of all) with the reason, or put it on again ("").

    Raises
    ------
    NotFoundError
        There is no such place, or the department does not ask for it.
    """
    with database.writing() as connection:
        place_id = store.place_ids(connection).get(code)
        changed = 0
        if place_id is not None:
            changed = store.exempt(connection, place_id, department, reason, until if reason else None)
        if not changed:
            raise _no_place(code)
        details = {"department": department, "reason": reason, "until": until and until.isoformat()}
        audit.record(connection, who, "patrol.exempt", code, details)
    return changed


def retire(database: Database, code: str, *, who: str) -> None:
    """Take a place out of use; visits made there stay.

    Raises
    ------
    NotFoundError
        There is no such place.
    """
    with database.writing() as connection:
        if not store.retire_place(connection, code):
            raise _no_place(code)
        audit.record(connection, who, "patrol.retire", code, {})


def renew_sign(database: Database, code: str, *, who: str) -> str:
    """Make the sign that hangs at a place void, and return the code of a new one.

    Raises
    ------
    NotFoundError
        There is no such place.
    """
    with database.writing() as connection:
        if not store.renew_seal(connection, code):
            raise _no_place(code)
        audit.record(connection, who, "patrol.sign", code, {})
        (row,) = store.places(connection, codes=[code])
    return sign_of(row["id"], bytes(row["seal"]))


def end_campaign(database: Database, name: str, *, who: str) -> None:
    """Forget a campaign.

    Raises
    ------
    NotFoundError
        There is none of this name.
    """
    with database.writing() as connection:
        if not store.drop_campaign(connection, name):
            raise NotFoundError(Words(f"there is no campaign {name!r}", f"没有专项行动“{name}”"))
        audit.record(connection, who, "patrol.campaign", name, {})


def _no_place(code: str) -> NotFoundError:
    return NotFoundError(
        Words(f"there is no place {code} that this asks for", f"没有编号为 {code} 的点位要求")
    )
