-- Coverage: readings of moments and weeks with their inputs; paces of the streets by class and hour.

CREATE TABLE coverage_reading (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    edition_id INTEGER,
    fingerprint BYTEA NOT NULL,
    asked JSONB NOT NULL,
    inputs JSONB NOT NULL,
    summary JSONB NOT NULL,
    body BYTEA NOT NULL,
    computed_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_coverage_reading PRIMARY KEY (id),
    CONSTRAINT uq_coverage_reading_fingerprint UNIQUE (fingerprint),
    CONSTRAINT ck_coverage_reading_kind_is_known CHECK (kind in ('moment', 'week')),
    CONSTRAINT fk_coverage_reading_edition_id_edition FOREIGN KEY(edition_id) REFERENCES edition (id)
);
CREATE INDEX ix_coverage_reading_computed_at ON coverage_reading (computed_at);

CREATE TABLE pace (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    given JSONB NOT NULL,
    origin JSONB NOT NULL,
    who TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_pace PRIMARY KEY (name, version),
    CONSTRAINT ck_pace_name_is_a_word CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    CONSTRAINT ck_pace_version_counts CHECK (version >= 1)
);

CREATE TRIGGER pace_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pace
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
