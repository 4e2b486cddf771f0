-- What a planner's office sets itself, and sign boards. Tables in the order of geo_service/store/office_tables.py.

CREATE TABLE office_setting (
    subject TEXT NOT NULL,
    version INTEGER NOT NULL,
    given JSONB NOT NULL,
    in_force JSONB NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_office_setting PRIMARY KEY (subject, version),
    CONSTRAINT ck_office_setting_subject_is_known CHECK (subject in ('rules', 'code_schemes')),
    CONSTRAINT ck_office_setting_version_counts CHECK (version >= 1),
    CONSTRAINT ck_office_setting_why_has_a_length CHECK (length(why) between 1 and 1000)
);

CREATE TABLE declared_exclave (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    plan_id INTEGER,
    level TEXT NOT NULL,
    code TEXT NOT NULL,
    geom extensions.geometry(POINT,4326) NOT NULL,
    area_m2 DOUBLE PRECISION NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    until DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    withdrawn_by TEXT,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_declared_exclave PRIMARY KEY (id),
    CONSTRAINT ck_declared_exclave_why_has_a_length CHECK (length(why) between 1 and 1000),
    CONSTRAINT ck_declared_exclave_is_land CHECK (area_m2 > 0),
    CONSTRAINT ck_declared_exclave_withdrawn_is_whole CHECK ((withdrawn_by is null) = (withdrawn_at is null)),
    CONSTRAINT fk_declared_exclave_plan_id_plan FOREIGN KEY(plan_id) REFERENCES plan (id)
);

CREATE INDEX ix_declared_exclave_level_code ON declared_exclave (level, code);

CREATE TABLE sign_board (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    cell_id INTEGER NOT NULL,
    kind TEXT DEFAULT '' NOT NULL,
    geom extensions.geometry(POINT,4326),
    printed_name TEXT NOT NULL,
    printed_owner TEXT DEFAULT '' NOT NULL,
    printed_role TEXT DEFAULT '' NOT NULL,
    printed_on DATE,
    edition_id INTEGER NOT NULL,
    outline extensions.geometry(MULTIPOLYGON,4326) NOT NULL,
    CONSTRAINT pk_sign_board PRIMARY KEY (id),
    CONSTRAINT ck_sign_board_code_has_a_length CHECK (length(code) between 1 and 64),
    CONSTRAINT uq_sign_board_code UNIQUE (code),
    CONSTRAINT fk_sign_board_cell_id_cell FOREIGN KEY(cell_id) REFERENCES cell (id),
    CONSTRAINT fk_sign_board_edition_id_edition FOREIGN KEY(edition_id) REFERENCES edition (id)
);

CREATE INDEX ix_sign_board_cell_id ON sign_board (cell_id);
