-- Telling others: events in the order of commits, webhooks, and which land a caller sees.

CREATE SEQUENCE outbox_position;
ALTER TABLE outbox ADD COLUMN position BIGINT;
UPDATE outbox SET position = numbered.position
FROM (SELECT seq, row_number() OVER (ORDER BY xid, seq) AS position FROM outbox WHERE announced) AS numbered
WHERE outbox.seq = numbered.seq;
SELECT setval('outbox_position', coalesce(max(position), 0) + 1, false) FROM outbox;
ALTER TABLE outbox ADD CONSTRAINT uq_outbox_position UNIQUE (position);
DROP INDEX ix_outbox_waiting;
ALTER TABLE outbox DROP COLUMN announced;
CREATE INDEX ix_outbox_waiting ON outbox (xid, seq) WHERE position is null;

CREATE TABLE principal_scope (
    principal_id INTEGER NOT NULL,
    cell_id INTEGER NOT NULL,
    CONSTRAINT pk_principal_scope PRIMARY KEY (principal_id, cell_id),
    CONSTRAINT fk_principal_scope_principal_id_principal FOREIGN KEY(principal_id) REFERENCES principal (id),
    CONSTRAINT fk_principal_scope_cell_id_cell FOREIGN KEY(cell_id) REFERENCES cell (id)
);

CREATE TABLE webhook (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    topics TEXT[] DEFAULT '{}'::text[] NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    stopped_at TIMESTAMP WITH TIME ZONE,
    busy_until TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_webhook PRIMARY KEY (id),
    CONSTRAINT uq_webhook_name UNIQUE (name),
    CONSTRAINT ck_webhook_url_is_http CHECK (url ~ '^https?://')
);

CREATE TABLE delivery (
    webhook_id INTEGER NOT NULL,
    position BIGINT NOT NULL,
    topic TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT DEFAULT 'waiting' NOT NULL,
    attempts SMALLINT DEFAULT '0' NOT NULL,
    next_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    done_at TIMESTAMP WITH TIME ZONE,
    answer TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_delivery PRIMARY KEY (webhook_id, position),
    CONSTRAINT ck_delivery_state_is_known CHECK (state in ('waiting', 'delivered', 'dead')),
    CONSTRAINT fk_delivery_webhook_id_webhook FOREIGN KEY(webhook_id) REFERENCES webhook (id)
);
CREATE INDEX ix_delivery_waiting ON delivery (webhook_id, next_at) WHERE state = 'waiting';
