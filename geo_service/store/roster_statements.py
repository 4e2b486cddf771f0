"""The statements of the roster's registers: how each is read as JSON objects, and how one is written.

See :mod:`geo_service.store.roster`.
"""
# ruff: noqa: S608 - statements are put together from the fragments of this file and nothing else

#: ``{where}`` is filled with conditions from :data:`WHERE`, never with a caller's text.
READ = {
    "responders": """
        select r.code as key, r.code as place, jsonb_build_object(
            'code', r.code, 'name', r.name, 'role', r.role, 'mode', r.mode,
            'lon', extensions.st_x(r.geom), 'lat', extensions.st_y(r.geom),
            'capabilities', r.capabilities, 'agency', r.agency) as entry
        from responder r where r.retired_at is null {where}
    """,
    "duties": """
        select d.id::text as key, lpad(d.id::text, 20, '0') as place, jsonb_build_object(
            'responder', r.code, 'level', l.code, 'cell', c.code, 'role', d.role,
            'since', lower(d.held_during), 'until', upper(d.held_during)) as entry
        from duty d join responder r on r.id = d.responder_id
            join cell c on c.id = d.cell_id join level l on l.id = c.level_id
        where true {where}
    """,
    "rotas": """
        select r.code as key, r.code as place, jsonb_build_object('responder', r.code, 'lines', (
            select coalesce(jsonb_agg(line order by line->'weekdays'->0, line->'start', line), '[]') from (
                select jsonb_build_object(
                    'weekdays', jsonb_agg(t.weekday order by t.weekday),
                    'start', to_char(t.start_local, 'HH24:MI'), 'end', to_char(t.end_local, 'HH24:MI'),
                    'every_weeks', t.every_weeks, 'first_week', date '2024-01-01' + 7 * t.week,
                    'first', lower(t.days), 'last', upper(t.days) - 1,
                    'timezone', t.timezone, 'calendar', k.code) as line
                from rota t left join calendar k on k.id = t.calendar_id where t.responder_id = r.id
                group by t.start_local, t.end_local, t.every_weeks, t.week, t.days, t.timezone, k.code
            ) as lines)) as entry
        from responder r where r.retired_at is null {where}
    """,
    "shifts": """
        select s.id::text as key, lpad(s.id::text, 20, '0') as place, jsonb_build_object(
            'responder', r.code, 'start', lower(s.on_duty), 'end', upper(s.on_duty),
            'post', p.code, 'note', s.note) as entry
        from shift s join responder r on r.id = s.responder_id left join post p on p.id = s.post_id
        where true {where}
    """,
    "absences": """
        select s.id::text as key, lpad(s.id::text, 20, '0') as place, jsonb_build_object(
            'responder', r.code, 'start', lower(s.during), 'end', upper(s.during), 'kind', s.kind,
            'substitute', b.code, 'post', p.code, 'note', s.note) as entry
        from absence s join responder r on r.id = s.responder_id
            left join responder b on b.id = s.substitute_id left join post p on p.id = s.post_id
        where true {where}
    """,
    "posts": """
        select p.code as key, p.code as place, jsonb_build_object(
            'code', p.code, 'name', p.name, 'kind', p.kind,
            'lon', extensions.st_x(p.geom), 'lat', extensions.st_y(p.geom),
            'lead_min', p.lead_min, 'calendar', k.code, 'windows', (
                select coalesce(jsonb_agg(w order by w->'weekdays'->0, w->'start', w), '[]') from (
                    select jsonb_build_object(
                        'weekdays', jsonb_agg(w.weekday order by w.weekday),
                        'start', to_char(w.start_local, 'HH24:MI'), 'end', to_char(w.end_local, 'HH24:MI'),
                        'holder', h.code, 'timezone', w.timezone) as w
                    from post_window w left join responder h on h.id = w.responder_id
                    where w.post_id = p.id group by w.start_local, w.end_local, h.code, w.timezone
                ) as windows)) as entry
        from post p left join calendar k on k.id = p.calendar_id where true {where}
    """,
    "teams": """
        select t.code as key, t.code as place, jsonb_build_object(
            'code', t.code, 'name', t.name, 'kind', t.kind, 'capabilities', to_jsonb(t.capabilities),
            'least', t.least, 'members', (
                select coalesce(jsonb_agg(m order by m->>'since' nulls first, m->>'responder'), '[]') from (
                    select jsonb_build_object('responder', r.code, 'lead', m.lead,
                        'since', lower(m.held_during), 'until', upper(m.held_during)) as m
                    from team_member m join responder r on r.id = m.responder_id where m.team_id = t.id
                ) as members)) as entry
        from team t where t.retired_at is null {where}
    """,
    "calendars": """
        select k.code as key, k.code as place, jsonb_build_object(
            'code', k.code, 'name', k.name, 'days', (
                select coalesce(jsonb_agg(jsonb_build_object('first', lower(d.days),
                    'last', upper(d.days) - 1, 'as_weekday', d.as_weekday, 'name', d.name)
                    order by d.days), '[]')
                from calendar_day d where d.calendar_id = k.id)) as entry
        from calendar k where true {where}
    """,
    "stations": """
        select p.code as key, p.code as place, jsonb_build_object(
            'code', p.code, 'name', p.name, 'kind', p.kind,
            'lon', extensions.st_x(p.geom), 'lat', extensions.st_y(p.geom)) as entry
        from station p where true {where}
    """,
    "needs": """
        select n.code as key, n.code as place, jsonb_build_object(
            'code', n.code, 'level', n.level, 'cell_kind', n.cell_kind, 'role', n.role, 'count', n.count,
            'weekdays', to_jsonb(n.weekdays), 'start', to_char(n.start_local, 'HH24:MI'),
            'end', to_char(n.end_local, 'HH24:MI'), 'timezone', n.timezone, 'presence', n.presence,
            'from_above', n.from_above) as entry
        from staffing_need n where true {where}
    """,
}
WHERE = {
    "responders": {
        "key": "r.code = :key",
        "q": "(strpos(lower(r.code), lower(:q)) > 0 or strpos(lower(r.name), lower(:q)) > 0)",
        "role": "r.role = :role",
        "people": "r.code = any(:people)",
    },
    "duties": {
        "key": "d.id = cast(:key as bigint)",
        "responder": "r.code = :responder",
        "cell": "c.code = :cell",
        "at": "d.held_during @> cast(:at as timestamptz)",
        "cells": "d.cell_id = any(:cells)",
    },
    "rotas": {
        "key": "r.code = :key",
        "filled": "exists (select from rota t where t.responder_id = r.id) = cast(:filled as boolean)",
        "people": "r.code = any(:people)",
    },
    "shifts": {
        "key": "s.id = cast(:key as bigint)",
        "responder": "r.code = :responder",
        "span": "s.on_duty && cast(:span as tstzrange)",
        "people": "r.code = any(:people)",
    },
    "absences": {
        "key": "s.id = cast(:key as bigint)",
        "responder": "r.code = :responder",
        "span": "s.during && cast(:span as tstzrange)",
        "people": "r.code = any(:people)",
    },
    "posts": {"key": "p.code = :key", "kind": "p.kind = :kind", "codes": "p.code = any(:codes)"},
    "teams": {"key": "t.code = :key", "codes": "t.code = any(:codes)"},
    "calendars": {"key": "k.code = :key"},
    "stations": {"key": "p.code = :key", "kind": "p.kind = :kind", "codes": "p.code = any(:codes)"},
    "needs": {"key": "n.code = :key"},
}
_GIVEN = "with given as (select cast(:entry as jsonb) as e)"
_POINT = "extensions.st_setsrid(extensions.st_makepoint((e->>'lon')::float8, (e->>'lat')::float8), 4326)"
_HOURS = "(e->>'start')::time, (e->>'end')::time, e->>'timezone'"
_RESPONDER = "(select id from responder where code = e->>'responder')"
_SPAN = "tstzrange((e->>'start')::timestamptz, (e->>'end')::timestamptz)"
_HELD = "tstzrange((e->>'since')::timestamptz, (e->>'until')::timestamptz)"

#: What writes an entry: statements one after the other; the one that gives a key gives the entry's.
WRITE: dict[str, tuple[str, ...]] = {
    "responders": (
        f"""{_GIVEN} insert into responder (code, name, role, mode, geom, capabilities, agency)
        select e->>'code', e->>'name', e->>'role', e->>'mode', {_POINT}, e->'capabilities', e->>'agency'
        from given on conflict (code) do update set name = excluded.name, role = excluded.role,
            mode = excluded.mode, geom = excluded.geom, capabilities = excluded.capabilities,
            agency = excluded.agency, retired_at = null
        returning code""",
    ),
    "duties": (
        f"""{_GIVEN}, level_of as (select level.id from level, given where level.code = e->>'level')
        insert into duty (responder_id, cell_id, role, held_during)
        select {_RESPONDER}, (select c.id from cell c, level_of where c.level_id = level_of.id
            and c.code = e->>'cell'), e->>'role', {_HELD} from given
        returning id::text""",
    ),
    "rotas": (
        f"{_GIVEN} delete from rota using given where responder_id = {_RESPONDER}",
        f"""{_GIVEN}, line as (select {_RESPONDER} as who, jsonb_array_elements(e->'lines') as e from given)
        insert into rota (responder_id, weekday, start_local, end_local, timezone, every_weeks, week, days,
            calendar_id)
        select who, jsonb_array_elements_text(e->'weekdays')::smallint, {_HOURS},
            (e->>'every_weeks')::smallint,
            mod(floor(((e->>'first_week')::date - date '2024-01-01') / 7.0)::int
                + 5200 * (e->>'every_weeks')::int, (e->>'every_weeks')::int),
            daterange((e->>'first')::date, (e->>'last')::date, '[]'),
            (select id from calendar where code = e->>'calendar')
        from line""",
    ),
    "shifts": (
        f"""{_GIVEN} insert into shift (responder_id, on_duty, post_id, note)
        select {_RESPONDER}, {_SPAN}, (select id from post where code = e->>'post'), e->>'note' from given
        returning id::text""",
    ),
    "absences": (
        f"""{_GIVEN} insert into absence (responder_id, during, kind, substitute_id, post_id, note)
        select {_RESPONDER}, {_SPAN}, e->>'kind',
            (select id from responder where code = e->>'substitute'),
            (select id from post where code = e->>'post'), e->>'note' from given
        returning id::text""",
    ),
    "posts": (
        f"""{_GIVEN} insert into post (code, name, kind, geom, lead_min, calendar_id)
        select e->>'code', e->>'name', e->>'kind', {_POINT}, (e->>'lead_min')::smallint,
            (select id from calendar where code = e->>'calendar') from given
        on conflict (code) do update set name = excluded.name, kind = excluded.kind, geom = excluded.geom,
            lead_min = excluded.lead_min, calendar_id = excluded.calendar_id
        returning code""",
        f"""{_GIVEN} delete from post_window using given
        where post_id = (select id from post where code = e->>'code')""",
        f"""{_GIVEN}, w as (select (select id from post where code = e->>'code') as post_id,
            jsonb_array_elements(e->'windows') as e from given)
        insert into post_window (post_id, responder_id, weekday, start_local, end_local, timezone)
        select post_id, (select id from responder where code = e->>'holder'),
            jsonb_array_elements_text(e->'weekdays')::smallint, {_HOURS} from w""",
    ),
    "teams": (
        f"""{_GIVEN} insert into team (code, name, kind, capabilities, least)
        select e->>'code', e->>'name', e->>'kind',
            array(select jsonb_array_elements_text(e->'capabilities')), (e->>'least')::smallint from given
        on conflict (code) do update set name = excluded.name, kind = excluded.kind,
            capabilities = excluded.capabilities, least = excluded.least, retired_at = null
        returning code""",
        f"""{_GIVEN} delete from team_member using given
        where team_id = (select id from team where code = e->>'code')""",
        f"""{_GIVEN}, m as (select (select id from team where code = e->>'code') as team_id,
            jsonb_array_elements(e->'members') as e from given)
        insert into team_member (team_id, responder_id, lead, held_during)
        select team_id, {_RESPONDER}, (e->>'lead')::boolean, {_HELD} from m""",
    ),
    "calendars": (
        f"""{_GIVEN} insert into calendar (code, name) select e->>'code', e->>'name' from given
        on conflict (code) do update set name = excluded.name returning code""",
        f"""{_GIVEN} delete from calendar_day using given
        where calendar_id = (select id from calendar where code = e->>'code')""",
        f"""{_GIVEN}, d as (select (select id from calendar where code = e->>'code') as calendar_id,
            jsonb_array_elements(e->'days') as e from given)
        insert into calendar_day (calendar_id, days, as_weekday, name)
        select calendar_id, daterange((e->>'first')::date, (e->>'last')::date, '[]'),
            (e->>'as_weekday')::smallint, e->>'name' from d""",
    ),
    "stations": (
        f"""{_GIVEN} insert into station (code, name, kind, geom)
        select e->>'code', e->>'name', e->>'kind', {_POINT} from given
        on conflict (code) do update set name = excluded.name, kind = excluded.kind, geom = excluded.geom
        returning code""",
    ),
    "needs": (
        f"""{_GIVEN} insert into staffing_need (code, level, cell_kind, role, count, weekdays, start_local,
            end_local, timezone, presence, from_above)
        select e->>'code', e->>'level', e->>'cell_kind', e->>'role', (e->>'count')::smallint,
            array(select jsonb_array_elements_text(e->'weekdays')::smallint), {_HOURS}, e->>'presence',
            (e->>'from_above')::boolean from given
        on conflict (code) do update set level = excluded.level, cell_kind = excluded.cell_kind,
            role = excluded.role, count = excluded.count, weekdays = excluded.weekdays,
            start_local = excluded.start_local, end_local = excluded.end_local,
            timezone = excluded.timezone, presence = excluded.presence, from_above = excluded.from_above
        returning code""",
    ),
}
#: What writes an entry with a number in the place of the one it had.
CHANGE = {
    "duties": f"""{_GIVEN} update duty set responder_id = {_RESPONDER}, role = e->>'role',
        held_during = {_HELD}, cell_id = (select c.id from cell c join level l on l.id = c.level_id
            where l.code = e->>'level' and c.code = e->>'cell')
        from given where duty.id = cast(:key as bigint)""",
    "shifts": f"""{_GIVEN} update shift set responder_id = {_RESPONDER}, on_duty = {_SPAN},
        post_id = (select id from post where code = e->>'post'), note = e->>'note'
        from given where shift.id = cast(:key as bigint)""",
    "absences": f"""{_GIVEN} update absence set responder_id = {_RESPONDER}, during = {_SPAN},
        kind = e->>'kind', substitute_id = (select id from responder where code = e->>'substitute'),
        post_id = (select id from post where code = e->>'post'), note = e->>'note'
        from given where absence.id = cast(:key as bigint)""",
}
#: Who leaves keeps his history: his dispatches name him.
REMOVE = {
    "responders": (
        "update responder set retired_at = clock_timestamp() where code = :key",
        """update duty set held_during = tstzrange(lower(held_during), clock_timestamp())
        from responder r where r.id = responder_id and r.code = :key
            and held_during @> clock_timestamp()""",
        """delete from duty using responder r where r.id = responder_id and r.code = :key
            and lower(held_during) > clock_timestamp()""",
        "delete from responder_contact using responder r where r.id = responder_id and r.code = :key",
    ),
    "duties": ("delete from duty where id = cast(:key as bigint)",),
    "rotas": ("delete from rota using responder r where r.id = responder_id and r.code = :key",),
    "shifts": ("delete from shift where id = cast(:key as bigint)",),
    "absences": ("delete from absence where id = cast(:key as bigint)",),
    "posts": ("delete from post where code = :key",),
    "teams": ("update team set retired_at = clock_timestamp() where code = :key",),
    "calendars": ("delete from calendar where code = :key",),
    "stations": ("delete from station where code = :key",),
    "needs": ("delete from staffing_need where code = :key",),
}
KNOWN = {
    "responders": "select code from responder where code = any(:codes) and retired_at is null",
    "posts": "select code from post where code = any(:codes)",
    "calendars": "select code from calendar where code = any(:codes)",
}
