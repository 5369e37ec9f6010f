"""Google credentials: the service account's file, else application-default credentials, found without the network.

`google.auth.default()` asks the metadata server of Google's machines last and waits for it where there is none; here
it is only asked on such a machine.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from call_coach_assets.errors import SourceAccessError
from call_coach_assets.settings import Settings

_SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform")
_REMEDY = (
    "set GOOGLE_APPLICATION_CREDENTIALS to the path of a service account's JSON key (in the environment or in .env),"
    " or run `gcloud auth application-default login`"
)
# Set by Cloud Run, Cloud Functions, GKE's and other metadata servers.
_GOOGLE_MACHINE_VARIABLES = ("K_SERVICE", "CLOUD_RUN_JOB", "GCE_METADATA_HOST", "GCE_METADATA_IP")
_PRODUCT_NAME = Path("/sys/class/dmi/id/product_name")


def google_credentials(settings: Settings) -> Any:
    """Credentials for BigQuery; SourceAccessError, naming the variable to set, where none are usable."""
    from google.auth import default
    from google.auth.exceptions import GoogleAuthError

    if "{" in (settings.google_application_credentials or ""):
        raise SourceAccessError(
            "GOOGLE_APPLICATION_CREDENTIALS is no path",
            why="it looks like a key itself, which is not shown here",
            remedy="write the key to a file that only the sync can read, and name that file",
        )
    try:
        if settings.google_application_credentials:
            return _from_file(settings.google_application_credentials)
        if _default_file().is_file() or _on_google_machine():
            return default(scopes=_SCOPES)[0]
    except GoogleAuthError as error:
        raise SourceAccessError("Google's credentials are wrong", why=str(error), remedy=_REMEDY) from error
    raise SourceAccessError(
        "There are no Google credentials",
        why="GOOGLE_APPLICATION_CREDENTIALS is not set and there are no application-default credentials",
        remedy=_REMEDY,
    )


def _from_file(path: str) -> Any:
    """A service account's key, or another kind of credentials, such as a workload identity's."""
    from google.auth import load_credentials_from_file
    from google.oauth2.service_account import Credentials

    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if content.get("type") == "service_account":
            return Credentials.from_service_account_info(content, scopes=_SCOPES)  # type: ignore[no-untyped-call]
        return load_credentials_from_file(path, scopes=_SCOPES)[0]  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SourceAccessError(
            f"GOOGLE_APPLICATION_CREDENTIALS names {path}, which is no usable key file", why=str(error), remedy=_REMEDY
        ) from error


def _default_file() -> Path:
    """Where `gcloud auth application-default login` writes."""
    folder = os.environ.get("CLOUDSDK_CONFIG") or (
        Path(os.environ["APPDATA"]) / "gcloud" if "APPDATA" in os.environ else Path.home() / ".config" / "gcloud"
    )
    return Path(folder) / "application_default_credentials.json"


def _on_google_machine() -> bool:
    if any(os.environ.get(variable) for variable in _GOOGLE_MACHINE_VARIABLES):
        return True
    return _PRODUCT_NAME.is_file() and _PRODUCT_NAME.read_text().startswith("Google")
