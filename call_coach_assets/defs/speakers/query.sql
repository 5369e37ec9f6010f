-- One row per speaker of a call: who spoke, on which side, for how long.
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
      SAFE_CAST(s.talk_time AS NUMERIC) AS talk_time, COALESCE(s._fivetran_deleted, FALSE) AS deleted
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
      i.call_id, i.speaker_id, i.email,
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
  talk AS (
    SELECT s.call_id, SUM(s.talk_time) AS seconds
    FROM speaker AS s
    WHERE NOT s.deleted
    GROUP BY s.call_id
  ),
  -- Every row that the speakers of a call are built from, deleted ones included: shares change with each of them.
  contribution AS (
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
  v.gong_speaker_id,
  COALESCE(n.name, CONCAT('Speaker ', v.gong_speaker_id)) AS name,
  n.email,
  COALESCE(n.company_side, FALSE) AS company_side,
  SAFE_CAST(ROUND(v.talk_time) AS INT64) AS talk_time_seconds,
  CAST(ROUND(IF(t.seconds > 0 AND v.talk_time BETWEEN 0 AND t.seconds,
    CAST(100 * v.talk_time / t.seconds AS NUMERIC), NULL), 2) AS STRING) AS talk_time_percentage,
  NULLIF(
    GREATEST(COALESCE(s._fivetran_synced, v.never), COALESCE(r.newest, v.never)), v.never
  ) AS _changed_at,
  v.deleted AS _deleted,
  CASE
    WHEN v.deleted THEN NULL
    WHEN v.gong_call_id IS NULL THEN 'the speaker has no call_id'
    WHEN v.gong_speaker_id IS NULL THEN 'the speaker has no id'
  END AS _rejected,
  IF(s.talk_time IS NOT NULL AND v.talk_time IS NULL,
    TO_JSON_STRING([CONCAT('talk_time is no number: ', CAST(s.talk_time AS STRING))]), '[]') AS _warnings
FROM gong.call_speaker AS s
CROSS JOIN UNNEST([STRUCT(
  IF(TRIM(CAST(s.call_id AS STRING)) <> '', CAST(s.call_id AS STRING), NULL) AS gong_call_id,
  IF(TRIM(CAST(s.id AS STRING)) <> '', CAST(s.id AS STRING), NULL) AS gong_speaker_id,
  SAFE_CAST(s.talk_time AS NUMERIC) AS talk_time,
  COALESCE(s._fivetran_deleted, FALSE) AS deleted,
  TIMESTAMP '0001-01-01 00:00:00+00' AS never
)]) AS v
LEFT JOIN named AS n ON n.call_id = v.gong_call_id AND n.speaker_id = v.gong_speaker_id
LEFT JOIN talk AS t ON t.call_id = v.gong_call_id
LEFT JOIN related AS r ON r.call_id = v.gong_call_id
WHERE s._fivetran_synced >= @cursor OR s._fivetran_synced IS NULL OR r.changed
-- Of several rows of one speaker the newest counts. Rows without a key are all reported.
QUALIFY IF(v.gong_call_id IS NULL OR v.gong_speaker_id IS NULL, NOT v.deleted, ROW_NUMBER() OVER (
  PARTITION BY v.gong_call_id, v.gong_speaker_id ORDER BY s._fivetran_synced DESC, v.deleted) = 1)
