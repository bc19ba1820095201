"""Errors become message boxes: the library's own sentences as they are, anything else with what was tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import slicer

from ..errors import SyntheticCTError


@contextmanager
def errors_shown(tried: str) -> Iterator[None]:
    """Run a block under a wait cursor and show what goes wrong in it.

    A `SyntheticCTError` says what to do and ends here. Any other exception is a defect: it is shown after the
    sentence `tried` and raised again, so that Slicer's log has it.
    """
    try:
        with slicer.util.WaitCursor():
            yield
    except SyntheticCTError as error:
        slicer.util.errorDisplay(str(error))
    except Exception as error:
        slicer.util.errorDisplay(f"{tried}\n\n{error}")
        raise
