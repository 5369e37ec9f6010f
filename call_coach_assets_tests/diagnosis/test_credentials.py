import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from call_coach_assets.diagnosis.credentials import find_credentials
from call_coach_assets.diagnosis.finding import Finding, State
from call_coach_assets.settings import read_settings

ACCOUNT = {
    "type": "service_account",
    "project_id": "a-project",
    "client_email": "sync@a-project.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}


def look(path: Path, content: object = None) -> Finding:
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return find_credentials(read_settings(_env_file=None, google_application_credentials=str(path)))


@pytest.mark.covers("P2")
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        ("-----BEGIN", "Expecting value"),
        ([1], "is no usable key file"),
        ({"type": "hammer"}, "Type is hammer"),
        ({"type": "service_account"}, "missing fields"),
        ({**ACCOUNT, "private_key": "garbage-key"}, "Unable to load PEM file"),
    ],
    ids=["no file", "no JSON", "no object", "unknown type", "fields missing", "garbage key"],
)
def test_credentials_that_cannot_work_are_told_from_the_file_alone(content: object, says: str, tmp_path: Path) -> None:
    finding = look(tmp_path / "key.json", content)
    assert finding.state is State.ERROR
    assert says in finding.what
    assert str(tmp_path / "key.json") in finding.what
    assert finding.remedy
    assert "garbage-key" not in f"{finding}"


@pytest.mark.covers("P1", "P3")
def test_a_usable_key_file_names_its_account_and_project(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    finding = look(tmp_path / "key.json", {**ACCOUNT, "private_key": key.decode()})
    assert finding.state is State.OK
    assert ACCOUNT["client_email"] in finding.what
    assert "a-project" in finding.what


def test_without_a_file_there_are_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    finding = find_credentials(read_settings(_env_file=None))
    assert finding.state is State.ERROR
    assert "GOOGLE_APPLICATION_CREDENTIALS is not set" in finding.what


def test_an_emulator_needs_none() -> None:
    finding = find_credentials(read_settings(_env_file=None, bigquery_emulator_host="http://127.0.0.1:9"))
    assert finding.state is State.OK
    assert "anonymous" in finding.what
