"""Whether the packages of the embedded stack are there: a deployment has none of them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from call_coach_assets.errors import ConfigurationError


def package_folder(package: str) -> Path:
    """Where a package is installed, without importing it. Raises ConfigurationError where it is not."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            f"The embedded stack needs {package}, which is not installed",
            why="CALL_COACH_PROFILE=local needs the dependency group `local`",
            remedy="install that group (uv sync --group local), or unset CALL_COACH_PROFILE",
        )
    return Path(spec.origin).parent
