-- The sync's own tables, in its own schema. Every statement can run again.

-- Each publish: what it loaded, with which query, and what came of it. `load` is what <entity>_rows point at.
CREATE TABLE IF NOT EXISTS {sync_runs} (
    load         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity       text NOT NULL,
    run_id       text NOT NULL,
    dlt_load_ids text[] NOT NULL,
    query_sha256 text NOT NULL,
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    counts       jsonb
);
CREATE INDEX IF NOT EXISTS sync_runs_entity ON {sync_runs} (entity, load DESC);

-- The text of each query that ever ran.
CREATE TABLE IF NOT EXISTS {queries} (
    sha256     text PRIMARY KEY,
    entity     text NOT NULL,
    text       text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now()
);

-- Who took an entity's advisory lock last.
CREATE TABLE IF NOT EXISTS {locks} (
    entity      text PRIMARY KEY,
    run_id      text NOT NULL,
    host        text NOT NULL,
    pid         bigint NOT NULL,
    backend_pid int NOT NULL,
    since       timestamptz NOT NULL
);

-- Rows that cannot be published, or not whole. Keys are as long as the source likes, so their hash is indexed.
CREATE TABLE IF NOT EXISTS {dead_letters} (
    entity  text NOT NULL,
    key     text NOT NULL,
    reason  text NOT NULL,
    payload jsonb NOT NULL,
    since   timestamptz NOT NULL DEFAULT now(),
    run_id  text NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS dead_letters_key ON {dead_letters} (entity, md5(key));

-- Keys that the source deleted and the target no longer has: their children are gone too, instead of waiting for ever.
CREATE TABLE IF NOT EXISTS {tombstones} (
    entity     text NOT NULL,
    key        text NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS tombstones_key ON {tombstones} (entity, md5(key));

-- What to read again when a deleted parent comes back, where the parent's key alone does not tell.
CREATE TABLE IF NOT EXISTS {severed} (
    entity        text NOT NULL,
    column_name   text NOT NULL,
    key           text NOT NULL,
    parent_entity text NOT NULL,
    parent_key    text NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS severed_key
    ON {severed} (parent_entity, md5(parent_key), entity, column_name, md5(key));

-- Keys that the next sync reads again, whatever their stamps say.
CREATE TABLE IF NOT EXISTS {refetch} (
    entity      text NOT NULL,
    column_name text NOT NULL,
    key         text NOT NULL,
    since       timestamptz NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS refetch_key ON {refetch} (entity, column_name, md5(key));

-- Optional references whose parent is not there: the row is published with NULL and linked when the parent arrives.
CREATE TABLE IF NOT EXISTS {unlinked} (
    entity      text NOT NULL,
    id          uuid NOT NULL,
    column_name text NOT NULL,
    parent_key  text[] NOT NULL,
    since       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (entity, id, column_name)
);

-- The source columns of an entity, with the types that they had at first. Declared ones are called dataset.table.column;
-- those of the base table that the mapping does not know by their names, with the target_column that is added for them;
-- the base table itself is called *. filled_at is NULL while what the column feeds lacks rows that were not read with it.
CREATE TABLE IF NOT EXISTS {source_columns} (
    entity        text NOT NULL,
    name          text NOT NULL,
    type          text NOT NULL,
    target_column text,
    first_seen    timestamptz NOT NULL DEFAULT now(),
    filled_at     timestamptz,
    PRIMARY KEY (entity, name)
);

-- The last answer of BigQuery to each question about an entity, with the fingerprint of the question and of its tables:
-- 'read', for the rows that were published, and 'count', for how many there are.
CREATE TABLE IF NOT EXISTS {source_answers} (
    entity      text NOT NULL,
    question    text NOT NULL,
    fingerprint text NOT NULL,
    answer      jsonb NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (entity, question)
);

-- Comparisons of the two ends.
CREATE TABLE IF NOT EXISTS {reconciliations} (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity      text NOT NULL,
    run_id      text NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now(),
    status      text NOT NULL,
    counts      jsonb NOT NULL
);
