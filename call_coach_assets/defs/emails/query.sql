-- One row per email that Gong knows, with its sender, its recipients and the opportunity it is about.
WITH
  -- The newest row of an address says whether it still is one of the email's.
  sender_address AS (
    SELECT
      CAST(s.email_id AS STRING) AS email_id, s.email_address AS address, s._fivetran_synced AS stamp,
      COALESCE(s._fivetran_deleted, FALSE) AS deleted
    FROM gong.email_sender AS s
    WHERE TRIM(s.email_address) <> ''
    QUALIFY ROW_NUMBER() OVER (
      PARTITION BY CAST(s.email_id AS STRING), s.email_address ORDER BY s._fivetran_synced DESC, s._fivetran_deleted) = 1
  ),
  sender AS (
    SELECT a.email_id, a.address
    FROM sender_address AS a
    WHERE NOT a.deleted
    QUALIFY ROW_NUMBER() OVER (PARTITION BY a.email_id ORDER BY a.stamp DESC, a.address) = 1
  ),
  recipient_address AS (
    SELECT
      CAST(t.email_id AS STRING) AS email_id, t.email_address AS address,
      COALESCE(t._fivetran_deleted, FALSE) AS deleted
    FROM gong.email_recipient AS t
    WHERE TRIM(t.email_address) <> ''
    QUALIFY ROW_NUMBER() OVER (
      PARTITION BY CAST(t.email_id AS STRING), t.email_address ORDER BY t._fivetran_synced DESC, t._fivetran_deleted) = 1
  ),
  recipients AS (
    SELECT
      a.email_id,
      TO_JSON_STRING(ARRAY_AGG(a.address ORDER BY a.address)) AS addresses,
      STRING_AGG(
        IF(NOT REGEXP_CONTAINS(a.address, r'^[^@\s]+@[^@\s]+\.[^@\s]+$'),
          TO_JSON_STRING(CONCAT('the address of a recipient is malformed: ', a.address)), NULL),
        ', ' ORDER BY a.address) AS warnings
    FROM recipient_address AS a
    WHERE NOT a.deleted
    GROUP BY a.email_id
  ),
  -- Every row that an email is built from, its other versions and deleted ones included.
  contribution AS (
    SELECT CAST(e.id AS STRING) AS email_id, e._fivetran_synced AS stamp
    FROM gong.email AS e
    UNION ALL
    SELECT CAST(s.email_id AS STRING) AS email_id, s._fivetran_synced AS stamp
    FROM gong.email_sender AS s
    UNION ALL
    SELECT CAST(t.email_id AS STRING) AS email_id, t._fivetran_synced AS stamp
    FROM gong.email_recipient AS t
  ),
  related AS (
    SELECT
      r.email_id, MAX(r.stamp) AS newest,
      LOGICAL_OR(r.stamp >= @cursor OR r.stamp IS NULL) AS changed
    FROM contribution AS r
    GROUP BY r.email_id
  )
SELECT
  v.gong_email_id,
  v.gong_opportunity_id,
  CAST(e.subject AS STRING) AS subject,
  s.address AS sender_email,
  COALESCE(t.addresses, '[]') AS recipients,
  v.sent_at,
  SUBSTR(CAST(e.body AS STRING), 1, 500) AS body_snippet,
  TO_JSON_STRING(STRUCT(
    e.body AS body, e.headers AS headers, CAST(e.thread_id AS STRING) AS thread_id,
    CAST(e.opportunity_id AS STRING) AS opportunity_id,
    PARSE_JSON(w.warnings) AS warnings
  )) AS metadata,
  NULLIF(
    GREATEST(COALESCE(e._fivetran_synced, v.never), COALESCE(r.newest, v.never)), v.never
  ) AS _changed_at,
  v.deleted AS _deleted,
  CASE
    WHEN v.deleted THEN NULL
    WHEN v.gong_email_id IS NULL THEN 'the email has no id'
    WHEN TRIM(COALESCE(CAST(e.sent_at AS STRING), '')) = '' THEN 'the email has no sent_at'
  END AS _rejected,
  w.warnings AS _warnings
FROM gong.email AS e
CROSS JOIN UNNEST([STRUCT(
  IF(TRIM(CAST(e.id AS STRING)) <> '', CAST(e.id AS STRING), NULL) AS gong_email_id,
  IF(TRIM(CAST(e.opportunity_id AS STRING)) <> '', CAST(e.opportunity_id AS STRING), NULL) AS gong_opportunity_id,
  SAFE_CAST(e.sent_at AS TIMESTAMP) AS sent_at,
  COALESCE(e._fivetran_deleted, FALSE) AS deleted,
  TIMESTAMP '0001-01-01 00:00:00+00' AS never
)]) AS v
LEFT JOIN sender AS s ON s.email_id = v.gong_email_id
LEFT JOIN recipients AS t ON t.email_id = v.gong_email_id
LEFT JOIN related AS r ON r.email_id = v.gong_email_id
CROSS JOIN UNNEST([STRUCT(CONCAT('[', COALESCE(ARRAY_TO_STRING([
  IF(s.address IS NULL, TO_JSON_STRING('no sender is recorded'), NULL),
  IF(NOT REGEXP_CONTAINS(s.address, r'^[^@\s]+@[^@\s]+\.[^@\s]+$'),
    TO_JSON_STRING(CONCAT('the address of the sender is malformed: ', s.address)), NULL),
  t.warnings,
  IF(e.sent_at IS NOT NULL AND v.sent_at IS NULL,
    TO_JSON_STRING(CONCAT('sent_at is no timestamp: ', CAST(e.sent_at AS STRING))), NULL)
], ', '), ''), ']') AS warnings)]) AS w
WHERE e._fivetran_synced >= @cursor OR e._fivetran_synced IS NULL OR r.changed
-- Of several rows of one email the newest counts. Rows without an id are all reported.
QUALIFY IF(v.gong_email_id IS NULL, NOT v.deleted, ROW_NUMBER() OVER (
  PARTITION BY v.gong_email_id ORDER BY e._fivetran_synced DESC, v.deleted) = 1)
