-- Siting: what was asked, from what it is answered, and the best answer so far.

CREATE TABLE siting_run (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    edition_id INTEGER NOT NULL,
    question JSONB NOT NULL,
    fingerprint BYTEA,
    who TEXT NOT NULL,
    answer JSONB,
    is_proved BOOLEAN DEFAULT 'false' NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    answered_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_siting_run PRIMARY KEY (id),
    CONSTRAINT ck_siting_run_answer_has_moment CHECK ((answer is null) = (answered_at is null)),
    CONSTRAINT ck_siting_run_answer_has_inputs CHECK ((answer is null) = (fingerprint is null)),
    CONSTRAINT ck_siting_run_proof_of_answer CHECK (not is_proved or answer is not null),
    CONSTRAINT fk_siting_run_edition_id_edition FOREIGN KEY(edition_id) REFERENCES edition (id)
);
CREATE INDEX ix_siting_run_fingerprint ON siting_run (fingerprint);
