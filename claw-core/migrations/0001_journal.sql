-- Times are RFC 3339 in UTC with nine digits of a second, so that their order as text is their order in time.

CREATE TABLE runs (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    workflow    TEXT NOT NULL,
    input       TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('queued', 'running', 'waiting', 'done', 'failed', 'cancelled')),
    step        INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    not_before  TEXT,
    approval    TEXT,
    state       TEXT,
    report      TEXT,
    reason      TEXT,
    enqueued_at TEXT NOT NULL,
    updated_at  TEXT NOT NULL,
    resolved_at TEXT
) STRICT;

CREATE INDEX runs_unfinished ON runs (position) WHERE status IN ('queued', 'running', 'waiting');

-- What each step of a run ended with. Its state is kept with the run, and only the latest.
CREATE TABLE steps (
    run      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step     INTEGER NOT NULL,
    name     TEXT NOT NULL,
    outcome  TEXT NOT NULL CHECK (outcome IN ('continue', 'wait', 'done')),
    ended_at TEXT NOT NULL,
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;

-- Alerts that fire, and the run that each of them opened.
CREATE TABLE alerts (
    fingerprint TEXT PRIMARY KEY,
    starts_at   TEXT NOT NULL,
    run         TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX alerts_run ON alerts (run);

-- Reports on their way to the sinks.
CREATE TABLE deliveries (
    run        TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    sink       TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('pending', 'attempting', 'in_doubt', 'delivered', 'failed')),
    attempts   INTEGER NOT NULL,
    not_before TEXT,
    reason     TEXT,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (run, sink)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_open ON deliveries (run) WHERE state IN ('pending', 'attempting', 'in_doubt');
