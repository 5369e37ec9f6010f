-- Grants on tables of the application that this role has, itself or as one of everybody, and that the sync does not need:
-- %(needed)s are the tables that it uses, with the privileges that it needs on each. What goes with ownership is no grant.
-- That everybody may read a table is the application's own affair.
SELECT a.grantee = 0 AS everybody, format('%%I.%%I', n.nspname, c.relname) AS name,
       array_agg(a.privilege_type ORDER BY a.privilege_type) AS privileges
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_roles me ON me.rolname = current_user
CROSS JOIN aclexplode(c.relacl) a
LEFT JOIN jsonb_each(%(needed)s) needed ON needed.key = format('%%I.%%I', n.nspname, c.relname)
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relowner <> me.oid
  AND n.nspname NOT IN ('information_schema', %(schema)s) AND n.nspname !~ '^pg_'
  AND (a.grantee = me.oid OR (a.grantee = 0 AND a.privilege_type <> 'SELECT'))
  AND NOT coalesce(needed.value ? a.privilege_type, false)
GROUP BY a.grantee, n.nspname, c.relname
ORDER BY a.grantee DESC, n.nspname, c.relname
