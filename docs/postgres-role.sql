-- The sync's own role in the application's database: what it needs, and no more.
-- Run as the owner of the application's tables, with a password of your own:
--   psql "$DATABASE_URL" -v password="'…'" -f docs/postgres-role.sql
-- `call-coach doctor` then tells what is missing, or too much.

CREATE ROLE call_coach_sync LOGIN PASSWORD :password NOSUPERUSER NOCREATEDB NOCREATEROLE;
GRANT USAGE ON SCHEMA public TO call_coach_sync;

-- The six targets and the freshness banner.
GRANT SELECT, INSERT, UPDATE, DELETE
   ON calls, speakers, transcripts, opportunities, call_opportunities, emails TO call_coach_sync;
GRANT SELECT, INSERT, UPDATE ON sync_status TO call_coach_sync;

-- What the application hangs on synced rows: read, so that a delete never destroys it. Any further table with a
-- foreign key to a target needs the same grant; a delete fails with a message that names it otherwise.
GRANT SELECT ON coaching_sessions, speaker_role_history TO call_coach_sync;

-- The sync's own schema: inbox, bookkeeping, dead letters.
CREATE SCHEMA call_coach_sync AUTHORIZATION call_coach_sync;

-- Not granted: ownership of a target. A new source column can then not be added to its table; it is kept in the row's
-- metadata, or in the sync's own schema where the table has none, and a check says so. To have columns added, let the
-- owner run the ALTER TABLE that the check prints.
