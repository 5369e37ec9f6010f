"""`call-coach dead-letters`: the rows that could not be synced, and what can be done with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from call_coach_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from call_coach_assets.settings import Settings
    from call_coach_assets.sync.dead_letters import DeadLetter
    from call_coach_assets.sync.entity import Entity
    from call_coach_assets.sync.postgres import Connection

ALL = 1_000_000


@click.group("dead-letters", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List, show, retry and discard rows that could not be synced as they are.

    A row whose source is corrected is synced by the next run and leaves this list by itself.
    """
    if context.invoked_subcommand is None:
        context.invoke(show_list)


@command.command("list")
@click.argument("entity", required=False)
@click.option("--limit", default=100, show_default=True, help="How many to list, newest first.")
@click.option("--waiting", is_flag=True, help="List the rows that wait for a parent instead, the oldest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array, payloads included.")
def show_list(entity: str | None = None, limit: int = 100, waiting: bool = False, as_json: bool = False) -> None:
    """List the open dead letters of all entities, or of ENTITY."""
    from call_coach_assets.cli.rendering import console, plural, show_table
    from call_coach_assets.cli.waiting_list import show_waiting
    from call_coach_assets.sync.dead_letters import list_letters

    with _database() as (connection, settings):
        if waiting:
            show_waiting(connection, settings.sync_schema, entity and _known(entity).name, limit, as_json=as_json)
            return
        letters = list_letters(connection, settings.sync_schema, entity and _known(entity).name, limit=limit)
    if as_json:
        click.echo(json.dumps([asdict(letter) for letter in letters], indent=2, default=str))
        return
    if letters:
        rows = [(letter.entity, letter.key, letter.since, letter.reason) for letter in letters]
        show_table(console(), ("entity", "key", "since (UTC)", "reason"), rows, figures=False)
    click.echo(f"{plural(len(letters), 'dead letter')}.")


@command.command()
@click.argument("entity")
@click.argument("key")
def show(entity: str, key: str) -> None:
    """Show why the row KEY of ENTITY is not synced, and what was read."""
    from call_coach_assets.sync.dead_letters import show as read_one

    with _database() as (connection, settings):
        letter = read_one(connection, settings.sync_schema, _known(entity).name, key)
    if letter is None:
        raise _unknown_letter(entity, key)
    click.echo(_described(letter))


@command.command()
@click.argument("entity")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--all", "everything", is_flag=True, help="Every dead letter of the entity.")
def retry(entity: str, keys: tuple[str, ...], everything: bool) -> None:
    """Have the next sync read the rows KEY of ENTITY again, whatever their stamps say."""
    from call_coach_assets.sync.dead_letters import retry as request

    declared = _known(entity)
    _each(entity, keys, everything, lambda connection, schema, key: request(connection, schema, declared, key))
    click.echo(f"The next sync reads them again: call-coach sync {entity}")


@command.command()
@click.argument("entity")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--all", "everything", is_flag=True, help="Every dead letter of the entity.")
def discard(entity: str, keys: tuple[str, ...], everything: bool) -> None:
    """Forget the dead letters KEY of ENTITY; the same rows, read again, bring them back."""
    from call_coach_assets.sync.dead_letters import discard as forget

    name = _known(entity).name
    _each(entity, keys, everything, lambda connection, schema, key: forget(connection, schema, name, key))


def _each(entity: str, keys: tuple[str, ...], everything: bool, action: Callable[[Connection, str, str], bool]) -> None:
    """Do `action` to each letter in one transaction: to all of them, or to none where one is not there."""
    from call_coach_assets.cli.rendering import plural
    from call_coach_assets.sync.dead_letters import list_letters

    if bool(keys) is everything:
        raise click.UsageError("name one key or more, or give --all")
    with _database() as (connection, settings):
        schema = settings.sync_schema
        chosen = keys or tuple(letter.key for letter in list_letters(connection, schema, entity, limit=ALL))
        for key in chosen:
            if not action(connection, schema, key):
                raise _unknown_letter(entity, key)
    click.echo(f"{plural(len(chosen), 'dead letter')} of {entity}.")


@contextmanager
def _database() -> Iterator[tuple[Connection, Settings]]:
    """A transaction on the application's Postgres, and the settings. Raises where no sync has ever run there."""
    from call_coach_assets.diagnosis.connection import connected
    from call_coach_assets.diagnosis.target_standing import is_prepared
    from call_coach_assets.settings import load_settings
    from call_coach_assets.sync.names import Names

    settings = load_settings()
    with connected(settings.database_url) as connection:
        if not is_prepared(connection, Names(settings.sync_schema)):
            raise ConfigurationError(
                "This database knows no dead letters",
                why=f"no sync has made the schema {settings.sync_schema} in it yet",
                remedy="run `call-coach sync` first, or point DATABASE_URL and SYNC_SCHEMA at the right place",
            )
        yield connection, settings


def _known(name: str) -> Entity:
    from call_coach_assets.sync.declarations import load_entities

    entities = load_entities(check_queries=False)
    if name not in entities:
        raise ConfigurationError(f"There is no entity {name}", remedy=f"name one of {', '.join(entities)}")
    return entities[name]


def _unknown_letter(entity: str, key: str) -> ConfigurationError:
    return ConfigurationError(
        f"{entity} has no dead letter {key} that this can be done to",
        why="there is none of that key, or its row has no key to be read by",
        remedy=f"see `call-coach dead-letters list {entity}`",
    )


def _described(letter: DeadLetter) -> str:
    payload = json.dumps(letter.payload, indent=2, ensure_ascii=False, default=str)
    since = f"{letter.since:%Y-%m-%d %H:%M:%S} UTC"
    return f"{letter.entity} {letter.key}\nreason: {letter.reason}\nsince:  {since}\nrun:    {letter.run_id}\n{payload}"
