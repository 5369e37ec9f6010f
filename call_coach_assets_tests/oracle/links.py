"""call_opportunities: every distinct pair of a call and an opportunity that any link source gives."""

from __future__ import annotations

import json
from collections.abc import Iterator

from call_coach_assets_tests.oracle.opportunities import base_table
from call_coach_assets_tests.oracle.source import Row, Source
from call_coach_assets_tests.oracle.values import text
from call_coach_assets_tests.oracle.world import World

_GONE = {"source_deleted": True}


def fill_links(world: World, source: Source) -> None:
    """Put the pairs of the calls that are there into `world`; a pair waits until its opportunity has landed.

    A call that is gone at the source has none, even where it is kept for what hangs on it.
    """
    deleted = {key for key, row in source.newest(base_table(source), "id").items() if row.deleted}
    for call, opportunity in _pairs(source):
        if opportunity is None or world.rows["calls"].get((call,), _GONE)["source_deleted"]:
            continue
        if (opportunity,) in world.rows["opportunities"]:
            world.rows["call_opportunities"][call, opportunity] = {}
        elif (opportunity,) not in deleted:
            world.waiting["call_opportunities"].add((call, opportunity))


def _pairs(source: Source) -> Iterator[tuple[str | None, str | None]]:
    for row in source.live("gong.call_context_integration", "name", "object_id", "call_id"):
        if row["object_type"] == "Opportunity":
            yield text(row["call_id"]), text(row["object_id"])
    for row in source.live("salesforce.gong_gong_call_c", "id"):
        yield text(row["gong_call_id_c"]), text(row["gong_primary_opportunity_c"])
    for row in source.live("gong.call", "id"):
        for opportunity in _in_metadata(row):
            yield text(row["id"]), opportunity


def _in_metadata(row: Row) -> list[str | None]:
    try:
        metadata = json.loads(row["metadata"] or "{}")
    except ValueError:
        return []
    if not isinstance(metadata, dict):
        return []
    many = metadata.get("opportunity_ids")
    return [text(one) for one in [metadata.get("opportunity_id"), *(many if isinstance(many, list) else [])]]
