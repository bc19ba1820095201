"""Fixtures of the panel's tests: the Qt host, fresh for every test."""

import sys
from pathlib import Path

import pytest

TESTING = Path(__file__).resolve().parents[1]
for folder in (TESTING / "host", TESTING.parent):      # before anybody imports slicer: the wheel looks around once
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def running_host():
    from host import Host
    host = Host()
    yield host
    host.quit()


@pytest.fixture
def host(running_host):
    """The application, empty; the test fails if a slot or an observer raised and the test did not take the error."""
    running_host.reset()
    yield running_host
    errors = list(running_host.slot_errors)
    running_host.reset()
    assert not errors, f"raised in a slot or an observer: {errors}"
