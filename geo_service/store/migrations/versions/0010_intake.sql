-- Intake: a report may name a cell or a building; premises, photos, sources of signed reports, settings.

ALTER TABLE incident
    ADD COLUMN named_cell_id INTEGER CONSTRAINT fk_incident_named_cell_id_cell REFERENCES cell (id),
    ADD COLUMN building TEXT,
    ADD COLUMN datum TEXT DEFAULT 'WGS84' NOT NULL,
    ADD COLUMN flags JSONB DEFAULT '[]'::jsonb NOT NULL,
    ADD COLUMN relocated_at TIMESTAMP WITH TIME ZONE,
    ADD CONSTRAINT ck_incident_one_place CHECK (geom is null or named_cell_id is null);
CREATE INDEX ix_incident_relocated_at ON incident (relocated_at) WHERE relocated_at is not null;

ALTER TABLE placement
    DROP CONSTRAINT ck_placement_how_is_known,
    DROP CONSTRAINT ck_placement_cell_fits_how,
    ADD CONSTRAINT ck_placement_how_is_known CHECK (how in ('inside', 'on_edge', 'by_cell', 'near_gap', 'none')),
    ADD CONSTRAINT ck_placement_cell_fits_how CHECK ((how in ('inside', 'on_edge', 'by_cell')) = (cell_id is not null));

CREATE TABLE premises (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT DEFAULT '' NOT NULL,
    responsible_unit TEXT NOT NULL,
    geom extensions.geometry(MULTIPOLYGON,4326) NOT NULL,
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_premises PRIMARY KEY (code),
    CONSTRAINT ck_premises_code_has_a_length CHECK (length(code) between 1 and 64),
    CONSTRAINT ck_premises_shape_not_empty CHECK (not extensions.st_isempty(geom))
);
CREATE INDEX ix_premises_geom ON premises USING gist (geom);

CREATE TABLE incident_photo (
    incident_id UUID NOT NULL,
    sha256 BYTEA NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    who TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_incident_photo PRIMARY KEY (incident_id, sha256),
    CONSTRAINT ck_incident_photo_type_is_known CHECK (media_type in ('image/jpeg', 'image/png', 'image/webp')),
    CONSTRAINT ck_incident_photo_is_whole CHECK (length(sha256) = 32 and size_bytes > 0),
    CONSTRAINT fk_incident_photo_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id) ON DELETE CASCADE
);

CREATE TABLE webhook_source (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    channel TEXT NOT NULL,
    secret BYTEA NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_webhook_source PRIMARY KEY (id),
    CONSTRAINT ck_webhook_source_channel_is_known CHECK (channel in ('call', 'hotline', 'worker', 'sensor', 'web')),
    CONSTRAINT ck_webhook_source_name_has_a_length CHECK (length(name) between 1 and 100),
    CONSTRAINT ck_webhook_source_secret_is_long CHECK (length(secret) >= 24),
    CONSTRAINT uq_webhook_source_name UNIQUE (name)
);

CREATE TABLE setting (
    subject TEXT NOT NULL,
    version INTEGER NOT NULL,
    value JSONB NOT NULL,
    who TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_setting PRIMARY KEY (subject, version),
    CONSTRAINT ck_setting_version_counts CHECK (version >= 1)
);

-- Every two neighbouring characters of an address, in one width and case, without blanks: what holds all pairs
-- of a question may hold the question.
CREATE FUNCTION address_pairs(address TEXT) RETURNS TEXT[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (
        SELECT coalesce(array_agg(DISTINCT substr(plain, i, 2)), '{}')
        FROM (SELECT regexp_replace(lower(normalize(address, NFKC)), '\s', '', 'g') AS plain) AS whole,
            generate_series(1, length(plain) - 1) AS i
    );
CREATE INDEX ix_demand_point_address_pairs ON demand_point USING gin (address_pairs(address));
