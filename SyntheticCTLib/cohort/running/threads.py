"""One thread for each task: sums over several depend on which is first, and a worker has one core."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import util

from ...morph.threads import one_thread

ONE_THREAD = {
    name: "1"
    for name in (
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    )
}
"""Environment of a worker process: these are looked at when the libraries are loaded."""


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """One thread for torch, which may have been loaded before with more."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def limited_threads() -> Iterator[None]:
    """One thread for SimpleITK, and for what is loaded from now on, in this process.

    Libraries for matrices that were loaded before with more threads are limited where threadpoolctl is installed.
    """
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    with ExitStack() as limits:
        limits.enter_context(one_thread())
        if util.find_spec("threadpoolctl") and before["OMP_NUM_THREADS"] != "1":
            from threadpoolctl import threadpool_limits

            limits.enter_context(threadpool_limits(1))
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
