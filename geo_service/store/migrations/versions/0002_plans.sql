-- Plans: drafts of a redraw. Tables in the order of geo_service/store/plan_tables.py.

CREATE TABLE plan (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    note TEXT DEFAULT '' NOT NULL,
    status TEXT DEFAULT 'open' NOT NULL,
    base_edition_id INTEGER NOT NULL,
    revision INTEGER DEFAULT '0' NOT NULL,
    rebased_revision INTEGER DEFAULT '0' NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    published_edition_id INTEGER,
    CONSTRAINT pk_plan PRIMARY KEY (id),
    CONSTRAINT ck_plan_status_is_known CHECK (status in ('open', 'published', 'dropped')),
    CONSTRAINT ck_plan_published_has_edition CHECK ((status = 'published') = (published_edition_id is not null)),
    CONSTRAINT ck_plan_name_has_a_length CHECK (length(name) between 1 and 200),
    CONSTRAINT fk_plan_base_edition_id_edition FOREIGN KEY(base_edition_id) REFERENCES edition (id),
    CONSTRAINT fk_plan_published_edition_id_edition FOREIGN KEY(published_edition_id) REFERENCES edition (id)
);

CREATE TABLE plan_change (
    plan_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    verb TEXT NOT NULL,
    arguments JSONB NOT NULL,
    patch JSONB NOT NULL,
    cells JSONB NOT NULL,
    state TEXT DEFAULT 'applied' NOT NULL,
    revision INTEGER NOT NULL,
    who TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_plan_change PRIMARY KEY (plan_id, number),
    CONSTRAINT ck_plan_change_state_is_known CHECK (state in ('applied', 'undone', 'dropped')),
    CONSTRAINT fk_plan_change_plan_id_plan FOREIGN KEY(plan_id) REFERENCES plan (id)
);

CREATE TABLE plan_code (
    level TEXT NOT NULL,
    code TEXT NOT NULL,
    plan_id INTEGER NOT NULL,
    CONSTRAINT pk_plan_code PRIMARY KEY (level, code),
    CONSTRAINT fk_plan_code_plan_id_plan FOREIGN KEY(plan_id) REFERENCES plan (id)
);

CREATE TABLE plan_comment (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    plan_id INTEGER NOT NULL,
    who TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    body TEXT NOT NULL,
    geom extensions.geometry(POINT,4326),
    CONSTRAINT pk_plan_comment PRIMARY KEY (id),
    CONSTRAINT ck_plan_comment_body_has_a_length CHECK (length(body) between 1 and 2000),
    CONSTRAINT fk_plan_comment_plan_id_plan FOREIGN KEY(plan_id) REFERENCES plan (id)
);

CREATE INDEX ix_plan_comment_plan_id ON plan_comment (plan_id);

CREATE TABLE waiver (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    plan_id INTEGER NOT NULL,
    rule TEXT NOT NULL,
    cells JSONB NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    until DATE,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_waiver PRIMARY KEY (id),
    CONSTRAINT ck_waiver_why_has_a_length CHECK (length(why) between 1 and 1000),
    CONSTRAINT fk_waiver_plan_id_plan FOREIGN KEY(plan_id) REFERENCES plan (id)
);

CREATE INDEX ix_waiver_plan_id ON waiver (plan_id);

CREATE TABLE lineage (
    edition_id INTEGER NOT NULL,
    from_cell_id INTEGER NOT NULL,
    to_cell_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    share_land DOUBLE PRECISION NOT NULL,
    share_households DOUBLE PRECISION,
    share_incidents DOUBLE PRECISION,
    CONSTRAINT pk_lineage PRIMARY KEY (edition_id, from_cell_id, to_cell_id),
    CONSTRAINT fk_lineage_edition_id_edition FOREIGN KEY(edition_id) REFERENCES edition (id),
    CONSTRAINT ck_lineage_kind_is_known CHECK (kind in ('split', 'merge', 'transfer')),
    CONSTRAINT ck_lineage_land_is_a_share CHECK (share_land between 0 and 1),
    CONSTRAINT fk_lineage_from_cell_id_cell FOREIGN KEY(from_cell_id) REFERENCES cell (id),
    CONSTRAINT fk_lineage_to_cell_id_cell FOREIGN KEY(to_cell_id) REFERENCES cell (id)
);

CREATE INDEX ix_lineage_to_cell_id ON lineage (to_cell_id);

CREATE TABLE barrier (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    geom extensions.geometry(LINESTRING,4326) NOT NULL,
    CONSTRAINT pk_barrier PRIMARY KEY (id)
);

CREATE INDEX ix_barrier_source ON barrier (source);

CREATE TABLE crossing (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    geom extensions.geometry(POINT,4326) NOT NULL,
    CONSTRAINT pk_crossing PRIMARY KEY (id)
);

CREATE INDEX ix_crossing_source ON crossing (source);

CREATE TABLE gap (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    opened_edition_id INTEGER NOT NULL,
    seen_edition_id INTEGER NOT NULL,
    closed_edition_id INTEGER,
    geom extensions.geometry(POLYGON,4326) NOT NULL,
    area_m2 DOUBLE PRECISION NOT NULL,
    length_m DOUBLE PRECISION NOT NULL,
    width_m DOUBLE PRECISION NOT NULL,
    neighbours JSONB NOT NULL,
    taken_by JSONB,
    fallback_level TEXT,
    fallback_code TEXT,
    CONSTRAINT pk_gap PRIMARY KEY (id),
    CONSTRAINT ck_gap_fallback_is_whole CHECK ((fallback_level is null) = (fallback_code is null)),
    CONSTRAINT fk_gap_opened_edition_id_edition FOREIGN KEY(opened_edition_id) REFERENCES edition (id),
    CONSTRAINT fk_gap_seen_edition_id_edition FOREIGN KEY(seen_edition_id) REFERENCES edition (id),
    CONSTRAINT fk_gap_closed_edition_id_edition FOREIGN KEY(closed_edition_id) REFERENCES edition (id)
);

CREATE INDEX ix_gap_closed_edition_id ON gap (closed_edition_id);
