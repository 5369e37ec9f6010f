"""With a marked secret in every setting that holds one, everything is done and everything fails: no mark shows."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from call_coach_assets.settings import read_settings
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets_tests.cli.conftest import fill
from call_coach_assets_tests.conftest import unchanged_logging
from call_coach_assets_tests.recorder import Recorder
from call_coach_assets_tests.security.conftest import Application
from call_coach_assets_tests.security.deeds import do_everything
from call_coach_assets_tests.security.marked import MARK, NAMES, Places, key_file, secret
from call_coach_assets_tests.security.scene import Scene, environment_of
from call_coach_assets_tests.warehouse import Warehouse


@pytest.fixture(scope="module")
def scene(application: Application, emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Both ends filled, five receivers that refuse all they are sent and quote it, and the environment that says so."""
    folder = tmp_path_factory.mktemp("scene")
    home, keys, scratch = folder / "home", folder / "keys", folder / "scratch"
    for made in (home, keys, scratch):
        made.mkdir()
    (home / "dagster.yaml").symlink_to(Path(__file__).parents[2] / "dagster.yaml")
    receivers = {name: Recorder() for name in ("slack", "pagerduty", "prefect", "gateway", "google")}
    for name, receiver in receivers.items():
        quoted = secret(name) if name in NAMES else "the key"
        receiver.answer(403, {"error": "invalid_grant", "detail": f"refused: {quoted}"})
    lines = key_file(keys / "key.json", receivers["google"].url)
    databases = {"application": application.superuser, "dagster": application.dagster}
    places = Places(folders=[home, scratch], databases=databases, receivers=receivers, key_lines=lines)
    warehouse = Warehouse(emulator)
    fill(warehouse)
    with pytest.MonkeyPatch.context() as patch, unchanged_logging():
        environment = environment_of(application, receivers, warehouse, home, keys)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        patch.setattr(tempfile, "tempdir", str(scratch))
        logging.getLogger().addHandler(places.log)
        yield Scene(places, home, environment)
        logging.getLogger().removeHandler(places.log)
    close_pools()
    for receiver in receivers.values():
        receiver.close()
    warehouse.client.close()


@pytest.fixture(scope="module")
def everything(scene: Scene) -> Places:
    """Every place in which something could have left a secret, after all that can be done."""
    do_everything(scene)
    return scene.places


def test_no_secret_is_printed_logged_kept_or_told_to_others(everything: Places) -> None:
    assert everything.leaks() == {}


def test_each_receiver_was_told_with_its_own_secret_and_refused(everything: Places) -> None:
    sent = {name: str([(r.path, r.body) for r in one.requests]) for name, one in everything.receivers.items()}
    assert "sync failed" in sent["slack"]
    assert "routing_key" in sent["pagerduty"]
    authorized = {
        name: {r.headers.get("Authorization", "") for r in one.requests} for name, one in everything.receivers.items()
    }
    assert authorized["prefect"] == {f"Bearer {secret('prefect')}"}
    assert [str(value).split()[0] for value in authorized["gateway"]] == ["Basic"]
    assert "assertion" in sent["google"]


def test_every_place_was_searched_and_a_planted_secret_is_found_there(
    everything: Places, scene: Scene, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything.leaks()
    for name in NAMES:
        everything.printed[f"a planted {name}"] = f"Error: {secret(name)} is wrong"
    everything.printed["a planted key"] = f"MII {everything.key_lines[3]} ..."
    for variable, value in scene.environment.items():
        monkeypatch.setenv(variable, value)
    logging.getLogger("somewhere").warning("connecting to %s", read_settings().database_url)
    (scene.home / "prefect" / "planted.jsonl").write_text(f'{{"url": "{secret("slack")}"}}')
    with dg.DagsterInstance.get() as instance:
        asset = dg.asset(name="planted")(lambda: dg.MaterializeResult(metadata={"seen": secret("dagster")}))
        dg.materialize([asset], instance=instance)
    with psycopg.connect(application.role) as connection:
        connection.execute("UPDATE sync_status SET error_details = %s WHERE entity_type = 'calls'", [f'["{MARK}"]'])
        connection.execute("UPDATE call_coach_sync.dead_letters SET reason = %s", [secret("database")])
    told = everything.receivers["slack"]
    told.take(replace(told.requests[0], body={"text": secret("pagerduty")}))
    found = everything.leaks().keys() - before.keys()
    assert found >= {
        *(f"printed by a planted {name}" for name in (*NAMES, "key")),
        "log",
        "file prefect/planted.jsonl",
        "dagster public.event_logs",
        "application public.sync_status",
        "application call_coach_sync.dead_letters",
        "sent to slack",
    }
