-- By which rule duplicates are merged; since when and until when premises are there.

CREATE TABLE duplicate_rule (
    version INTEGER NOT NULL,
    given JSONB NOT NULL,
    who TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_duplicate_rule PRIMARY KEY (version),
    CONSTRAINT ck_duplicate_rule_version_counts CHECK (version >= 1)
);

ALTER TABLE premises
    DROP CONSTRAINT pk_premises,
    ADD COLUMN id INTEGER GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_premises PRIMARY KEY,
    ADD COLUMN valid_during TSTZRANGE DEFAULT tstzrange(null, null) NOT NULL,
    ADD CONSTRAINT ck_premises_valid_for_a_while CHECK (not isempty(valid_during)),
    ADD CONSTRAINT ex_premises_one_at_a_time EXCLUDE USING gist (code WITH =, valid_during WITH &&);
