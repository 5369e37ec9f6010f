-- What unpublished rows there are of an entity, and since when (the oldest).
SELECT (SELECT count(*) FROM {unlinked} WHERE entity = %(entity)s),
       (SELECT count(*) FROM {dead_letters} WHERE entity = %(entity)s),
       (SELECT min(since) FROM {dead_letters} WHERE entity = %(entity)s),
       (SELECT count(*) FROM {rows} WHERE source_deleted_at IS NOT NULL)
