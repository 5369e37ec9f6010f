-- What was told, in order. `body` is there while it waits for delivery; the id stays, so that nothing is told twice.
CREATE TABLE IF NOT EXISTS emissions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    body TEXT,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'sent', 'refused', 'dropped')),
    reason TEXT,
    spooled REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS emissions_waiting ON emissions (seq) WHERE status = 'waiting';
CREATE INDEX IF NOT EXISTS emissions_spooled ON emissions (spooled);

-- The ids that a server gave to objects whose ids its API does not take.
CREATE TABLE IF NOT EXISTS ids (
    server TEXT NOT NULL,
    derived TEXT NOT NULL,
    given TEXT NOT NULL,
    PRIMARY KEY (server, derived)
);

-- The runs that are followed until they end.
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY,
    ended INTEGER NOT NULL DEFAULT 0,
    seen REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
