"""dlt, set up for this project: one source of configuration, no telemetry, credentials taken as they are.

dlt looks every setting up in the environment and in `.dlt/` of the working directory and of the home, hundreds of times
a run. Here it reads one dictionary instead: a sync does the same wherever it is started, in half the time.
"""

from __future__ import annotations

import logging
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from call_coach_assets.sync.adbc_database import SharedDatabase, sharing_client

if TYPE_CHECKING:
    import dlt
    from dlt.destinations.impl.postgres.postgres import PostgresClient

    from call_coach_assets.settings import Settings

_FILE_ROWS = 40_000
_LOAD_WORKERS = 2


def configuration() -> dict[str, Any]:
    """What dlt is told. Two workers and files of 40,000 rows bound the memory; the sync itself tries again."""
    return {
        "normalize": {"parquet_normalizer": {"add_dlt_load_id": True}},
        "data_writer": {"file_max_items": _FILE_ROWS, "compression": "none"},
        "load": {"workers": _LOAD_WORKERS, "raise_on_max_retries": 1},
        "runtime": {"dlthub_telemetry": False, "log_level": "CRITICAL", "intercept_signals": False},
        "providers": {"enable_airflow_secrets": False},
        "enable_runtime_trace": False,
    }


@cache
def configure() -> None:
    """Give dlt its configuration, once in a process."""
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.providers import CustomLoaderDocProvider
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
    from dlt.common.runtime.run_context import RunContext

    class OneSource(RunContext):
        """The settings of this project only."""

        def initial_providers(self) -> list[Any]:
            return [CustomLoaderDocProvider("call_coach", configuration, supports_secrets=False)]

    Container()[PluggableRunContext] = PluggableRunContext(OneSource(run_dir="."))
    logging.getLogger("dlt").propagate = False


def destination_for(settings: Settings) -> Any:
    """dlt's Postgres destination, which hands DATABASE_URL to libpq as it is."""
    return _destination(settings.database_url)


@cache
def _destination(url: str) -> Any:
    import dlt
    from dlt.common.configuration import configspec
    from dlt.destinations.impl.postgres.configuration import PostgresCredentials

    @configspec(init=False)
    class DatabaseUrl(PostgresCredentials):
        """A URL that may leave out what libpq finds by itself, such as the password."""

        password: str | None = None  # type: ignore[assignment]
        url: str | None = None

        def to_native_representation(self) -> str:
            return self.url or ""

    class Remembering(dlt.destinations.postgres):
        """Resolves each configuration once, not two dozen times in a run; opens one ADBC database for all files."""

        @cached_property
        def _resolved(self) -> dict[str, Any]:
            return {}

        @cached_property
        def client_class(self) -> type[PostgresClient]:
            return sharing_client(SharedDatabase())

        def configuration(self, initial_config: Any, accept_partial: bool = False) -> Any:
            plain = (item for item in vars(initial_config).items() if isinstance(item[1], str | int | None))
            asked = repr(sorted(item for item in plain if not item[0].startswith("_")))
            if asked not in self._resolved:
                self._resolved[asked] = super().configuration(initial_config, accept_partial)
            return self._resolved[asked].copy()

    parts = urlsplit(url)
    credentials = DatabaseUrl()
    credentials.url = url
    credentials.host = unquote(parts.hostname or "localhost")
    credentials.database = parts.path.strip("/") or "postgres"
    credentials.username = parts.username or "postgres"
    credentials.resolve()
    return Remembering(credentials=credentials)


def pipeline_for(entity: str, settings: Settings, folder: str) -> dlt.Pipeline:
    """The entity's pipeline, working in `folder`; its state is restored from Postgres when it runs."""
    configure()
    import dlt

    return dlt.pipeline(
        f"call_coach_{entity}",
        pipelines_dir=folder,
        destination=destination_for(settings),
        dataset_name=settings.sync_schema,
    )
