-- When the watcher looks at an incident's clocks and cards next; null: nothing can become due by itself.

-- what went on before the upgrade is looked at once
ALTER TABLE incident_life ADD COLUMN watch_at TIMESTAMP WITH TIME ZONE DEFAULT 'epoch';

-- (and what has ended, if it left cards that nobody has lifted yet)
UPDATE incident_life SET watch_at = NULL
WHERE status IN ('closed', 'returned', 'transferred', 'void') AND NOT EXISTS (
    SELECT FROM escalation
    WHERE escalation.incident_id = incident_life.incident_id AND stage NOT IN ('answered', 'lifted')
);

CREATE INDEX ix_incident_life_watch_at ON incident_life (watch_at) WHERE watch_at IS NOT NULL;
