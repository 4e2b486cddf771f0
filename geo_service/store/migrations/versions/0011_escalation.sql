-- Escalation: supervision cards and whistles with their lines and rules; causes of breaches.

CREATE TABLE escalation_rules (
    version INTEGER NOT NULL,
    given JSONB NOT NULL,
    who TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_escalation_rules PRIMARY KEY (version),
    CONSTRAINT ck_escalation_rules_version_counts CHECK (version >= 1)
);

CREATE TABLE escalation (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    incident_id UUID NOT NULL,
    kind TEXT NOT NULL,
    phase TEXT,
    colour TEXT,
    round SMALLINT DEFAULT '0' NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
    issued_by TEXT NOT NULL,
    words TEXT DEFAULT '' NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    stage TEXT NOT NULL,
    rungs JSONB NOT NULL,
    request_s INTEGER NOT NULL,
    rung SMALLINT NOT NULL,
    cell_id INTEGER,
    climbs_at TIMESTAMP WITH TIME ZONE,
    request_key TEXT,
    CONSTRAINT pk_escalation PRIMARY KEY (id),
    CONSTRAINT uq_escalation_incident_id_phase_colour_round UNIQUE (incident_id, phase, colour, round),
    CONSTRAINT uq_escalation_incident_id_request_key UNIQUE (incident_id, request_key),
    CONSTRAINT ck_escalation_kind_is_known CHECK (kind in ('card', 'whistle')),
    CONSTRAINT ck_escalation_card_has_phase_and_colour CHECK ((kind = 'card') = (phase is not null and colour is not null)),
    CONSTRAINT ck_escalation_phase_is_known CHECK (phase in ('arrive', 'handle', 'close')),
    CONSTRAINT ck_escalation_colour_is_known CHECK (colour in ('yellow', 'red')),
    CONSTRAINT ck_escalation_stage_is_known CHECK (stage in ('called', 'acknowledged', 'arrived', 'answered', 'lifted')),
    CONSTRAINT ck_escalation_over_is_over CHECK (stage not in ('answered', 'lifted') or climbs_at is null),
    CONSTRAINT fk_escalation_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id),
    CONSTRAINT fk_escalation_cell_id_cell FOREIGN KEY(cell_id) REFERENCES cell (id)
);
CREATE INDEX ix_escalation_climbs_at ON escalation (climbs_at) WHERE climbs_at is not null;
CREATE INDEX ix_escalation_open ON escalation (id) WHERE stage not in ('answered', 'lifted');

CREATE TABLE escalation_line (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    escalation_id BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    rung SMALLINT,
    cell_id INTEGER,
    people JSONB DEFAULT '[]'::jsonb NOT NULL,
    words TEXT DEFAULT '' NOT NULL,
    request_key TEXT,
    CONSTRAINT pk_escalation_line PRIMARY KEY (id),
    CONSTRAINT uq_escalation_line_escalation_id_request_key UNIQUE (escalation_id, request_key),
    CONSTRAINT ck_escalation_line_what_is_known CHECK (what in ('issue', 'call', 'acknowledge', 'arrive', 'answer', 'lift')),
    CONSTRAINT fk_escalation_line_escalation_id_escalation FOREIGN KEY(escalation_id) REFERENCES escalation (id),
    CONSTRAINT fk_escalation_line_cell_id_cell FOREIGN KEY(cell_id) REFERENCES cell (id)
);
CREATE UNIQUE INDEX ux_escalation_line_escalation_id_rung ON escalation_line (escalation_id, rung) WHERE what = 'call';

CREATE TABLE breach (
    incident_id UUID NOT NULL,
    revision INTEGER NOT NULL,
    network_id INTEGER NOT NULL,
    cause TEXT NOT NULL,
    numbers JSONB NOT NULL,
    found_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_breach PRIMARY KEY (incident_id),
    CONSTRAINT fk_breach_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id) ON DELETE CASCADE
);

CREATE TRIGGER escalation_line_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON escalation_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
