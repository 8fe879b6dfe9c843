-- Documents that are changed by compare-and-swap. Versions are never given twice, also not after a removal.
CREATE TABLE documents (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    key     TEXT NOT NULL UNIQUE,
    body    TEXT NOT NULL
) STRICT;
