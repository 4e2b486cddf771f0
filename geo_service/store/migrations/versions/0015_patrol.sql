-- Patrols: figures by day and cell, counted from the tracks before these age out.

CREATE TABLE patrol_day (
    day DATE NOT NULL,
    fingerprint BYTEA NOT NULL,
    edition_id INTEGER NOT NULL,
    fixes INTEGER NOT NULL,
    matched INTEGER NOT NULL,
    counted_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_patrol_day PRIMARY KEY (day),
    CONSTRAINT ck_patrol_day_matched_of_fixes CHECK (matched between 0 and fixes),
    CONSTRAINT fk_patrol_day_edition_id_edition FOREIGN KEY(edition_id) REFERENCES edition (id)
);

CREATE TABLE patrol_cell_day (
    day DATE NOT NULL,
    cell_id INTEGER NOT NULL,
    street_m DOUBLE PRECISION NOT NULL,
    patrolled_m DOUBLE PRECISION NOT NULL,
    walked_m DOUBLE PRECISION NOT NULL,
    seconds BIGINT NOT NULL,
    person_times INTEGER NOT NULL,
    CONSTRAINT pk_patrol_cell_day PRIMARY KEY (day, cell_id),
    CONSTRAINT ck_patrol_cell_day_patrolled_of_streets CHECK (patrolled_m between 0 and street_m + 0.01),
    CONSTRAINT ck_patrol_cell_day_counts CHECK (walked_m >= 0 and seconds >= 0 and person_times >= 0),
    CONSTRAINT fk_patrol_cell_day_day_patrol_day FOREIGN KEY(day) REFERENCES patrol_day (day) ON DELETE CASCADE,
    CONSTRAINT fk_patrol_cell_day_cell_id_cell FOREIGN KEY(cell_id) REFERENCES cell (id)
);
CREATE INDEX ix_patrol_cell_day_cell_id ON patrol_cell_day (cell_id);
