-- The state of a run between two steps, packed. Runs under way begin anew: their steps so far have only read.
ALTER TABLE runs ADD COLUMN snapshot BLOB;

DELETE FROM steps WHERE run IN (SELECT id FROM runs WHERE status IN ('queued', 'running', 'waiting'));
UPDATE runs SET step = 0, attempts = 0, status = 'queued', not_before = NULL, approval = NULL
    WHERE status IN ('queued', 'running', 'waiting');

ALTER TABLE runs DROP COLUMN state;
