"""One thread for ITK, where the same bytes must come out on machines with different processors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK as sitk


@contextmanager
def one_thread(wanted: bool = True) -> Iterator[None]:
    """Let SimpleITK work on one thread, if `wanted`.

    A registration metric adds up in as many parts as there are threads, so its last digits depend on their number;
    a registration method's own `SetNumberOfThreads` does not reach its metric. Set for the whole process.
    """
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    if wanted:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def thread_count() -> int:
    """How many threads work may be spread over here: as many as SimpleITK's, so that `one_thread` holds for both."""
    return sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
