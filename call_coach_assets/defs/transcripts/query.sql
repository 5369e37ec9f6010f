-- One row per monologue of a call: its text, who spoke, when, on which topic.
WITH
  -- Other versions of a monologue are read with it, so that the newest wins whichever of them changed.
  changed AS (
    SELECT CONCAT(CAST(t.call_id AS STRING), '/', CAST(t.index AS STRING)) AS monologue
    FROM gong.transcript AS t
    WHERE t._fivetran_synced >= @cursor OR t._fivetran_synced IS NULL
  )
SELECT
  v.gong_call_id,
  NULLIF(TRIM(CAST(t.speaker_id AS STRING)), '') AS gong_speaker_id,
  v.sequence_number,
  -- Where a sentence has no text, or the whole is no array of sentences, it is kept as it came.
  IF(s.complete OR ARRAY_LENGTH(a.sentences) = 0, COALESCE(s.text, ''), t.sentence) AS text,
  m.start_ms AS start_time_ms,
  IF(v.topic IS NULL, '[]', TO_JSON_STRING([v.topic])) AS topics,
  TO_JSON_STRING(STRUCT(
    m.start_ms AS start_ms, m.end_ms AS end_ms, m.end_ms - m.start_ms AS duration_ms, v.topic AS topic
  )) AS chunk_metadata,
  t._fivetran_synced AS _changed_at,
  v.deleted AS _deleted,
  CASE
    WHEN v.deleted THEN NULL
    WHEN v.gong_call_id IS NULL THEN 'the monologue has no call_id'
    WHEN v.sequence_number IS NULL THEN 'the monologue has no index that is a number'
    WHEN t.sentence IS NULL THEN 'the monologue has no sentence'
  END AS _rejected,
  '[]' AS _warnings
FROM gong.transcript AS t
CROSS JOIN UNNEST([STRUCT(
  IF(TRIM(CAST(t.call_id AS STRING)) <> '', CAST(t.call_id AS STRING), NULL) AS gong_call_id,
  SAFE_CAST(t.index AS INT64) AS sequence_number,
  IF(TRIM(t.topic) <> '', t.topic, NULL) AS topic,
  COALESCE(t._fivetran_deleted, FALSE) AS deleted,
  SAFE.PARSE_JSON(t.sentence) AS content
)]) AS v
CROSS JOIN UNNEST([STRUCT(
  JSON_QUERY_ARRAY(IF(JSON_TYPE(v.content) = 'array', v.content, NULL)) AS sentences
)]) AS a
CROSS JOIN UNNEST(ARRAY(
  SELECT AS STRUCT
    ARRAY_TO_STRING(ARRAY_AGG(JSON_VALUE(sentence, '$.text') ORDER BY position), ' ') AS text,
    LOGICAL_AND(STARTS_WITH(COALESCE(TO_JSON_STRING(JSON_QUERY(sentence, '$.text')), ''), '"')) AS complete
  FROM UNNEST(a.sentences) AS sentence WITH OFFSET AS position
)) AS s
CROSS JOIN UNNEST([STRUCT(
  IF(s.complete, SAFE_CAST(ROUND(SAFE_CAST(
    JSON_VALUE(a.sentences[SAFE_OFFSET(0)], '$.start') AS NUMERIC)) AS INT64), NULL) AS start_ms,
  IF(s.complete, SAFE_CAST(ROUND(SAFE_CAST(
    JSON_VALUE(a.sentences[SAFE_ORDINAL(ARRAY_LENGTH(a.sentences))], '$.end') AS NUMERIC)) AS INT64), NULL) AS end_ms
)]) AS m
WHERE t._fivetran_synced >= @cursor OR t._fivetran_synced IS NULL
  OR CONCAT(CAST(t.call_id AS STRING), '/', CAST(t.index AS STRING)) IN (SELECT c.monologue FROM changed AS c)
-- A call that lies in two workspaces has each monologue once: the newest row counts. Rows without a key are all reported.
QUALIFY IF(v.gong_call_id IS NULL OR v.sequence_number IS NULL, NOT v.deleted, ROW_NUMBER() OVER (
  PARTITION BY v.gong_call_id, v.sequence_number
  ORDER BY t._fivetran_synced DESC, v.deleted, CAST(t.workspace_id AS STRING)) = 1)
