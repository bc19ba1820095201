"""What tests of several rooms share: where the real scans are."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real scans beside the project; tests that ask for it skip where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"the real scans are not here ({DATA})")
    return DATA
