-- Approvals that were decided. A decision may come before the run that asked for it is known to wait.
CREATE TABLE decisions (
    approval   TEXT PRIMARY KEY,
    decided_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
