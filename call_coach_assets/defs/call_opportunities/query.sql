-- One row per call and opportunity that Gong links; a call without any yields one row without an opportunity.
-- A call is read whole: a pair that is not among its rows is gone.
WITH
  link AS (
    SELECT
      CAST(i.call_id AS STRING) AS call_id, CAST(i.object_id AS STRING) AS opportunity_id,
      i._fivetran_synced AS stamp, COALESCE(i._fivetran_deleted, FALSE) AS deleted
    FROM gong.call_context_integration AS i
    WHERE i.object_type = 'Opportunity'
    UNION ALL
    SELECT
      CAST(g.gong_call_id_c AS STRING) AS call_id, CAST(g.gong_primary_opportunity_c AS STRING) AS opportunity_id,
      g._fivetran_synced AS stamp, COALESCE(g.is_deleted, FALSE) AS deleted
    FROM salesforce.gong_gong_call_c AS g
  ),
  call_metadata AS (
    SELECT
      CAST(m.id AS STRING) AS call_id, SAFE.PARSE_JSON(m.metadata) AS content,
      COALESCE(m._fivetran_deleted, FALSE) AS deleted
    FROM gong.call AS m
    WHERE m.id IS NOT NULL
    QUALIFY ROW_NUMBER() OVER (
      PARTITION BY CAST(m.id AS STRING)
      ORDER BY m._fivetran_synced DESC, m._fivetran_deleted, CAST(m.workspace_id AS STRING)) = 1
  ),
  pair AS (
    SELECT l.call_id, TRIM(l.opportunity_id) AS opportunity_id
    FROM link AS l
    WHERE NOT l.deleted AND TRIM(l.opportunity_id) <> ''
    UNION DISTINCT
    SELECT m.call_id, TRIM(opportunity_id) AS opportunity_id
    FROM call_metadata AS m
    CROSS JOIN UNNEST(ARRAY_CONCAT(
      [JSON_VALUE(m.content, '$.opportunity_id')],
      IFNULL(JSON_VALUE_ARRAY(IF(
        JSON_TYPE(JSON_QUERY(m.content, '$.opportunity_ids')) = 'array',
        JSON_QUERY(m.content, '$.opportunity_ids'), NULL)), [])
    )) AS opportunity_id
    WHERE NOT m.deleted AND TRIM(opportunity_id) <> ''
  ),
  -- Every row that the links of a call are built from, deleted ones included.
  contribution AS (
    SELECT CAST(k.id AS STRING) AS call_id, k._fivetran_synced AS stamp
    FROM gong.call AS k
    UNION ALL
    SELECT l.call_id, l.stamp
    FROM link AS l
  ),
  related AS (
    SELECT
      r.call_id, MAX(r.stamp) AS newest,
      LOGICAL_OR(r.stamp >= @cursor OR r.stamp IS NULL) AS changed
    FROM contribution AS r
    GROUP BY r.call_id
  )
SELECT
  r.call_id AS gong_call_id,
  p.opportunity_id AS gong_opportunity_id,
  r.newest AS _changed_at,
  FALSE AS _deleted,
  CAST(NULL AS STRING) AS _rejected,
  '[]' AS _warnings
FROM gong.call AS c
JOIN related AS r ON r.call_id = CAST(c.id AS STRING)
LEFT JOIN pair AS p ON p.call_id = r.call_id AND NOT COALESCE(c._fivetran_deleted, FALSE)
WHERE r.changed
-- A call that lies in two workspaces is one call: its newest row counts.
QUALIFY DENSE_RANK() OVER (
  PARTITION BY r.call_id ORDER BY c._fivetran_synced DESC, c._fivetran_deleted, CAST(c.workspace_id AS STRING)) = 1
