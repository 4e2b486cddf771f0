-- The tables of dispatching: lives of incidents, categories and standards, positions, who is sent.

CREATE TABLE category (
    code TEXT NOT NULL,
    parent_code TEXT,
    kind TEXT NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    urgency TEXT DEFAULT 'normal' NOT NULL,
    capabilities TEXT[] DEFAULT '{}'::text[] NOT NULL,
    retired_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_category PRIMARY KEY (code),
    CONSTRAINT ck_category_kind_is_known CHECK (kind in ('component', 'event')),
    CONSTRAINT ck_category_urgency_is_known CHECK (urgency in ('low', 'normal', 'urgent', 'critical')),
    CONSTRAINT ck_category_code_is_a_word CHECK (code ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'),
    CONSTRAINT fk_category_parent_code_category FOREIGN KEY(parent_code) REFERENCES category (code)
);

CREATE TABLE response_standard (
    code TEXT NOT NULL,
    position INTEGER NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    arrive_s INTEGER NOT NULL,
    handle_s INTEGER NOT NULL,
    close_s INTEGER NOT NULL,
    arrive_from TEXT DEFAULT 'reported' NOT NULL,
    handle_from TEXT DEFAULT 'reported' NOT NULL,
    close_from TEXT DEFAULT 'reported' NOT NULL,
    pausable TEXT[] DEFAULT '{}'::text[] NOT NULL,
    categories TEXT[] DEFAULT '{}'::text[] NOT NULL,
    urgencies TEXT[] DEFAULT '{}'::text[] NOT NULL,
    cells TEXT[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT pk_response_standard PRIMARY KEY (code),
    CONSTRAINT ck_response_standard_limits_are_positive CHECK (least(arrive_s, handle_s, close_s) > 0)
);

CREATE TABLE incident_life (
    incident_id UUID NOT NULL,
    status TEXT NOT NULL,
    suspended_from TEXT,
    revision INTEGER DEFAULT '0' NOT NULL,
    reported_at TIMESTAMP WITH TIME ZONE NOT NULL,
    accepted_at TIMESTAMP WITH TIME ZONE,
    dispatched_at TIMESTAMP WITH TIME ZONE,
    arrived_at TIMESTAMP WITH TIME ZONE,
    handled_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    replied_at TIMESTAMP WITH TIME ZONE,
    last_at TIMESTAMP WITH TIME ZONE,
    pauses TSTZMULTIRANGE DEFAULT '{}'::tstzmultirange NOT NULL,
    standard JSONB NOT NULL,
    arrive_due_at TIMESTAMP WITH TIME ZONE,
    handle_due_at TIMESTAMP WITH TIME ZONE,
    close_due_at TIMESTAMP WITH TIME ZONE,
    next_due_at TIMESTAMP WITH TIME ZONE,
    duplicate_of UUID,
    CONSTRAINT pk_incident_life PRIMARY KEY (incident_id),
    CONSTRAINT ck_incident_life_status_is_known CHECK (status in ('reported', 'accepted', 'dispatched', 'arrived', 'handled', 'closed', 'suspended', 'returned', 'transferred', 'void')),
    CONSTRAINT ck_incident_life_suspended_from_somewhere CHECK ((status = 'suspended') = (suspended_from is not null)),
    CONSTRAINT ck_incident_life_closed_has_a_moment CHECK ((status = 'closed') = (closed_at is not null)),
    CONSTRAINT ck_incident_life_no_duplicate_of_itself CHECK (duplicate_of <> incident_id),
    CONSTRAINT fk_incident_life_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id) ON DELETE CASCADE,
    CONSTRAINT fk_incident_life_duplicate_of_incident FOREIGN KEY(duplicate_of) REFERENCES incident (id)
);
CREATE INDEX ix_incident_life_open ON incident_life (next_due_at) WHERE status not in ('closed', 'returned', 'transferred', 'void');
CREATE INDEX ix_incident_life_reported_at ON incident_life (reported_at);

CREATE TABLE incident_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    incident_id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    who TEXT NOT NULL,
    move TEXT NOT NULL,
    from_status TEXT,
    to_status TEXT,
    reason TEXT DEFAULT '' NOT NULL,
    details JSONB DEFAULT '{}'::jsonb NOT NULL,
    request_key TEXT,
    CONSTRAINT pk_incident_log PRIMARY KEY (id),
    CONSTRAINT uq_incident_log_incident_id_request_key UNIQUE (incident_id, request_key),
    CONSTRAINT fk_incident_log_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id)
);

CREATE TABLE dispatch (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    incident_id UUID NOT NULL,
    responder_id INTEGER NOT NULL,
    lead BOOLEAN DEFAULT true NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE NOT NULL,
    sent_by TEXT NOT NULL,
    travel_s REAL,
    mode TEXT,
    from_lon DOUBLE PRECISION,
    from_lat DOUBLE PRECISION,
    accepted_at TIMESTAMP WITH TIME ZONE,
    arrived_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    outcome TEXT,
    reason TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_dispatch PRIMARY KEY (id),
    CONSTRAINT ck_dispatch_outcome_is_known CHECK (outcome in ('done', 'declined', 'cancelled', 'handed_over')),
    CONSTRAINT ck_dispatch_ended_has_an_outcome CHECK ((ended_at is null) = (outcome is null)),
    CONSTRAINT fk_dispatch_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id),
    CONSTRAINT fk_dispatch_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id)
);
CREATE INDEX ix_dispatch_incident_id ON dispatch (incident_id);
CREATE UNIQUE INDEX ux_dispatch_incident_id_lead ON dispatch (incident_id) WHERE lead and ended_at is null;
CREATE UNIQUE INDEX ux_dispatch_responder_id_open ON dispatch (responder_id) WHERE ended_at is null;

CREATE TABLE position_fix (
    responder_id INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    lon DOUBLE PRECISION NOT NULL,
    lat DOUBLE PRECISION NOT NULL,
    accuracy_m REAL,
    CONSTRAINT pk_position_fix PRIMARY KEY (responder_id, at),
    CONSTRAINT ck_position_fix_on_earth CHECK (lon between -180 and 180 and lat between -90 and 90)
)
 PARTITION BY RANGE (at);

CREATE TABLE position_latest (
    responder_id INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    lon DOUBLE PRECISION NOT NULL,
    lat DOUBLE PRECISION NOT NULL,
    accuracy_m REAL,
    received_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_position_latest PRIMARY KEY (responder_id),
    CONSTRAINT ck_position_latest_on_earth CHECK (lon between -180 and 180 and lat between -90 and 90),
    CONSTRAINT fk_position_latest_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE
);
CREATE INDEX ix_position_latest_received_at ON position_latest (received_at);

CREATE TRIGGER incident_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON incident_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
