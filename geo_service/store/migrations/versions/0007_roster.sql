-- The roster: teams, absences and stand-ins, calendars, stations, required roles; rotas of several weeks.

CREATE TABLE team (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT DEFAULT 'patrol' NOT NULL,
    capabilities TEXT[] DEFAULT '{}'::text[] NOT NULL,
    least SMALLINT DEFAULT '1' NOT NULL,
    retired_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_team PRIMARY KEY (id),
    CONSTRAINT ck_team_least_is_a_count CHECK (least between 1 and 100),
    CONSTRAINT uq_team_code UNIQUE (code)
);

CREATE TABLE team_member (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    team_id INTEGER NOT NULL,
    responder_id INTEGER NOT NULL,
    lead BOOLEAN DEFAULT false NOT NULL,
    held_during TSTZRANGE NOT NULL,
    CONSTRAINT pk_team_member PRIMARY KEY (id),
    CONSTRAINT ex_team_member_held_once EXCLUDE USING gist (team_id WITH =, responder_id WITH =, held_during WITH &&),
    CONSTRAINT ck_team_member_not_empty CHECK (not isempty(held_during)),
    CONSTRAINT fk_team_member_team_id_team FOREIGN KEY(team_id) REFERENCES team (id) ON DELETE CASCADE,
    CONSTRAINT fk_team_member_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE
);
CREATE INDEX ix_team_member_responder_id ON team_member (responder_id);

CREATE TABLE calendar (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT pk_calendar PRIMARY KEY (id),
    CONSTRAINT uq_calendar_code UNIQUE (code)
);

CREATE TABLE calendar_day (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    calendar_id INTEGER NOT NULL,
    days DATERANGE NOT NULL,
    as_weekday SMALLINT,
    name TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_calendar_day PRIMARY KEY (id),
    CONSTRAINT ex_calendar_day_one_thing EXCLUDE USING gist (calendar_id WITH =, days WITH &&),
    CONSTRAINT ck_calendar_day_iso_weekday CHECK (as_weekday between 1 and 7),
    CONSTRAINT ck_calendar_day_bounded CHECK (not isempty(days) and not lower_inf(days) and not upper_inf(days)),
    CONSTRAINT fk_calendar_day_calendar_id_calendar FOREIGN KEY(calendar_id) REFERENCES calendar (id) ON DELETE CASCADE
);

CREATE TABLE absence (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    responder_id INTEGER NOT NULL,
    during TSTZRANGE NOT NULL,
    kind TEXT NOT NULL,
    substitute_id INTEGER,
    post_id INTEGER,
    note TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_absence PRIMARY KEY (id),
    CONSTRAINT ck_absence_kind_is_known CHECK (kind in ('leave', 'sick', 'training', 'swap', 'other')),
    CONSTRAINT ck_absence_bounded CHECK (not isempty(during) and not lower_inf(during) and not upper_inf(during)),
    CONSTRAINT ck_absence_somebody_else_stands_in CHECK (substitute_id <> responder_id),
    CONSTRAINT ck_absence_a_swap_has_two CHECK (kind <> 'swap' or substitute_id is not null),
    CONSTRAINT ex_absence_once_at_a_time EXCLUDE USING gist (responder_id WITH =, (coalesce(post_id, 0)) WITH =, during WITH &&),
    CONSTRAINT fk_absence_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE,
    CONSTRAINT fk_absence_substitute_id_responder FOREIGN KEY(substitute_id) REFERENCES responder (id) ON DELETE CASCADE,
    CONSTRAINT fk_absence_post_id_post FOREIGN KEY(post_id) REFERENCES post (id) ON DELETE CASCADE
);
CREATE INDEX ix_absence_during ON absence USING gist (during);

CREATE TABLE station (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    geom extensions.geometry(POINT,4326) NOT NULL,
    CONSTRAINT pk_station PRIMARY KEY (id),
    CONSTRAINT uq_station_code UNIQUE (code)
);

CREATE TABLE staffing_need (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    level TEXT NOT NULL,
    cell_kind TEXT,
    role TEXT NOT NULL,
    count SMALLINT DEFAULT '1' NOT NULL,
    weekdays SMALLINT[] NOT NULL,
    start_local TIME WITHOUT TIME ZONE NOT NULL,
    end_local TIME WITHOUT TIME ZONE NOT NULL,
    timezone TEXT DEFAULT 'Asia/Shanghai' NOT NULL,
    presence TEXT DEFAULT 'on_duty' NOT NULL,
    from_above BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_staffing_need PRIMARY KEY (id),
    CONSTRAINT ck_staffing_need_kind_is_known CHECK (cell_kind in ('regular', 'dedicated', 'street_face')),
    CONSTRAINT ck_staffing_need_is_a_count CHECK (count between 1 and 1000),
    CONSTRAINT ck_staffing_need_presence_is_known CHECK (presence in ('on_duty', 'held')),
    CONSTRAINT ck_staffing_need_iso_weekdays CHECK (cardinality(weekdays) > 0 and weekdays <@ '{1,2,3,4,5,6,7}'::smallint[]),
    CONSTRAINT uq_staffing_need_code UNIQUE (code)
);

ALTER TABLE responder
    ADD COLUMN agency TEXT DEFAULT '' NOT NULL,
    ADD COLUMN retired_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE duty
    ADD COLUMN id BIGINT GENERATED ALWAYS AS IDENTITY,
    ADD CONSTRAINT pk_duty PRIMARY KEY (id);

ALTER TABLE shift
    ADD COLUMN post_id INTEGER,
    ADD COLUMN note TEXT DEFAULT '' NOT NULL,
    ADD CONSTRAINT fk_shift_post_id_post FOREIGN KEY(post_id) REFERENCES post (id) ON DELETE CASCADE;

ALTER TABLE rota
    DROP CONSTRAINT uq_rota_responder_id_weekday_start_local,
    ADD COLUMN every_weeks SMALLINT DEFAULT '1' NOT NULL,
    ADD COLUMN week SMALLINT DEFAULT '0' NOT NULL,
    ADD COLUMN days DATERANGE DEFAULT '(,)' NOT NULL,
    ADD COLUMN calendar_id INTEGER,
    ADD CONSTRAINT ex_rota_each_once EXCLUDE USING gist (responder_id WITH =, weekday WITH =, start_local WITH =, every_weeks WITH =, week WITH =, days WITH &&),
    ADD CONSTRAINT ck_rota_week_of_weeks CHECK (every_weeks between 1 and 52 and week >= 0 and week < every_weeks),
    ADD CONSTRAINT ck_rota_days_not_empty CHECK (not isempty(days)),
    ADD CONSTRAINT fk_rota_calendar_id_calendar FOREIGN KEY(calendar_id) REFERENCES calendar (id);

ALTER TABLE post
    ADD COLUMN lead_min SMALLINT DEFAULT '10' NOT NULL,
    ADD COLUMN calendar_id INTEGER,
    ADD CONSTRAINT ck_post_lead_is_short CHECK (lead_min between 0 and 120),
    ADD CONSTRAINT fk_post_calendar_id_calendar FOREIGN KEY(calendar_id) REFERENCES calendar (id);

ALTER TABLE post_window
    ALTER COLUMN responder_id DROP NOT NULL,
    DROP CONSTRAINT fk_post_window_responder_id_responder,
    ADD CONSTRAINT fk_post_window_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE SET NULL;
