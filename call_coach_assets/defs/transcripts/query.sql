-- One row per monologue of a call: its text, who spoke, when, on which topic.
SELECT
  IF(TRIM(CAST(t.call_id AS STRING)) <> '', CAST(t.call_id AS STRING), NULL) AS gong_call_id,
  IF(TRIM(CAST(t.speaker_id AS STRING)) <> '', CAST(t.speaker_id AS STRING), NULL) AS gong_speaker_id,
  SAFE_CAST(t.index AS INT64) AS sequence_number,
  -- Where a sentence has no text, or the whole is no array of sentences, it is kept as it came.
  CASE
    WHEN s.complete THEN s.text
    WHEN REGEXP_CONTAINS(t.sentence, r'^\s*\[\s*\]\s*$') THEN ''
    ELSE t.sentence
  END AS text,
  IF(s.complete, s.start_ms, NULL) AS start_time_ms,
  IF(TRIM(t.topic) <> '', TO_JSON_STRING([t.topic]), '[]') AS topics,
  TO_JSON_STRING(STRUCT(
    IF(s.complete, s.start_ms, NULL) AS start_ms,
    IF(s.complete, s.end_ms, NULL) AS end_ms,
    IF(s.complete, s.end_ms - s.start_ms, NULL) AS duration_ms,
    IF(TRIM(t.topic) <> '', t.topic, NULL) AS topic
  )) AS chunk_metadata,
  t._fivetran_synced AS _changed_at,
  COALESCE(t._fivetran_deleted, FALSE) AS _deleted,
  CASE
    WHEN t._fivetran_deleted THEN NULL
    WHEN TRIM(COALESCE(CAST(t.call_id AS STRING), '')) = '' THEN 'the monologue has no call_id'
    WHEN SAFE_CAST(t.index AS INT64) IS NULL THEN 'the monologue has no index that is a number'
    WHEN t.sentence IS NULL THEN 'the monologue has no sentence'
  END AS _rejected,
  '[]' AS _warnings
FROM gong.transcript AS t
CROSS JOIN UNNEST(ARRAY(
  SELECT AS STRUCT
    ARRAY_TO_STRING(ARRAY_AGG(JSON_VALUE(sentence, '$.text') ORDER BY position), ' ') AS text,
    LOGICAL_AND(STARTS_WITH(COALESCE(TO_JSON_STRING(JSON_QUERY(sentence, '$.text')), ''), '"')) AS complete,
    SAFE_CAST(ROUND(SAFE_CAST(
      ARRAY_AGG(JSON_VALUE(sentence, '$.start') ORDER BY position)[SAFE_OFFSET(0)] AS NUMERIC)) AS INT64) AS start_ms,
    SAFE_CAST(ROUND(SAFE_CAST(
      ARRAY_AGG(JSON_VALUE(sentence, '$.end') ORDER BY position DESC)[SAFE_OFFSET(0)] AS NUMERIC)) AS INT64) AS end_ms
  FROM UNNEST(JSON_QUERY_ARRAY(
    IF(JSON_TYPE(SAFE.PARSE_JSON(t.sentence)) = 'array', SAFE.PARSE_JSON(t.sentence), NULL)
  )) AS sentence WITH OFFSET AS position
)) AS s
-- Nothing but a constant is compared, so that BigQuery reads only the partitions since the cursor.
WHERE t._fivetran_synced >= @cursor OR t._fivetran_synced IS NULL
-- A call that lies in two workspaces has each monologue once: the newest row counts, and one without a stamp, which is
-- read every time, is the newest of all. Rows without a key are all reported.
QUALIFY IF(
  SAFE_CAST(t.index AS INT64) IS NULL OR TRIM(COALESCE(CAST(t.call_id AS STRING), '')) = '',
  NOT COALESCE(t._fivetran_deleted, FALSE),
  ROW_NUMBER() OVER (
    PARTITION BY CAST(t.call_id AS STRING), SAFE_CAST(t.index AS INT64)
    ORDER BY
      t._fivetran_synced IS NULL DESC, t._fivetran_synced DESC, t._fivetran_deleted,
      CAST(t.workspace_id AS STRING)) = 1)
