"""Intake: where a report may lie, premises, photos, sources of signed reports; categories to begin with."""

from pathlib import Path

from alembic import op

from geo_service.store import catalogue_seed

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file, so that a database administrator can read what runs; fill the lists.

    There is no way back: an older program goes with a backup taken before the upgrade.
    """
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    catalogue_seed.fill(op.get_bind())
