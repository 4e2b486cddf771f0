-- The dispatcher's desk: whose phone is whose, its settings; nobody stays sent where nobody is at work.

CREATE TABLE principal_responder (
    principal_id INTEGER NOT NULL,
    responder_id INTEGER NOT NULL,
    CONSTRAINT pk_principal_responder PRIMARY KEY (principal_id),
    CONSTRAINT fk_principal_responder_principal_id_principal FOREIGN KEY(principal_id) REFERENCES principal (id),
    CONSTRAINT fk_principal_responder_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE
);
CREATE INDEX ix_principal_responder_responder_id ON principal_responder (responder_id);

CREATE TABLE desk_setting (
    version INTEGER NOT NULL,
    given JSONB NOT NULL,
    who TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_desk_setting PRIMARY KEY (version),
    CONSTRAINT ck_desk_setting_version_counts CHECK (version >= 1)
);

-- Whoever moves an incident, by whatever way: once nobody is at work on it, all who were sent are free again.
CREATE FUNCTION release_dispatches() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH released AS (
        UPDATE dispatch
        SET ended_at = greatest(clock_timestamp(), sent_at, accepted_at, arrived_at), -- also if it was set back
            outcome = CASE WHEN NEW.status IN ('handled', 'closed') AND arrived_at IS NOT NULL
                THEN 'done' ELSE 'cancelled' END,
            reason = 'the incident is ' || NEW.status
        WHERE incident_id = NEW.incident_id AND ended_at IS NULL
        RETURNING id, incident_id, responder_id, lead, outcome, reason
    )
    INSERT INTO outbox (topic, payload)
    SELECT 'dispatch.ended', jsonb_build_object(
        'id', released.id, 'incident_id', incident_id, 'responder', responder.code, 'lead', lead,
        'outcome', outcome, 'reason', reason
    )
    FROM released JOIN responder ON responder.id = released.responder_id;
    RETURN NULL;
END $$;

CREATE TRIGGER nobody_stays_sent AFTER UPDATE OF status ON incident_life
    FOR EACH ROW WHEN (
        NEW.status IS DISTINCT FROM OLD.status
        AND NEW.status IN ('accepted', 'handled', 'closed', 'suspended', 'returned', 'transferred', 'void')
    )
    EXECUTE FUNCTION release_dispatches();
