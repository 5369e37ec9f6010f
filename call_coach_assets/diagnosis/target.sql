-- Each table of %(tables)s as this role sees it: NULL columns where it is not there.
SELECT wanted.name,
       relation.oid IS NOT NULL AS present,
       relation.oid IS NOT NULL AND pg_has_role(relation.relowner, 'USAGE') AS owned,
       ARRAY(
           SELECT grant_name
           FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS grant_name
           WHERE relation.oid IS NOT NULL AND has_table_privilege(relation.oid, grant_name)
       ) AS grants,
       COALESCE(
           (
               SELECT jsonb_object_agg(attribute.attname, format_type(attribute.atttypid, NULL))
               FROM pg_attribute AS attribute
               WHERE attribute.attrelid = relation.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
           ),
           '{}'
       ) AS columns
FROM unnest(%(tables)s::text[]) WITH ORDINALITY AS wanted (name, place)
LEFT JOIN pg_class AS relation ON relation.oid = to_regclass(quote_ident(wanted.name))
ORDER BY wanted.place
