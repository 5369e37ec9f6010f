-- One row per opportunity, of Salesforce or, in a warehouse without it, of Gong; with its account, owner and history.
WITH
  account AS (
    SELECT
      CAST(a.id AS STRING) AS account_id, IF(TRIM(a.name) <> '', a.name, NULL) AS account_name, a.name,
      a.industry, a.website, a.number_of_employees, a.annual_revenue
    FROM salesforce.account AS a
    WHERE NOT COALESCE(a.is_deleted, FALSE)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY CAST(a.id AS STRING) ORDER BY a._fivetran_synced DESC) = 1
  ),
  owner AS (
    SELECT
      CAST(u.id AS STRING) AS owner_id, IF(TRIM(u.email) <> '', u.email, NULL) AS address, u.email, u.name, u.is_active
    FROM salesforce.user AS u
    WHERE NOT COALESCE(u._fivetran_deleted, FALSE)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY CAST(u.id AS STRING) ORDER BY u._fivetran_synced DESC) = 1
  ),
  health AS (
    SELECT CAST(g.id AS STRING) AS opportunity_id, CAST(g.health_score AS STRING) AS score
    FROM gong.opportunity AS g
    WHERE NOT COALESCE(g._fivetran_deleted, FALSE)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY CAST(g.id AS STRING) ORDER BY g._fivetran_synced DESC) = 1
  ),
  stage_change AS (
    SELECT
      CAST(f.opportunity_id AS STRING) AS opportunity_id, CAST(f.id AS STRING) AS id,
      f.old_value, f.new_value, f.created_date, COALESCE(f.is_deleted, FALSE) AS deleted
    FROM salesforce.opportunity_field_history AS f
    WHERE f.field = 'StageName'
    QUALIFY ROW_NUMBER() OVER (PARTITION BY CAST(f.id AS STRING) ORDER BY f._fivetran_synced DESC, f.is_deleted) = 1
  ),
  history AS (
    SELECT
      s.opportunity_id,
      TO_JSON_STRING(ARRAY_AGG(
        STRUCT(s.old_value AS `from`, s.new_value AS `to`, s.created_date AS `at`)
        ORDER BY s.created_date, s.id)) AS stages
    FROM stage_change AS s
    WHERE NOT s.deleted
    GROUP BY s.opportunity_id
  ),
  -- Every row that an opportunity is built from, its other versions and deleted ones included.
  contribution AS (
    SELECT CAST(b.id AS STRING) AS opportunity_id, b._fivetran_synced AS stamp
    FROM salesforce.opportunity AS b
    UNION ALL
    SELECT CAST(b.id AS STRING) AS opportunity_id, a._fivetran_synced AS stamp
    FROM salesforce.opportunity AS b
    JOIN salesforce.account AS a ON CAST(a.id AS STRING) = CAST(b.account_id AS STRING)
    UNION ALL
    SELECT CAST(b.id AS STRING) AS opportunity_id, u._fivetran_synced AS stamp
    FROM salesforce.opportunity AS b
    JOIN salesforce.user AS u ON CAST(u.id AS STRING) = CAST(b.owner_id AS STRING)
    UNION ALL
    SELECT CAST(g.id AS STRING) AS opportunity_id, g._fivetran_synced AS stamp
    FROM gong.opportunity AS g
    UNION ALL
    SELECT CAST(f.opportunity_id AS STRING) AS opportunity_id, f._fivetran_synced AS stamp
    FROM salesforce.opportunity_field_history AS f
    WHERE f.field = 'StageName'
  ),
  related AS (
    SELECT
      r.opportunity_id, MAX(r.stamp) AS newest,
      LOGICAL_OR(r.stamp >= @cursor OR r.stamp IS NULL) AS changed
    FROM contribution AS r
    GROUP BY r.opportunity_id
  )
SELECT
  v.gong_opportunity_id,
  v.name,
  a.account_name,
  u.address AS owner_email,
  CAST(COALESCE(o.stage_name, o.stage) AS STRING) AS stage,
  v.close_date,
  CAST(IF(ABS(v.amount) < 10000000000000, v.amount, NULL) AS STRING) AS amount,
  CAST(IF(k.health BETWEEN 0 AND 100, k.health, NULL) AS STRING) AS health_score,
  TO_JSON_STRING(STRUCT(
    IF(a.account_id IS NULL, NULL, STRUCT(
      a.account_id AS id, a.name AS name, a.industry AS industry, a.website AS website,
      a.number_of_employees AS number_of_employees, a.annual_revenue AS annual_revenue)) AS account,
    IF(u.owner_id IS NULL, NULL, STRUCT(
      u.owner_id AS id, u.email AS email, u.name AS name, u.is_active AS is_active)) AS owner,
    o.probability AS probability, o.type AS type,
    PARSE_JSON(COALESCE(h.stages, '[]')) AS stage_history,
    PARSE_JSON(w.warnings) AS warnings
  )) AS metadata,
  NULLIF(
    GREATEST(COALESCE(o._fivetran_synced, v.never), COALESCE(r.newest, v.never)), v.never
  ) AS _changed_at,
  v.deleted AS _deleted,
  CASE
    WHEN v.deleted THEN NULL
    WHEN v.gong_opportunity_id IS NULL THEN 'the opportunity has no id'
    WHEN v.name IS NULL THEN 'the opportunity has no name'
  END AS _rejected,
  w.warnings AS _warnings
FROM salesforce.opportunity AS o
CROSS JOIN UNNEST([STRUCT(
  IF(TRIM(CAST(o.id AS STRING)) <> '', CAST(o.id AS STRING), NULL) AS gong_opportunity_id,
  IF(TRIM(o.name) = '', NULL, o.name) AS name,
  IF(TRIM(CAST(o.close_date AS STRING)) <> '', CAST(o.close_date AS STRING), NULL) AS close_date_text,
  IF(TRIM(CAST(o.amount AS STRING)) <> '', CAST(o.amount AS STRING), NULL) AS amount_text,
  COALESCE(SAFE_CAST(CAST(o.close_date AS STRING) AS DATE), DATE(SAFE_CAST(CAST(o.close_date AS STRING) AS TIMESTAMP)))
    AS close_date,
  ROUND(SAFE_CAST(o.amount AS NUMERIC), 2) AS amount,
  COALESCE(o.is_deleted, FALSE) OR COALESCE(o._fivetran_deleted, FALSE) AS deleted,
  TIMESTAMP '0001-01-01 00:00:00+00' AS never
)]) AS v
LEFT JOIN account AS a ON a.account_id = CAST(o.account_id AS STRING)
LEFT JOIN owner AS u ON u.owner_id = CAST(o.owner_id AS STRING)
LEFT JOIN health AS g ON g.opportunity_id = v.gong_opportunity_id
LEFT JOIN history AS h ON h.opportunity_id = v.gong_opportunity_id
LEFT JOIN related AS r ON r.opportunity_id = v.gong_opportunity_id
CROSS JOIN UNNEST([STRUCT(ROUND(SAFE_CAST(g.score AS NUMERIC), 2) AS health)]) AS k
CROSS JOIN UNNEST([STRUCT(CONCAT('[', COALESCE(ARRAY_TO_STRING([
  IF(v.close_date_text IS NOT NULL AND v.close_date IS NULL,
    TO_JSON_STRING(CONCAT('close_date is no date: ', v.close_date_text)), NULL),
  IF(v.amount_text IS NOT NULL AND COALESCE(ABS(v.amount) >= 10000000000000, TRUE),
    TO_JSON_STRING(CONCAT('amount is no number that fits: ', v.amount_text)), NULL),
  IF(g.score IS NOT NULL AND COALESCE(k.health NOT BETWEEN 0 AND 100, TRUE),
    TO_JSON_STRING(CONCAT('health_score is no number from 0 to 100: ', g.score)), NULL),
  IF(a.account_name IS NULL, TO_JSON_STRING(CONCAT(
    'no name of an account is found: ', COALESCE(CAST(o.account_id AS STRING), 'no account_id'))), NULL),
  IF(u.address IS NULL, TO_JSON_STRING(CONCAT(
    'no address of an owner is found: ', COALESCE(CAST(o.owner_id AS STRING), 'no owner_id'))), NULL)
], ', '), ''), ']') AS warnings)]) AS w
WHERE o._fivetran_synced >= @cursor OR o._fivetran_synced IS NULL OR r.changed
-- Of several rows of one opportunity the newest counts. Rows without an id are all reported.
QUALIFY IF(v.gong_opportunity_id IS NULL, NOT v.deleted, ROW_NUMBER() OVER (
  PARTITION BY v.gong_opportunity_id ORDER BY o._fivetran_synced DESC, v.deleted) = 1)
