-- The tables of the spine. Extensions and the schema "extensions" exist already.

CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details JSONB NOT NULL,
    chain BYTEA NOT NULL,
    CONSTRAINT pk_audit PRIMARY KEY (id)
);

CREATE TABLE demand_point (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    source_id TEXT NOT NULL,
    geom extensions.geometry(POINT,4326) NOT NULL,
    footprint extensions.geometry(POLYGON,4326),
    households INTEGER DEFAULT '0' NOT NULL,
    residents INTEGER DEFAULT '0' NOT NULL,
    kind TEXT DEFAULT 'building' NOT NULL,
    address TEXT DEFAULT '' NOT NULL,
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT pk_demand_point PRIMARY KEY (id),
    CONSTRAINT ck_demand_point_counts CHECK (households between 0 and 100000 and residents between 0 and 1000000),
    CONSTRAINT uq_demand_point_source_id UNIQUE (source_id)
);
CREATE INDEX ix_demand_point_footprint ON demand_point USING gist (footprint);
CREATE INDEX ix_demand_point_geom ON demand_point USING gist (geom);

CREATE TABLE edition (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    note TEXT DEFAULT '' NOT NULL,
    published_by TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    digest BYTEA NOT NULL,
    tolerance_m DOUBLE PRECISION DEFAULT '0' NOT NULL,
    CONSTRAINT pk_edition PRIMARY KEY (id)
);

CREATE TABLE incident (
    id UUID NOT NULL,
    source TEXT NOT NULL,
    source_id TEXT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    geom extensions.geometry(POINT,4326),
    accuracy_m REAL,
    floor SMALLINT,
    category TEXT DEFAULT '' NOT NULL,
    urgency TEXT DEFAULT 'normal' NOT NULL,
    channel TEXT DEFAULT 'web' NOT NULL,
    address TEXT DEFAULT '' NOT NULL,
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL,
    reported_by TEXT NOT NULL,
    CONSTRAINT pk_incident PRIMARY KEY (id),
    CONSTRAINT uq_incident_source_source_id UNIQUE (source, source_id),
    CONSTRAINT ck_incident_point_on_earth CHECK (geom is null or (extensions.st_x(geom) between -180 and 180 and extensions.st_y(geom) between -90 and 90)),
    CONSTRAINT ck_incident_accuracy_is_finite CHECK (accuracy_m >= 0 and accuracy_m < 'infinity'::float4),
    CONSTRAINT ck_incident_moment_in_range CHECK (occurred_at >= '1900-01-01Z' and occurred_at < '2201-01-01Z'),
    CONSTRAINT ck_incident_urgency_is_known CHECK (urgency in ('low', 'normal', 'urgent', 'critical'))
);
CREATE INDEX ix_incident_geom ON incident USING gist (geom);
CREATE INDEX ix_incident_occurred_at_id ON incident (occurred_at, id);
CREATE INDEX ix_incident_recorded_at ON incident USING brin (recorded_at);

CREATE TABLE level (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    depth SMALLINT NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    CONSTRAINT pk_level PRIMARY KEY (id),
    CONSTRAINT ck_level_code_is_a_word CHECK (code ~ '^[a-z][a-z0-9_]{0,31}$'),
    CONSTRAINT ck_level_depth_from_the_top CHECK (depth >= 0),
    CONSTRAINT uq_level_code UNIQUE (code),
    CONSTRAINT uq_level_depth UNIQUE (depth) DEFERRABLE
);

CREATE TABLE map_feature (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    geom extensions.geometry(GEOMETRY,4326) NOT NULL,
    geom3857 extensions.geometry(GEOMETRY,3857) GENERATED ALWAYS AS (extensions.st_transform(geom, 3857)) STORED,
    CONSTRAINT pk_map_feature PRIMARY KEY (id)
);
CREATE INDEX ix_map_feature_geom3857 ON map_feature USING gist (geom3857);
CREATE INDEX ix_map_feature_source ON map_feature (source);

CREATE TABLE outbox (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    topic TEXT NOT NULL,
    payload JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    announced BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_outbox PRIMARY KEY (seq)
);
CREATE INDEX ix_outbox_created_at ON outbox (created_at);
CREATE INDEX ix_outbox_waiting ON outbox (xid, seq) WHERE not announced;

CREATE TABLE post (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    geom extensions.geometry(POINT,4326) NOT NULL,
    CONSTRAINT pk_post PRIMARY KEY (id),
    CONSTRAINT uq_post_code UNIQUE (code)
);

CREATE TABLE principal (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    key_sha256 BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_principal PRIMARY KEY (id),
    CONSTRAINT ck_principal_role_is_known CHECK (role in ('admin', 'planner', 'dispatcher', 'leader', 'worker', 'device')),
    CONSTRAINT uq_principal_name UNIQUE (name),
    CONSTRAINT uq_principal_key_sha256 UNIQUE (key_sha256)
);

CREATE TABLE responder (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    mode TEXT NOT NULL,
    geom extensions.geometry(POINT,4326),
    capabilities JSONB DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT pk_responder PRIMARY KEY (id),
    CONSTRAINT ck_responder_mode_is_known CHECK (mode in ('walk', 'ebike', 'car')),
    CONSTRAINT uq_responder_code UNIQUE (code)
);

CREATE TABLE road_network (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    report JSONB NOT NULL,
    in_use BOOLEAN DEFAULT true NOT NULL,
    imported_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_road_network PRIMARY KEY (id)
);
CREATE UNIQUE INDEX uq_road_network_in_use ON road_network (in_use) WHERE in_use;

CREATE TABLE cell (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    level_id INTEGER NOT NULL,
    code TEXT NOT NULL,
    CONSTRAINT pk_cell PRIMARY KEY (id),
    CONSTRAINT uq_cell_level_id_code UNIQUE (level_id, code),
    CONSTRAINT ck_cell_code_has_a_length CHECK (length(code) between 1 and 64),
    CONSTRAINT fk_cell_level_id_level FOREIGN KEY(level_id) REFERENCES level (id)
);

CREATE TABLE coverage_run (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    edition_id INTEGER NOT NULL,
    network_id INTEGER NOT NULL,
    mode TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    limit_s INTEGER NOT NULL,
    fingerprint BYTEA NOT NULL,
    summary JSONB NOT NULL,
    computed_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_coverage_run PRIMARY KEY (id),
    CONSTRAINT fk_coverage_run_edition_id_edition FOREIGN KEY(edition_id) REFERENCES edition (id),
    CONSTRAINT fk_coverage_run_network_id_road_network FOREIGN KEY(network_id) REFERENCES road_network (id) ON DELETE CASCADE,
    CONSTRAINT uq_coverage_run_fingerprint UNIQUE (fingerprint)
);

CREATE TABLE edition_span (
    edition_id INTEGER NOT NULL,
    valid_during TSTZRANGE NOT NULL,
    recorded_during TSTZRANGE NOT NULL,
    CONSTRAINT ex_edition_span_one_in_force EXCLUDE USING gist (valid_during WITH &&, recorded_during WITH &&),
    CONSTRAINT ck_edition_span_not_empty CHECK (not isempty(valid_during) and not isempty(recorded_during)),
    CONSTRAINT fk_edition_span_edition_id_edition FOREIGN KEY(edition_id) REFERENCES edition (id)
);

CREATE TABLE post_window (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    post_id INTEGER NOT NULL,
    responder_id INTEGER NOT NULL,
    weekday SMALLINT NOT NULL,
    start_local TIME WITHOUT TIME ZONE NOT NULL,
    end_local TIME WITHOUT TIME ZONE NOT NULL,
    timezone TEXT DEFAULT 'Asia/Shanghai' NOT NULL,
    CONSTRAINT pk_post_window PRIMARY KEY (id),
    CONSTRAINT uq_post_window_post_id_responder_id_weekday_start_local UNIQUE (post_id, responder_id, weekday, start_local),
    CONSTRAINT ck_post_window_within_a_day CHECK (weekday between 1 and 7 and end_local > start_local),
    CONSTRAINT fk_post_window_post_id_post FOREIGN KEY(post_id) REFERENCES post (id) ON DELETE CASCADE,
    CONSTRAINT fk_post_window_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE
);

CREATE TABLE responder_contact (
    responder_id INTEGER NOT NULL,
    phone TEXT NOT NULL,
    CONSTRAINT pk_responder_contact PRIMARY KEY (responder_id),
    CONSTRAINT fk_responder_contact_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE
);

CREATE TABLE road_edge (
    network_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    u BIGINT NOT NULL,
    v BIGINT NOT NULL,
    length_m DOUBLE PRECISION NOT NULL,
    class TEXT NOT NULL,
    access SMALLINT NOT NULL,
    maxspeed_kmh REAL NOT NULL,
    name TEXT NOT NULL,
    geom extensions.geometry(LINESTRING,4326) NOT NULL,
    geom3857 extensions.geometry(LINESTRING,3857) GENERATED ALWAYS AS (extensions.st_transform(geom, 3857)) STORED,
    CONSTRAINT pk_road_edge PRIMARY KEY (network_id, id),
    CONSTRAINT ck_road_edge_length_is_finite CHECK (length_m >= 0 and length_m < 'infinity'::float8),
    CONSTRAINT fk_road_edge_network_id_road_network FOREIGN KEY(network_id) REFERENCES road_network (id) ON DELETE CASCADE
);
CREATE INDEX ix_road_edge_geom3857 ON road_edge USING gist (geom3857);

CREATE TABLE road_node (
    network_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    block SMALLINT NOT NULL,
    geom extensions.geometry(POINT,4326) NOT NULL,
    CONSTRAINT pk_road_node PRIMARY KEY (network_id, id),
    CONSTRAINT fk_road_node_network_id_road_network FOREIGN KEY(network_id) REFERENCES road_network (id) ON DELETE CASCADE
);

CREATE TABLE rota (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    responder_id INTEGER NOT NULL,
    weekday SMALLINT NOT NULL,
    start_local TIME WITHOUT TIME ZONE NOT NULL,
    end_local TIME WITHOUT TIME ZONE NOT NULL,
    timezone TEXT DEFAULT 'Asia/Shanghai' NOT NULL,
    CONSTRAINT pk_rota PRIMARY KEY (id),
    CONSTRAINT uq_rota_responder_id_weekday_start_local UNIQUE (responder_id, weekday, start_local),
    CONSTRAINT ck_rota_iso_weekday CHECK (weekday between 1 and 7),
    CONSTRAINT fk_rota_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE
);

CREATE TABLE shift (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    responder_id INTEGER NOT NULL,
    on_duty TSTZRANGE NOT NULL,
    CONSTRAINT pk_shift PRIMARY KEY (id),
    CONSTRAINT ex_shift_one_at_a_time EXCLUDE USING gist (responder_id WITH =, on_duty WITH &&),
    CONSTRAINT ck_shift_bounded CHECK (not isempty(on_duty) and not lower_inf(on_duty) and not upper_inf(on_duty)),
    CONSTRAINT fk_shift_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE
);
CREATE INDEX ix_shift_on_duty ON shift USING gist (on_duty);

CREATE TABLE cell_version (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    cell_id INTEGER NOT NULL,
    parent_id INTEGER,
    editions INT4RANGE NOT NULL,
    kind TEXT DEFAULT 'regular' NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL,
    geom extensions.geometry(MULTIPOLYGON,4326),
    CONSTRAINT ck_cell_version_kind_is_known CHECK (kind in ('regular', 'dedicated', 'street_face')),
    CONSTRAINT pk_cell_version PRIMARY KEY (id),
    CONSTRAINT ex_cell_version_one_each EXCLUDE USING gist (cell_id WITH =, editions WITH &&),
    CONSTRAINT ck_cell_version_shape_not_empty CHECK (geom is null or not extensions.st_isempty(geom)),
    CONSTRAINT ck_cell_version_editions_not_empty CHECK (not isempty(editions)),
    CONSTRAINT fk_cell_version_cell_id_cell FOREIGN KEY(cell_id) REFERENCES cell (id),
    CONSTRAINT fk_cell_version_parent_id_cell FOREIGN KEY(parent_id) REFERENCES cell (id)
);
CREATE INDEX ix_cell_version_editions_geom ON cell_version USING gist (editions, geom);
CREATE INDEX ix_cell_version_parent_id ON cell_version (parent_id);

CREATE TABLE coverage_cell (
    run_id INTEGER NOT NULL,
    cell_id INTEGER NOT NULL,
    weight DOUBLE PRECISION NOT NULL,
    covered_weight DOUBLE PRECISION NOT NULL,
    by_area BOOLEAN NOT NULL,
    median_s REAL,
    worst_s REAL,
    CONSTRAINT pk_coverage_cell PRIMARY KEY (run_id, cell_id),
    CONSTRAINT fk_coverage_cell_run_id_coverage_run FOREIGN KEY(run_id) REFERENCES coverage_run (id) ON DELETE CASCADE,
    CONSTRAINT fk_coverage_cell_cell_id_cell FOREIGN KEY(cell_id) REFERENCES cell (id)
);

CREATE TABLE duty (
    responder_id INTEGER NOT NULL,
    cell_id INTEGER NOT NULL,
    role TEXT NOT NULL,
    held_during TSTZRANGE NOT NULL,
    CONSTRAINT ex_duty_held_once EXCLUDE USING gist (responder_id WITH =, cell_id WITH =, role WITH =, held_during WITH &&),
    CONSTRAINT fk_duty_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE,
    CONSTRAINT fk_duty_cell_id_cell FOREIGN KEY(cell_id) REFERENCES cell (id)
);
CREATE INDEX ix_duty_cell_id ON duty (cell_id);

CREATE TABLE placement (
    incident_id UUID NOT NULL,
    since_edition INTEGER NOT NULL,
    until_edition INTEGER,
    cell_id INTEGER,
    how TEXT NOT NULL,
    border_m REAL,
    runner_up_id INTEGER,
    CONSTRAINT pk_placement PRIMARY KEY (incident_id, since_edition),
    CONSTRAINT ck_placement_editions_not_empty CHECK (until_edition > since_edition),
    CONSTRAINT ck_placement_how_is_known CHECK (how in ('inside', 'on_edge', 'near_gap', 'none')),
    CONSTRAINT ck_placement_cell_fits_how CHECK ((how in ('inside', 'on_edge')) = (cell_id is not null)),
    CONSTRAINT fk_placement_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id) ON DELETE CASCADE,
    CONSTRAINT fk_placement_since_edition_edition FOREIGN KEY(since_edition) REFERENCES edition (id),
    CONSTRAINT fk_placement_cell_id_cell FOREIGN KEY(cell_id) REFERENCES cell (id),
    CONSTRAINT fk_placement_runner_up_id_cell FOREIGN KEY(runner_up_id) REFERENCES cell (id)
);
CREATE INDEX ix_placement_cell_id ON placement (cell_id);
CREATE UNIQUE INDEX ux_placement_incident_id_open ON placement (incident_id) WHERE until_edition is null;

-- Append-only: not even the owner changes or removes a line by mistake.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only';
END $$;

CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
