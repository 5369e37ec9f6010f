"""Who can reach the UI: nobody but this machine."""

import os

import pytest

from call_coach_assets_tests.listening import LOOPBACK, descendants, listening_addresses

pytestmark = pytest.mark.browser


def test_the_ui_its_daemon_and_its_code_server_listen_on_loopback_only(ui: str) -> None:
    found = {process: listening_addresses(process) for process in descendants(os.getpid())}
    assert {address for addresses in found.values() for address in addresses} <= LOOPBACK
    assert any(found.values())
