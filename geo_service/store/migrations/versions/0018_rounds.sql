-- Rounds: places that are visited, the lists of a week, visits made, and what is owed in a month.

CREATE TABLE patrol_place (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT DEFAULT '' NOT NULL,
    address TEXT DEFAULT '' NOT NULL,
    lon DOUBLE PRECISION NOT NULL,
    lat DOUBLE PRECISION NOT NULL,
    seal BYTEA NOT NULL,
    sealed_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    retired_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_patrol_place PRIMARY KEY (id),
    CONSTRAINT ck_patrol_place_on_the_globe CHECK (lon between -180 and 180 and lat between -90 and 90),
    CONSTRAINT ck_patrol_place_seal_is_whole CHECK (length(seal) = 16),
    CONSTRAINT uq_patrol_place_code UNIQUE (code)
);

CREATE TABLE patrol_wish (
    place_id INTEGER NOT NULL,
    department TEXT NOT NULL,
    grade TEXT NOT NULL,
    visit_s INTEGER NOT NULL,
    last DATE,
    exempt TEXT DEFAULT '' NOT NULL,
    exempt_until DATE,
    CONSTRAINT pk_patrol_wish PRIMARY KEY (place_id, department),
    CONSTRAINT ck_patrol_wish_visit_within_a_day CHECK (visit_s between 0 and 28800),
    CONSTRAINT ck_patrol_wish_term_of_an_exemption CHECK (exempt <> '' or exempt_until is null),
    CONSTRAINT fk_patrol_wish_place_id_patrol_place FOREIGN KEY(place_id) REFERENCES patrol_place (id) ON DELETE CASCADE
);

CREATE TABLE patrol_campaign (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    department TEXT NOT NULL,
    first DATE NOT NULL,
    last DATE NOT NULL,
    CONSTRAINT pk_patrol_campaign PRIMARY KEY (id),
    CONSTRAINT ck_patrol_campaign_ends_after_it_begins CHECK (last >= first),
    CONSTRAINT uq_patrol_campaign_name UNIQUE (name)
);

CREATE TABLE patrol_campaign_place (
    campaign_id INTEGER NOT NULL,
    place_id INTEGER NOT NULL,
    CONSTRAINT pk_patrol_campaign_place PRIMARY KEY (campaign_id, place_id),
    CONSTRAINT fk_patrol_campaign_place_campaign_id_patrol_campaign FOREIGN KEY(campaign_id) REFERENCES patrol_campaign (id) ON DELETE CASCADE,
    CONSTRAINT fk_patrol_campaign_place_place_id_patrol_place FOREIGN KEY(place_id) REFERENCES patrol_place (id) ON DELETE CASCADE
);
CREATE INDEX ix_patrol_campaign_place_place_id ON patrol_campaign_place (place_id);

CREATE TABLE patrol_week (
    monday DATE NOT NULL,
    edition_id INTEGER NOT NULL,
    who TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    left_out JSONB NOT NULL,
    CONSTRAINT pk_patrol_week PRIMARY KEY (monday),
    CONSTRAINT ck_patrol_week_begins_on_monday CHECK (extract(isodow from monday) = 1),
    CONSTRAINT fk_patrol_week_edition_id_edition FOREIGN KEY(edition_id) REFERENCES edition (id)
);

CREATE TABLE patrol_stop (
    monday DATE NOT NULL,
    responder_id INTEGER NOT NULL,
    day DATE NOT NULL,
    position SMALLINT NOT NULL,
    place_id INTEGER NOT NULL,
    cell_id INTEGER NOT NULL,
    departments TEXT[] NOT NULL,
    campaigns TEXT[] DEFAULT '{}'::text[] NOT NULL,
    due DATE NOT NULL,
    travel_s INTEGER NOT NULL,
    visit_s INTEGER NOT NULL,
    CONSTRAINT pk_patrol_stop PRIMARY KEY (monday, responder_id, day, position),
    CONSTRAINT uq_patrol_stop_monday_place_id UNIQUE (monday, place_id),
    CONSTRAINT ck_patrol_stop_within_its_week CHECK (day between monday and monday + 6),
    CONSTRAINT ck_patrol_stop_counts CHECK (position > 0 and travel_s >= 0 and visit_s >= 0),
    CONSTRAINT ck_patrol_stop_somebody_asks CHECK (cardinality(departments) > 0),
    CONSTRAINT fk_patrol_stop_monday_patrol_week FOREIGN KEY(monday) REFERENCES patrol_week (monday) ON DELETE CASCADE,
    CONSTRAINT fk_patrol_stop_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE,
    CONSTRAINT fk_patrol_stop_place_id_patrol_place FOREIGN KEY(place_id) REFERENCES patrol_place (id),
    CONSTRAINT fk_patrol_stop_cell_id_cell FOREIGN KEY(cell_id) REFERENCES cell (id)
);
CREATE INDEX ix_patrol_stop_place_id ON patrol_stop (place_id);
CREATE INDEX ix_patrol_stop_responder_id ON patrol_stop (responder_id);

CREATE TABLE patrol_visit (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    place_id INTEGER NOT NULL,
    responder_id INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    how TEXT NOT NULL,
    departments TEXT[] NOT NULL,
    proof TEXT NOT NULL,
    distance_m REAL,
    CONSTRAINT pk_patrol_visit PRIMARY KEY (id),
    CONSTRAINT uq_patrol_visit_place_id_responder_id_at UNIQUE (place_id, responder_id, at),
    CONSTRAINT ck_patrol_visit_how_is_known CHECK (how in ('scanned', 'typed')),
    CONSTRAINT ck_patrol_visit_proof_is_known CHECK (proof in ('near', 'unseen', 'far')),
    CONSTRAINT ck_patrol_visit_distance_where_a_fix_is CHECK ((proof = 'unseen') = (distance_m is null)),
    CONSTRAINT fk_patrol_visit_place_id_patrol_place FOREIGN KEY(place_id) REFERENCES patrol_place (id),
    CONSTRAINT fk_patrol_visit_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE
);
CREATE INDEX ix_patrol_visit_at ON patrol_visit (at);
CREATE INDEX ix_patrol_visit_responder_id ON patrol_visit (responder_id);

CREATE TABLE patrol_person_day (
    day DATE NOT NULL,
    responder_id INTEGER NOT NULL,
    shift_s INTEGER NOT NULL,
    patrol_s INTEGER NOT NULL,
    silent_s INTEGER NOT NULL,
    away_s INTEGER NOT NULL,
    person_times INTEGER NOT NULL,
    CONSTRAINT pk_patrol_person_day PRIMARY KEY (day, responder_id),
    CONSTRAINT ck_patrol_person_day_counts CHECK (least(shift_s, patrol_s, silent_s, away_s, person_times) >= 0),
    CONSTRAINT fk_patrol_person_day_day_patrol_day FOREIGN KEY(day) REFERENCES patrol_day (day) ON DELETE CASCADE,
    CONSTRAINT fk_patrol_person_day_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE
);
CREATE INDEX ix_patrol_person_day_responder_id ON patrol_person_day (responder_id);

CREATE TABLE patrol_post_day (
    day DATE NOT NULL,
    post_id INTEGER NOT NULL,
    from_at TIMESTAMP WITH TIME ZONE NOT NULL,
    to_at TIMESTAMP WITH TIME ZONE NOT NULL,
    outcome TEXT NOT NULL,
    arrived_at TIMESTAMP WITH TIME ZONE,
    share REAL NOT NULL,
    CONSTRAINT pk_patrol_post_day PRIMARY KEY (day, post_id, from_at),
    CONSTRAINT fk_patrol_post_day_day_patrol_day FOREIGN KEY(day) REFERENCES patrol_day (day) ON DELETE CASCADE,
    CONSTRAINT ck_patrol_post_day_outcome_is_known CHECK (outcome in ('kept', 'late', 'left', 'missed')),
    CONSTRAINT ck_patrol_post_day_a_span CHECK (to_at > from_at and share between 0 and 1.001),
    CONSTRAINT fk_patrol_post_day_post_id_post FOREIGN KEY(post_id) REFERENCES post (id) ON DELETE CASCADE
);
CREATE INDEX ix_patrol_post_day_post_id ON patrol_post_day (post_id);
