"""What is needed to name an incident to a person: its source's own id, its category, when it happened."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text


def facts(connection: Connection, key: UUID) -> Any:
    """Return source, source_id, occurred_at, address, category with name_zh and name_en; None: no such."""
    return connection.execute(
        text("""
            select source, source_id, occurred_at, address, category,
                coalesce(nullif(name_zh, ''), category) as name_zh,
                coalesce(nullif(name_en, ''), category) as name_en
            from incident left join category on category.code = incident.category where id = :key
        """),
        {"key": key},
    ).one_or_none()
