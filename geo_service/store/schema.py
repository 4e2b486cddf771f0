"""All tables of the program: importing the files that hold them puts them into one metadata."""

from geo_service.store import (
    asset_tables,
    coverage_tables,
    desk_tables,
    dispatch_tables,
    duplicate_tables,
    escalation_tables,
    intake_tables,
    job_tables,
    live_tables,
    office_tables,
    patrol_tables,
    plan_tables,
    roster_tables,
    rounds_tables,
    route_tables,
    siting_tables,
    street_tables,
    tables,
)

#: The files of tables; a new one is added here.
FILES = (
    tables,
    plan_tables,
    job_tables,
    office_tables,
    dispatch_tables,
    roster_tables,
    desk_tables,
    live_tables,
    intake_tables,
    escalation_tables,
    coverage_tables,
    duplicate_tables,
    siting_tables,
    patrol_tables,
    street_tables,
    asset_tables,
    rounds_tables,
    route_tables,
)

metadata = tables.metadata
