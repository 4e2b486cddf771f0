-- Fixed routes: lines that are patrolled so often in a week, whose turn it is, and what was walked of them.

CREATE TABLE patrol_route (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    geom extensions.geometry(LINESTRING,4326) NOT NULL,
    days_a_week SMALLINT NOT NULL,
    from_min SMALLINT NOT NULL,
    to_min SMALLINT NOT NULL,
    retired_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_patrol_route PRIMARY KEY (id),
    CONSTRAINT ck_patrol_route_days_of_a_week CHECK (days_a_week between 1 and 7),
    CONSTRAINT ck_patrol_route_a_window CHECK (from_min between 0 and 1439 and to_min > from_min and to_min <= from_min + 1440),
    CONSTRAINT uq_patrol_route_code UNIQUE (code)
);

CREATE TABLE patrol_route_turn (
    monday DATE NOT NULL,
    route_id INTEGER NOT NULL,
    day DATE NOT NULL,
    responder_id INTEGER NOT NULL,
    CONSTRAINT pk_patrol_route_turn PRIMARY KEY (route_id, day),
    CONSTRAINT ck_patrol_route_turn_within_its_week CHECK (day between monday and monday + 6),
    CONSTRAINT fk_patrol_route_turn_monday_patrol_week FOREIGN KEY(monday) REFERENCES patrol_week (monday) ON DELETE CASCADE,
    CONSTRAINT fk_patrol_route_turn_route_id_patrol_route FOREIGN KEY(route_id) REFERENCES patrol_route (id),
    CONSTRAINT fk_patrol_route_turn_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE
);
CREATE INDEX ix_patrol_route_turn_monday ON patrol_route_turn (monday);
CREATE INDEX ix_patrol_route_turn_responder_id ON patrol_route_turn (responder_id);

CREATE TABLE patrol_route_day (
    day DATE NOT NULL,
    route_id INTEGER NOT NULL,
    length_m DOUBLE PRECISION NOT NULL,
    walked_m DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_patrol_route_day PRIMARY KEY (day, route_id),
    CONSTRAINT ck_patrol_route_day_walked_of_its_length CHECK (walked_m between 0 and length_m + 0.01),
    CONSTRAINT fk_patrol_route_day_day_patrol_day FOREIGN KEY(day) REFERENCES patrol_day (day) ON DELETE CASCADE,
    CONSTRAINT fk_patrol_route_day_route_id_patrol_route FOREIGN KEY(route_id) REFERENCES patrol_route (id)
);
CREATE INDEX ix_patrol_route_day_route_id ON patrol_route_day (route_id);
