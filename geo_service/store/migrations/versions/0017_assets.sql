-- Assets: cameras, police rooms, centres and shops, and how far they reach.

CREATE TABLE asset (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    geom extensions.geometry(POINT,4326) NOT NULL,
    reach_m DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_asset PRIMARY KEY (id),
    CONSTRAINT ck_asset_kind_is_known CHECK (kind in ('camera', 'police_room', 'centre', 'shop')),
    CONSTRAINT ck_asset_reach_is_near CHECK (reach_m > 0 and reach_m <= 20000),
    CONSTRAINT uq_asset_code UNIQUE (code)
);
CREATE INDEX ix_asset_kind ON asset (kind);
