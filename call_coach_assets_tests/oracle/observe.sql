-- name: calls
SELECT * FROM calls;
-- name: speakers
SELECT s.*, c.gong_call_id, r.gong_speaker_id, r.source_deleted_at
FROM speakers s
JOIN calls c ON c.id = s.call_id
LEFT JOIN {schema}.speakers_rows r ON r.id = s.id;
-- name: transcripts
SELECT t.*, c.gong_call_id, r.gong_speaker_id AS speaker_id
FROM transcripts t
JOIN calls c ON c.id = t.call_id
LEFT JOIN {schema}.speakers_rows r ON r.id = t.speaker_id;
-- name: opportunities
SELECT * FROM opportunities;
-- name: emails
SELECT e.*, o.gong_opportunity_id AS opportunity_id
FROM emails e
LEFT JOIN opportunities o ON o.id = e.opportunity_id;
-- name: call_opportunities
SELECT c.gong_call_id, o.gong_opportunity_id
FROM call_opportunities l
JOIN calls c ON c.id = l.call_id
JOIN opportunities o ON o.id = l.opportunity_id;
