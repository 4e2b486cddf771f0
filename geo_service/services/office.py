"""What an office sets itself: rules and code schemes, version after version."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from geo_service.geometry.code_schemes import CodeSchemes
from geo_service.geometry.rules_settings import RuleSettings
from geo_service.store import audit, boundaries, office, plans
from geo_service.store.database import Connection, Database
from geo_service.store.office import SettingRow, Subject


@dataclass(frozen=True)
class RulesSet:
    """The rules of one version; version 0 is what the program comes with.

    Attributes
    ----------
    version : int
    settings : RuleSettings
    given : mapping
        What was written: settings that stand after the defaults, unless it says otherwise.
    who, why : str
    at : datetime or None
    """

    version: int
    settings: RuleSettings
    given: Mapping[str, Any]
    who: str = ""
    why: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class SchemesSet:
    """The code schemes of one version; version 0 has none."""

    version: int
    schemes: CodeSchemes
    who: str = ""
    why: str = ""
    at: datetime | None = None


DEFAULT_RULES: Mapping[str, Any] = {"defaults": True, "settings": []}
NO_SCHEMES: Mapping[str, Any] = {"schemes": {}}


def rules(connection: Connection, version: int | None = None) -> RulesSet:
    """Return the rules in force, or those of an earlier version.

    Raises
    ------
    NotFoundError
        There was no such version.
    """
    row = _row(connection, "rules", version)
    if row is None:
        return RulesSet(0, RuleSettings(), DEFAULT_RULES)
    return RulesSet(row.version, RuleSettings.from_mapping(row.in_force), row.given, row.who, row.why, row.at)


def code_schemes(connection: Connection, version: int | None = None) -> SchemesSet:
    """Return the code schemes in use, or those of an earlier version.

    Raises
    ------
    NotFoundError
        There was no such version.
    """
    row = _row(connection, "code_schemes", version)
    if row is None:
        return SchemesSet(0, CodeSchemes())
    return SchemesSet(row.version, CodeSchemes.from_mapping(row.in_force), row.who, row.why, row.at)


def _row(connection: Connection, subject: Subject, version: int | None) -> SettingRow | None:
    if version is None:
        return office.latest(connection, subject)
    return office.get(connection, subject, version) if version else None


def set_rules(database: Database, given: Mapping[str, Any], *, after: int, who: str, why: str) -> RulesSet:
    """Set the rules: the version after ``after``. Open plans are judged anew, and their revisions step on.

    Raises
    ------
    InvalidInputError
        Each fault names the key it stands at.
    PreconditionFailedError
        Somebody set them since version ``after``.
    """
    with database.writing() as connection:
        levels = [level.code for level in boundaries.levels(connection)]
        settings = RuleSettings.from_mapping(given, levels)
        row = _add(connection, "rules", after, given, settings.as_mapping(), who=who, why=why)
    return RulesSet(row.version, settings, row.given, row.who, row.why, row.at)


def set_code_schemes(
    database: Database, given: Mapping[str, Any], *, after: int, who: str, why: str
) -> SchemesSet:
    """Set the code schemes: the version after ``after``; new cells get their codes by them from now on.

    Raises
    ------
    InvalidInputError, PreconditionFailedError
        As :func:`set_rules`.
    """
    with database.writing() as connection:
        levels = [level.code for level in boundaries.levels(connection)]
        schemes = CodeSchemes.from_mapping(given, levels)
        row = _add(connection, "code_schemes", after, given, schemes.as_mapping(), who=who, why=why)
    return SchemesSet(row.version, schemes, row.who, row.why, row.at)


def _add(
    connection: Connection,
    subject: Subject,
    after: int,
    given: Mapping[str, Any],
    in_force: Mapping[str, Any],
    *,
    who: str,
    why: str,
) -> SettingRow:
    row = office.add(connection, subject, after=after, given=given, in_force=in_force, who=who, why=why)
    plans.step_on_open(connection)  # so that those who look at one are told
    details = {"version": row.version, "why": why}
    audit.record(connection, who, f"office.{subject}", f"{subject} {row.version}", details)
    return row
