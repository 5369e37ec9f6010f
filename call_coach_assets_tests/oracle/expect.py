"""What the application's tables must hold for given source rows, entity by entity, parents first."""

from __future__ import annotations

from collections.abc import Collection

from call_coach_assets_tests.oracle.calls import fill_calls, set_reps
from call_coach_assets_tests.oracle.emails import fill_emails
from call_coach_assets_tests.oracle.links import fill_links
from call_coach_assets_tests.oracle.opportunities import fill_opportunities
from call_coach_assets_tests.oracle.source import Source
from call_coach_assets_tests.oracle.speakers import fill_speakers
from call_coach_assets_tests.oracle.transcripts import fill_transcripts
from call_coach_assets_tests.oracle.world import Pinned, Tables, World


def expected(
    tables: Tables,
    company_domains: Collection[str] = ("prefect.io",),
    pinned: Pinned | None = None,
    published: Pinned | None = None,
) -> World:
    """The rows that a complete sync leaves, the keys that wait and the dead letters.

    `tables` holds every source table by its logical name (`gong.call`); a name that is missing is a table that
    is absent. `pinned` names the rows on which rows of the application hang: a delete in the source keeps them.
    `published` names rows that are there: a version that cannot be published leaves them as they are, "stale".
    """
    world, source, kept, there = World(), Source(tables), pinned or {}, published or {}
    fill_calls(world, source, kept)
    fill_speakers(world, source, company_domains, kept)
    set_reps(world)
    fill_transcripts(world, source, there)
    fill_opportunities(world, source, kept, there)
    fill_emails(world, source, kept, there)
    fill_links(world, source)
    return world
