-- The sync's own role in the application's database: what it needs, and no more.
-- Run as the owner of the application's tables, who may create roles and databases, with a password of your own:
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -v password=… -f docs/postgres-role.sql
-- `call-coach doctor`, run as the new role, then tells what is missing, or too much.

CREATE ROLE call_coach_sync LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

-- To connect, to sort rows out in temporary tables, and to find the application's tables.
GRANT CONNECT, TEMPORARY ON DATABASE :"DBNAME" TO call_coach_sync;
GRANT USAGE ON SCHEMA public TO call_coach_sync;

-- The six targets and the freshness banner.
GRANT SELECT, INSERT, UPDATE, DELETE
   ON calls, speakers, transcripts, opportunities, call_opportunities, emails TO call_coach_sync;
GRANT SELECT, INSERT, UPDATE ON sync_status TO call_coach_sync;

-- What the application hangs on synced rows: read, so that a delete never destroys it. Any further table with a
-- foreign key to a target needs the same grant; without it a delete fails with a message that names the table.
GRANT SELECT ON coaching_sessions, speaker_role_history TO call_coach_sync;

-- The sync's own schema (inbox, bookkeeping, dead letters), and Dagster's history of runs in a database of its own. Who
-- is no superuser has to be a member of a role to make something that it owns.
GRANT call_coach_sync TO CURRENT_USER;
CREATE SCHEMA call_coach_sync AUTHORIZATION call_coach_sync;
CREATE DATABASE dagster OWNER call_coach_sync;
REVOKE call_coach_sync FROM CURRENT_USER;

-- Not granted: ownership of a target. A new source column can then not be added to its table: it is kept in the row's
-- metadata where the table has one, and `source_schema` prints the ALTER TABLE for the owner. Once the owner has run
-- it, the next sync fills the column in every row.
