-- Lineage explains every change of a cell: what it kept, what became nobody's, what had been nobody's.

ALTER TABLE lineage DROP CONSTRAINT pk_lineage;
ALTER TABLE lineage ADD COLUMN id BIGINT GENERATED ALWAYS AS IDENTITY;
ALTER TABLE lineage ADD CONSTRAINT pk_lineage PRIMARY KEY (id);
ALTER TABLE lineage ADD CONSTRAINT uq_lineage_edition_id_from_cell_id_to_cell_id UNIQUE (edition_id, from_cell_id, to_cell_id);
ALTER TABLE lineage ALTER COLUMN from_cell_id DROP NOT NULL;
ALTER TABLE lineage ALTER COLUMN to_cell_id DROP NOT NULL;
ALTER TABLE lineage ALTER COLUMN share_land DROP NOT NULL;
ALTER TABLE lineage ADD COLUMN land_m2 DOUBLE PRECISION;
ALTER TABLE lineage DROP CONSTRAINT ck_lineage_kind_is_known;
ALTER TABLE lineage ADD CONSTRAINT ck_lineage_kind_is_known
    CHECK (kind in ('split', 'merge', 'recode', 'transfer', 'given_away', 'adopted', 'kept'));
ALTER TABLE lineage ADD CONSTRAINT ck_lineage_nobody_fits_kind
    CHECK ((from_cell_id is null) = (kind = 'adopted') and (to_cell_id is null) = (kind = 'given_away')
        and (share_land is null) = (kind = 'adopted'));

CREATE INDEX ix_lineage_from_cell_id ON lineage (from_cell_id);
