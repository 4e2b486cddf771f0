-- Work that outlasts a request, and answers that are given again. Tables in the order of
-- geo_service/store/job_tables.py.

CREATE TABLE job (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    subject TEXT,
    state TEXT DEFAULT 'queued' NOT NULL,
    arguments JSONB NOT NULL,
    content BYTEA,
    who TEXT NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    interruptions INTEGER DEFAULT '0' NOT NULL,
    cancel_wanted BOOLEAN DEFAULT 'false' NOT NULL,
    phase TEXT,
    done INTEGER DEFAULT '0' NOT NULL,
    total INTEGER DEFAULT '0' NOT NULL,
    result JSONB,
    problem JSONB,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_job PRIMARY KEY (id),
    CONSTRAINT ck_job_state_is_known CHECK (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
    CONSTRAINT ck_job_done_has_result CHECK ((state = 'done') = (result is not null)),
    CONSTRAINT ck_job_failed_has_problem CHECK ((state = 'failed') = (problem is not null)),
    CONSTRAINT ck_job_ended_has_moment CHECK ((state in ('queued', 'running')) = (ended_at is null)),
    CONSTRAINT ck_job_done_is_part_of_total CHECK (done between 0 and total)
);

CREATE UNIQUE INDEX uq_job_one_at_a_time ON job (subject) WHERE state in ('queued', 'running');

CREATE TABLE kept_answer (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    status INTEGER NOT NULL,
    headers JSONB NOT NULL,
    body BYTEA NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_kept_answer PRIMARY KEY (principal, key)
);

CREATE INDEX ix_kept_answer_at ON kept_answer (at);
