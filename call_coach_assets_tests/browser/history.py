"""What has happened before anybody looks: some hours of a sync's life, in a few runs."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

import dagster as dg
import psycopg

from call_coach_assets_tests.orchestration.conftest import Stack
from call_coach_assets_tests.orchestration.live import CALL_COACH, PROJECT
from call_coach_assets_tests.sync.story import address, call, email, monologue, opportunity, speaker
from call_coach_assets_tests.warehouse import Warehouse

CHANGES = ((1001, 4, 12), (1010, 9, 30), (1030, 2, 5), (1040, 6, 21))  # the first new call, calls, monologues of each
BREAK_EMAILS = "ALTER TABLE emails RENAME COLUMN subject TO title"
MEND_EMAILS = """
DO $$ BEGIN ALTER TABLE emails RENAME COLUMN title TO subject; EXCEPTION WHEN undefined_column THEN NULL; END $$
"""
LOSE_ROWS = "DELETE FROM transcripts WHERE sequence_number % 3 = 0"


@dataclass(frozen=True)
class Scene:
    """A stack, and its history of runs."""

    stack: Stack
    instance: dg.DagsterInstance

    def call_coach(self, *arguments: str) -> int:
        """Run `call-coach`; its exit status."""
        environment = {**os.environ, **self.stack.environment}
        return subprocess.run([CALL_COACH, *arguments], env=environment, cwd=PROJECT, check=False).returncode

    def tamper(self, statement: str) -> None:
        """Do something to the application's tables behind the sync's back."""
        with psycopg.connect(self.stack.database) as connection:
            connection.execute(statement.encode())


def make_history(scene: Scene) -> None:
    """All history, then some hours with more or less to do; once `emails` fails, in the end rows have been lost."""
    assert scene.call_coach("sync") == 0
    assert scene.call_coach("reconcile") == 0
    for number, (first, calls, monologues) in enumerate(CHANGES):
        change(scene.stack.warehouse, first, calls, monologues)
        if number == 1:
            scene.tamper(BREAK_EMAILS)
            assert scene.call_coach("sync") == 1
            scene.tamper(MEND_EMAILS)
        assert scene.call_coach("sync") == 0
    scene.tamper(LOSE_ROWS)
    scene.tamper(BREAK_EMAILS)
    change(scene.stack.warehouse, 1050, 3, 9)
    assert scene.call_coach("sync") == 1


def change(warehouse: Warehouse, first: int, calls: int, monologues: int) -> None:
    """What an hour brings: new calls with all that belongs to them, a new deal, an edited one."""
    numbers = range(first, first + calls)
    warehouse.insert("gong.call", [call(number) for number in numbers])
    warehouse.insert("gong.call_speaker", [speaker(number, name) for number in numbers for name in "ab"])
    lines = range(monologues)
    warehouse.insert("gong.transcript", [monologue(number, i, f"words {i}") for number in numbers for i in lines])
    warehouse.insert("salesforce.opportunity", [opportunity(f"006X{first}")])
    warehouse.insert("gong.email", [email(f"mail-{number}") for number in numbers])
    warehouse.insert("gong.email_sender", [address(f"mail-{number}", "sender") for number in numbers])
