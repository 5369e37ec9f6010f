"""What a step's process needs, imported and built once, in the process from which they are all forked.

Nothing here opens a connection or starts a thread: neither would survive the fork.
"""

from __future__ import annotations

import dagster_postgres.storage
import dlt.destinations.impl.postgres.factory
import dlt.destinations.impl.postgres.postgres
import google.cloud.bigquery
import sqlglot

import call_coach_assets.orchestration.instance_storage
import call_coach_assets.orchestration.landing
import call_coach_assets.orchestration.step
from call_coach_assets.definitions import defs

__all__ = ["call_coach_assets", "dagster_postgres", "dlt", "google", "sqlglot"]

defs()
