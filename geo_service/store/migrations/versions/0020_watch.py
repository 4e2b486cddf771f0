"""Each life says when the watcher looks at it next: a look costs what is due, not what waits."""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file, so that a database administrator can read what runs.

    There is no way back: an older program goes with a backup taken before the upgrade.
    """
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
