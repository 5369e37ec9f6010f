-- One row per call of Gong, with the names of the speakers on the company's side.
WITH
  person AS (
    SELECT CAST(u.id AS STRING) AS user_id, u.email_address, u.first_name, u.last_name
    FROM gong.users AS u
    WHERE NOT COALESCE(u._fivetran_deleted, FALSE)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY CAST(u.id AS STRING) ORDER BY u._fivetran_synced DESC) = 1
  ),
  -- Of several participants behind one speaker, the newest says who it is.
  participant AS (
    SELECT
      CAST(p.call_id AS STRING) AS call_id, CAST(p.speaker_id AS STRING) AS speaker_id,
      CAST(p.user_id AS STRING) AS user_id, p.email_address, p.name, p.affiliation
    FROM gong.call_participant AS p
    WHERE NOT COALESCE(p._fivetran_deleted, FALSE)
    QUALIFY ROW_NUMBER() OVER (
      PARTITION BY CAST(p.call_id AS STRING), CAST(p.speaker_id AS STRING)
      ORDER BY p._fivetran_synced DESC, CAST(p.id AS STRING)) = 1
  ),
  speaker AS (
    SELECT
      CAST(s.call_id AS STRING) AS call_id, CAST(s.id AS STRING) AS speaker_id, CAST(s.user_id AS STRING) AS user_id,
      COALESCE(s._fivetran_deleted, FALSE) AS deleted
    FROM gong.call_speaker AS s
    WHERE s.id IS NOT NULL
    QUALIFY ROW_NUMBER() OVER (
      PARTITION BY CAST(s.call_id AS STRING), CAST(s.id AS STRING)
      ORDER BY s._fivetran_synced DESC, s._fivetran_deleted) = 1
  ),
  identified AS (
    SELECT
      s.call_id, s.speaker_id, p.affiliation, p.name AS participant_name,
      COALESCE(NULLIF(TRIM(u.email_address), ''), NULLIF(TRIM(p.email_address), '')) AS email,
      NULLIF(TRIM(CONCAT(COALESCE(TRIM(u.first_name), ''), ' ', COALESCE(TRIM(u.last_name), ''))), '') AS user_name
    FROM speaker AS s
    LEFT JOIN participant AS p ON p.call_id = s.call_id AND p.speaker_id = s.speaker_id
    LEFT JOIN person AS u ON u.user_id = COALESCE(NULLIF(TRIM(s.user_id), ''), p.user_id)
    WHERE NOT s.deleted
  ),
  named AS (
    SELECT
      i.call_id,
      COALESCE(
        i.user_name,
        NULLIF(TRIM(i.participant_name), ''),
        NULLIF(TRIM(INITCAP(REGEXP_REPLACE(REGEXP_EXTRACT(i.email, r'^([^@]*)'), r'[._+-]+', ' '))), ''),
        CONCAT('Speaker ', i.speaker_id)
      ) AS name,
      COALESCE(LOWER(TRIM(i.affiliation)) = 'internal', FALSE)
        OR COALESCE(LOWER(REGEXP_EXTRACT(i.email, r'@([^@]*)$')) IN UNNEST(@company_domains), FALSE) AS company_side
    FROM identified AS i
  ),
  representatives AS (
    SELECT n.call_id, TO_JSON_STRING(ARRAY_AGG(DISTINCT n.name ORDER BY n.name)) AS names
    FROM named AS n
    WHERE n.company_side
    GROUP BY n.call_id
  ),
  -- Every row that a call is built from, its other versions and deleted ones included.
  contribution AS (
    SELECT CAST(c.id AS STRING) AS call_id, c._fivetran_synced AS stamp
    FROM gong.call AS c
    UNION ALL
    SELECT CAST(s.call_id AS STRING) AS call_id, s._fivetran_synced AS stamp
    FROM gong.call_speaker AS s
    UNION ALL
    SELECT CAST(p.call_id AS STRING) AS call_id, p._fivetran_synced AS stamp
    FROM gong.call_participant AS p
    UNION ALL
    SELECT CAST(s.call_id AS STRING) AS call_id, u._fivetran_synced AS stamp
    FROM gong.call_speaker AS s
    JOIN gong.users AS u ON CAST(u.id AS STRING) = CAST(s.user_id AS STRING)
    UNION ALL
    SELECT CAST(p.call_id AS STRING) AS call_id, u._fivetran_synced AS stamp
    FROM gong.call_participant AS p
    JOIN gong.users AS u ON CAST(u.id AS STRING) = CAST(p.user_id AS STRING)
  ),
  related AS (
    SELECT
      r.call_id, MAX(r.stamp) AS newest,
      LOGICAL_OR(r.stamp >= @cursor OR r.stamp IS NULL) AS changed
    FROM contribution AS r
    GROUP BY r.call_id
  )
SELECT
  v.gong_call_id,
  CAST(c.title AS STRING) AS title,
  COALESCE(v.scheduled, v.started) AS scheduled_at,
  SAFE_CAST(ROUND(v.duration) AS INT64) AS duration_seconds,
  CAST(c.purpose AS STRING) AS call_type,
  DATE(COALESCE(v.scheduled, v.started)) AS date,
  COALESCE(v.scheduled, v.started, CURRENT_TIMESTAMP()) AS processed_at,
  COALESCE(reps.names, '[]') AS prefect_reps,
  TO_JSON_STRING(STRUCT(
    c.url AS gong_url, c.started AS started, c.direction AS direction, c.scope AS scope, c.language AS language,
    c.system AS system, c.is_private AS is_private, CAST(c.primary_user_id AS STRING) AS primary_user_id,
    CAST(c.workspace_id AS STRING) AS workspace_id, c.metadata AS metadata
  )) AS metadata,
  NULLIF(
    GREATEST(COALESCE(c._fivetran_synced, v.never), COALESCE(r.newest, v.never)), v.never
  ) AS _changed_at,
  v.deleted AS _deleted,
  IF(v.gong_call_id IS NULL, 'the call has no id', NULL) AS _rejected,
  CONCAT('[', COALESCE(ARRAY_TO_STRING([
    IF(c.scheduled IS NOT NULL AND v.scheduled IS NULL,
      TO_JSON_STRING(CONCAT('scheduled is no timestamp: ', CAST(c.scheduled AS STRING))), NULL),
    IF(c.started IS NOT NULL AND v.started IS NULL,
      TO_JSON_STRING(CONCAT('started is no timestamp: ', CAST(c.started AS STRING))), NULL),
    IF(c.duration IS NOT NULL AND v.duration IS NULL,
      TO_JSON_STRING(CONCAT('duration is no number: ', CAST(c.duration AS STRING))), NULL)
  ], ', '), ''), ']') AS _warnings
FROM gong.call AS c
CROSS JOIN UNNEST([STRUCT(
  IF(TRIM(CAST(c.id AS STRING)) <> '', CAST(c.id AS STRING), NULL) AS gong_call_id,
  SAFE_CAST(c.scheduled AS TIMESTAMP) AS scheduled,
  SAFE_CAST(c.started AS TIMESTAMP) AS started,
  SAFE_CAST(c.duration AS NUMERIC) AS duration,
  COALESCE(c._fivetran_deleted, FALSE) AS deleted,
  TIMESTAMP '0001-01-01 00:00:00+00' AS never
)]) AS v
LEFT JOIN related AS r ON r.call_id = v.gong_call_id
LEFT JOIN representatives AS reps ON reps.call_id = v.gong_call_id
WHERE c._fivetran_synced >= @cursor OR c._fivetran_synced IS NULL OR r.changed
-- A call that lies in two workspaces is one call: its newest row counts. Rows without an id are all reported.
QUALIFY IF(v.gong_call_id IS NULL, NOT v.deleted, ROW_NUMBER() OVER (
  PARTITION BY v.gong_call_id ORDER BY c._fivetran_synced DESC, v.deleted, CAST(c.workspace_id AS STRING)) = 1)
