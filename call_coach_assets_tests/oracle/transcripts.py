"""transcripts: the monologues of a call, in order."""

from __future__ import annotations

import json
from typing import Any

from call_coach_assets_tests.oracle.calls import gone_calls
from call_coach_assets_tests.oracle.source import Row, Source
from call_coach_assets_tests.oracle.values import text, whole
from call_coach_assets_tests.oracle.world import Pinned, World


def fill_transcripts(world: World, source: Source, published: Pinned) -> None:
    """Put the monologues into `world`: rows, those that wait for their call, and dead letters."""
    gone = gone_calls(source, world)
    for row in source.live("gong.transcript", "call_id", "index"):
        key = (text(row["call_id"]), whole(row["index"]))
        if None in key or row["sentence"] is None:
            world.dead_letters["transcripts"].add(key)
            if key in published.get("transcripts", set()) and key[:1] in world.rows["calls"]:
                world.rows["transcripts"][key] = {"stale": True}
        elif key[:1] in world.rows["calls"]:
            world.rows["transcripts"][key] = _monologue(row, world)
        elif key[0] not in gone:
            world.waiting["transcripts"].add(key)


def _monologue(row: Row, world: World) -> dict[str, Any]:
    sentences = _sentences(row["sentence"])
    start = whole(sentences[0].get("start")) if sentences else None
    end = whole(sentences[-1].get("end")) if sentences else None
    topic = text(row["topic"])
    speaker = (text(row["call_id"]), text(row["speaker_id"]))
    return {
        "text": row["sentence"] if sentences is None else " ".join(sentence["text"] for sentence in sentences),
        "start_time_ms": start,
        "topics": [topic] if topic else [],
        "speaker_id": speaker[1] if speaker in world.rows["speakers"] else None,
        "chunk_metadata": {
            "start_ms": start,
            "end_ms": end,
            "duration_ms": end - start if start is not None and end is not None else None,
            "topic": topic,
        },
    }


def _sentences(raw: str) -> list[dict[str, Any]] | None:
    """The sentences of a JSON array in which every element has a text; None where it is anything else."""
    try:
        parsed = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(parsed, list):
        return None
    complete = all(isinstance(one, dict) and isinstance(one.get("text"), str) for one in parsed)
    return parsed if complete else None
