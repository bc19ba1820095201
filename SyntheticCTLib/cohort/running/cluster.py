"""Workers to carry a plan out: in this process, on this machine, in SLURM's jobs, or behind any scheduler's address."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import util
from typing import TYPE_CHECKING

from ...errors import InputError
from ..dataset.layout import Layout
from .slurm import SlurmSettings, slurm_cluster
from .threads import ONE_THREAD
from .versions import Work

if TYPE_CHECKING:
    from distributed import Client

    from ...jobs import JobContext

CONNECT_SECONDS = 10
"""A scheduler that has not answered by then is not there."""

_LOOK = 1.0
"""Seconds between two looks whether a worker has come."""

_HERE = "127.0.0.1"
"""Where the dashboard of this machine's own workers is served; nobody else needs to see it."""

ALLOWED_DEATHS = 3
"""A task in whose presence more workers than this have died is suspected of killing them."""

CONFIGURATION = {
    # A pair in memory is what a worker is for. Nothing is spilt to disk, and a worker that waited until it had more
    # memory would wait for ever; one that takes nearly all is ended before the machine suffers.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    # A registration may keep a worker from answering for many minutes; whether it lives, its nanny knows.
    "distributed.scheduler.worker-ttl": None,
    "distributed.scheduler.allowed-failures": ALLOWED_DEATHS,
    # What the scheduler remembers of the past; it lives in this process, whose memory must not grow with the cohort.
    "distributed.admin.low-level-log-length": 100,
    "distributed.scheduler.dashboard.tasks.task-stream-length": 1000,
    "distributed.nanny.pre-spawn-environ": {**ONE_THREAD},
}


@contextmanager
def connected(
    workers: int | None,
    scheduler: str | None,
    slurm: SlurmSettings | None,
    layout: Layout,
    work: Work,
    context: JobContext,
) -> Iterator[Client]:
    """A client of workers that are ready, or will come.

    workers: how many processes to start on this machine; one, or None, works in this process. scheduler: address of a
    running scheduler instead. slurm: what to ask SLURM for; then there are so many jobs. work: what the workers must
    be able to do.

    Raises InputError if dask is missing, the scheduler does not answer, or its workers cannot do this work.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise InputError(
            "A cohort is run by the package distributed, which is not installed here; install it with "
            "`pip install 'syntheticct[cohort]'`."
        ) from error
    if scheduler is not None:
        with _client_of(scheduler) as client:
            _check_workers(client, layout, work, context)
            _tell_dashboard(client, context)
            yield client
        return
    if slurm is not None:
        with _on_slurm(slurm, workers or 1, layout, context) as client:
            _check_workers(client, layout, work, context)
            _tell_dashboard(client, context)
            yield client
        return
    count = workers or 1
    with dask.config.set(CONFIGURATION):
        context.report("starting the workers")
        with (
            LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=count > 1,
                dashboard_address=f"{_HERE}:0",
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            if util.find_spec("bokeh"):
                _tell_dashboard(client, context, _HERE)
            yield client


@contextmanager
def _on_slurm(settings: SlurmSettings, jobs: int, layout: Layout, context: JobContext) -> Iterator[Client]:
    """A client of SLURM's jobs, when the first of them works."""
    import dask

    with dask.config.set(CONFIGURATION):
        context.report("asking SLURM for workers")
        with slurm_cluster(settings, jobs, layout.slurm_logs, CONFIGURATION) as client:
            while not client.nthreads():
                context.report(f"waiting in SLURM's queue for the first of {jobs} workers")
                time.sleep(_LOOK)
            yield client


@contextmanager
def _client_of(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, asyncio.TimeoutError, ValueError) as error:
        raise InputError(
            f"No scheduler answers at {address}. Start one (`dask scheduler`), or give the address it prints, such as "
            "tcp://10.0.0.1:8786."
        ) from error
    try:
        yield client
    finally:
        with suppress(OSError, asyncio.TimeoutError):  # the scheduler may have gone, and why is being told already
            client.close(timeout=CONNECT_SECONDS)


def _check_workers(client: Client, layout: Layout, work: Work, context: JobContext) -> None:
    """Refuse workers that would make something else, or write it elsewhere."""
    context.report("asking the workers what they have")
    try:
        found = client.run(_describe, str(layout.plan), work)
    except Exception as error:  # whatever the workers raised comes through
        raise InputError(
            f"A worker cannot do this work ({type(error).__name__}: {error}). Install the same version of syntheticct, "
            "and of what it needs, on all workers as here."
        ) from error
    here = tuple(pair for group in work.versions() for pair in group)
    for worker, (sees_folder, versions, threads) in sorted(found.items()):
        if not sees_folder:
            raise InputError(
                f"The worker {worker} does not see {layout.folder}. Choose a folder that all machines share, under one "
                "name."
            )
        if versions != here:
            other = ", ".join(" ".join(pair) for pair in sorted(set(versions) - set(here))) or "fewer packages"
            raise InputError(
                f"The worker {worker} has {other}, unlike this machine, so its results would differ. Install the same "
                "versions on all workers."
            )
        if threads > 1:
            context.note(f"the worker {worker} has {threads} threads; one is used. Start workers with --nthreads 1")
    if not found:
        context.note(f"the scheduler at {client.scheduler.address} has no workers yet; waiting for the first")


def _describe(plan: str, work: Work, dask_worker=None) -> tuple[bool, tuple, int]:
    """On a worker: whether it sees the cohort's folder, what decides about its voxels, its threads."""
    from pathlib import Path

    versions = tuple(pair for group in work.versions() for pair in group)
    return Path(plan).is_file(), versions, dask_worker.state.nthreads


def _tell_dashboard(client: Client, context: JobContext, host: str | None = None) -> None:
    """host: where it is served, if that is not the scheduler's address, which in one process is a mere name."""
    from distributed.comm import get_address_host

    link = client.dashboard_link
    if link and host:
        link = link.replace(f"//{get_address_host(client.scheduler.address)}:", f"//{host}:")
    if link:
        context.note(f"dashboard: {link}")
