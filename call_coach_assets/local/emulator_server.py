"""The process of the BigQuery emulator: `python -m call_coach_assets.local.emulator_server FOLDER [--memory] [--tied]`.

It serves BigQuery's REST and Storage APIs on loopback, on ports that the system chooses, writes them as JSON to
`FOLDER/address.json`, and runs until SIGTERM; `--tied` also ends it when its standard input is closed, that is with
the process that started it. Data lie in FOLDER, or in memory with `--memory`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--memory", action="store_true", help="keep the data in memory")
    parser.add_argument("--tied", action="store_true", help="end when standard input is closed")
    chosen = parser.parse_args(arguments)
    if chosen.tied:
        threading.Thread(target=_end_with_standard_input, daemon=True).start()
    asyncio.run(_serve(_server(chosen.folder, chosen.memory), chosen.folder))


def _end_with_standard_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _server(folder: Path, memory: bool) -> Any:
    from bqemulator.config import LogFormat, LogLevel, PersistenceMode, Settings
    from bqemulator.observability.logging_ import configure_logging

    configure_logging(level=LogLevel.WARNING, fmt=LogFormat.JSON)
    from bqemulator.server import EmulatorServer

    from call_coach_assets.local.emulator_repairs import repair
    from call_coach_assets.local.emulator_speed import speed_up

    repair()
    speed_up()
    settings = Settings(
        rest_port=0,
        grpc_port=0,
        persistence_mode=PersistenceMode.EPHEMERAL if memory else PersistenceMode.PERSISTENT,
        data_dir=None if memory else folder,
        upload_staging_dir=folder / "uploads",
        query_cache_ttl_seconds=0,
        enable_format_extensions=False,
        metrics_enabled=False,
        log_level=LogLevel.WARNING,
    )
    return EmulatorServer(settings)


async def _serve(server: Any, folder: Path) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await server.start()
    try:
        _announce(folder, {"pid": os.getpid(), "rest": server.rest_url, "grpc": server.grpc_endpoint})
        await ended.wait()
    finally:
        (folder / "address.json").unlink(missing_ok=True)
        await server.stop()


def _announce(folder: Path, address: dict[str, Any]) -> None:
    """Write the address in one step: a reader sees all of it or nothing."""
    draft = folder / f"address.{os.getpid()}.json"
    draft.write_text(json.dumps(address))
    draft.replace(folder / "address.json")


if __name__ == "__main__":
    main()
