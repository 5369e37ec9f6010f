"""The rows that wait for a parent, as `call-coach dead-letters list --waiting` shows them."""

from __future__ import annotations

import json

import click

from call_coach_assets.cli.rendering import console, plural, show_table
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.postgres import Connection
from call_coach_assets.sync.waiting import list_waiting

ARRIVED = "nothing any more: the next sync tries it"


def show_waiting(connection: Connection, schema: str, only: str | None, limit: int, *, as_json: bool) -> None:
    """Print each waiting row of all entities, or of `only`, with the parents that it waits for; at most `limit`."""
    entities = load_entities(check_queries=False)
    found = [
        (entity.name, row.key, row.since, row.waits_for or ARRIVED)
        for entity in entities.values()
        if only in {None, entity.name}
        for row in list_waiting(connection, entity, entities, schema, limit=limit)
    ]
    rows = sorted(found, key=lambda row: row[2])[:limit]
    if as_json:
        names = ("entity", "key", "since", "waits_for")
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2, default=str))
        return
    if rows:
        show_table(console(), ("entity", "key", "since (UTC)", "waits for"), rows, figures=False)
    click.echo(f"{plural(len(rows), 'waiting row')}.")
