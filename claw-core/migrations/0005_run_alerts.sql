-- Every alert that belongs to a run, also after it is over. The table alerts has those that fire.
CREATE TABLE run_alerts (
    run         TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    starts_at   TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    -- Empty where it opened the run.
    joined_at   TEXT,
    -- The alert as it joined; of those that opened the run the input tells.
    body        TEXT,
    in_input    INTEGER NOT NULL,
    ended_at    TEXT,
    PRIMARY KEY (run, starts_at, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE INDEX run_alerts_firing ON run_alerts (fingerprint) WHERE ended_at IS NULL;
CREATE INDEX runs_enqueued ON runs (enqueued_at);

-- Of runs that were queued before, those alerts are known that still fire.
INSERT INTO run_alerts (run, starts_at, fingerprint, in_input) SELECT run, starts_at, fingerprint, 1 FROM alerts;
