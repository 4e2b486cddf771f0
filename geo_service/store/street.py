"""What the street may know of people: who may be named in public, and under which number."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from geo_service.planning.sign_boards import PublicPerson


def people(connection: Connection, cell_ids: Collection[int], at: datetime) -> dict[int, list[PublicPerson]]:
    """Return by cell who holds a duty on it at a moment and may be named in public, in order of code."""
    rows = connection.execute(
        text("""
            select duty.cell_id, responder.name, duty.role, public_contact.phone
            from duty
            join responder on responder.id = duty.responder_id
            join public_contact on public_contact.responder_id = responder.id
            where duty.cell_id = any(:cells) and held_during @> cast(:at as timestamptz)
                and (retired_at is null or retired_at > cast(:at as timestamptz))
            order by duty.role, responder.code collate "C"
        """),
        {"cells": list(cell_ids), "at": at},
    )
    out: dict[int, list[PublicPerson]] = {}
    for cell_id, name, role, phone in rows:
        out.setdefault(cell_id, []).append(PublicPerson(name, role, phone))
    return out


def contact(connection: Connection, code: str) -> str | None:
    """Return under which number a responder may be named in public; None if he may not."""
    found: str | None = connection.execute(
        text("select phone from public_contact join responder r on r.id = responder_id where r.code = :code"),
        {"code": code},
    ).scalar_one_or_none()
    return found


def set_contact(connection: Connection, code: str, phone: str | None) -> None:
    """Say under which number a responder may be named in public; None: he may not be named."""
    if phone is None:
        connection.execute(
            text("delete from public_contact using responder r where r.id = responder_id and r.code = :code"),
            {"code": code},
        )
        return
    connection.execute(
        text("""
            insert into public_contact (responder_id, phone)
            select id, :phone from responder where code = :code
            on conflict (responder_id) do update set phone = excluded.phone
        """),
        {"code": code, "phone": phone},
    )


def set_contacts(connection: Connection, phones: Mapping[str, str]) -> None:
    """Say of several responders, by code, under which numbers they may be named in public."""
    connection.execute(
        text("""
            insert into public_contact (responder_id, phone)
            select id, phone
            from unnest(cast(:codes as text[]), cast(:phones as text[])) as given (code, phone)
            join responder using (code)
            on conflict (responder_id) do update set phone = excluded.phone
        """),
        {"codes": list(phones), "phones": list(phones.values())},
    )
