"""Workers as jobs of a SLURM cluster, through dask-jobqueue: one job is one worker, with one core and one thread.

The command runs where `sbatch` is to be had, with the scheduler in it; workers come as SLURM finds room for them, and
go when their time is up, whereupon a new job is sent. All of them must see the cohort's folder, the subjects' files
and this Python environment under the same names.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from .threads import ONE_THREAD

if TYPE_CHECKING:
    from distributed import Client

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

AGAIN_SECONDS = 60.0
"""How often jobs that have ended are sent anew."""

LEAVE_SECONDS = 300
"""A worker stops taking tasks so long before its job's time is up."""

_MEMORY = re.compile(r"(?=[\d.]*[1-9])\d+(\.\d+)? *[MGT]i?B", re.IGNORECASE)
"""Not 0, by which SLURM understands all that a node has."""


@dataclass(frozen=True)
class SlurmSettings:
    """What one job asks SLURM for.

    memory: of a worker, such as "16GB"; it must hold one pair of scans and what is made of them. hours: until SLURM
    ends the job. partition, account: as for sbatch. interface: network that nodes reach each other by, such as "ib0".
    temporary: folder of the node for a worker's temporary files. before: lines of shell run first, such as "module
    load ...". directives: more of sbatch, such as "--constraint=avx2".
    """

    memory: str
    hours: float = 24
    partition: str | None = None
    account: str | None = None
    interface: str | None = None
    temporary: str | None = None
    before: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()


def read_slurm(file: str | os.PathLike[str]) -> SlurmSettings:
    """The settings in a TOML file. Raises InputError, with all faults, if it is none."""
    try:
        values = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: the settings of SLURM cannot be read ({error.strerror}); check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: this is no TOML file ({error}).") from error
    faults = _faults(values)
    if faults:
        raise InputError(f"{file}: the settings of SLURM cannot be used: " + "; ".join(faults) + ".")
    return SlurmSettings(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def job_script(settings: SlurmSettings, configuration: Mapping[str, Any]) -> str:
    """What is handed to sbatch for each worker, with a placeholder for the scheduler's address.

    configuration: of Dask, of which workers get their part. Raises InputError if dask-jobqueue is missing.
    """
    job_class = _jobqueue().SLURMJob
    return job_class("tcp://SCHEDULER:PORT", name="WORKER", **_job(settings, configuration)).job_script()


@contextmanager
def slurm_cluster(settings: SlurmSettings, jobs: int, logs: Path, configuration: Mapping[str, Any]) -> Iterator[Client]:
    """A client of a cluster whose `jobs` workers have been asked for. logs: folder for what the jobs print.

    Raises InputError if dask-jobqueue or sbatch is not here, or sbatch refuses the job.
    """
    from distributed import Client
    from tornado.ioloop import PeriodicCallback

    jobqueue = _jobqueue()
    if not shutil.which("sbatch"):
        raise InputError("There is no sbatch here; give the command on a machine from which jobs are sent to SLURM.")
    job = _job(settings, configuration)
    scheduler = {"dashboard_address": ":0"}
    cluster = jobqueue.SLURMCluster(log_directory=str(logs), scheduler_options=scheduler, **job)
    with _closing(cluster):
        for _ in range(jobs):  # not by scale(), which tells nobody what sbatch has against the job
            cluster.worker_spec.update(cluster.new_worker_spec())
        try:
            cluster.sync(cluster._correct_state)
        except RuntimeError as error:
            raise InputError(f"SLURM does not take the job: {_told(error)}. Change its settings.") from error
        again = PeriodicCallback(lambda: cluster.scale(jobs=jobs), AGAIN_SECONDS * 1000)
        cluster.loop.add_callback(again.start)
        with Client(cluster, set_as_default=False) as client:
            try:
                yield client
            finally:
                cluster.loop.add_callback(again.stop)


@contextmanager
def _closing(cluster: Any) -> Iterator[None]:
    """Close the cluster in the end, which takes back all its jobs."""
    try:
        yield
    finally:
        with suppress(AssertionError):  # that is what Dask says of a job that was never taken
            cluster.close()


def _job(settings: SlurmSettings, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as dask-jobqueue takes them; what they leave open is taken from the site's own configuration."""
    seconds = round(settings.hours * 3600)
    lifetime = max(seconds - LEAVE_SECONDS, seconds // 2)
    return {
        "cores": 1,
        "processes": 1,
        "memory": settings.memory,
        "walltime": f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}",
        "queue": settings.partition,
        "account": settings.account,
        "interface": settings.interface,
        "local_directory": settings.temporary,
        "job_name": "synthetic-ct",
        "job_script_prologue": [*(settings.before or _site_prologue()), *_exports(configuration)],
        "job_extra_directives": list(settings.directives) or None,  # an empty list would be taken for an answer
        "worker_extra_args": ["--no-dashboard", "--lifetime", f"{lifetime}s"],
    }


def _site_prologue() -> list[str]:
    """Lines of shell from the site's own configuration; our own would take their place."""
    import dask

    return list(dask.config.get("jobqueue.slurm.job-script-prologue", None) or ())


def _exports(configuration: Mapping[str, Any]) -> list[str]:
    """Lines of shell: one thread for each library, and Dask's configuration of workers."""
    values = dict(ONE_THREAD)
    for key, value in configuration.items():
        if key.startswith("distributed.worker."):
            values["DASK_" + key.upper().replace(".", "__").replace("-", "_")] = str(value)
    return [f"export {name}={value}" for name, value in values.items()]


def _jobqueue() -> Any:
    try:
        import dask_jobqueue.slurm
    except ImportError as error:
        raise InputError(
            "SLURM is spoken to by the package dask-jobqueue, which is not installed here; install it with "
            "`pip install 'syntheticct[cluster]'`."
        ) from error
    return dask_jobqueue.slurm


def _told(error: RuntimeError) -> str:
    """What sbatch printed, in one line."""
    text = str(error)
    return " ".join((text.rpartition("stderr:")[2].strip() or text).split()).rstrip(".")


def _faults(values: Mapping[str, Any]) -> list[str]:
    known = [field.name for field in fields(SlurmSettings)]
    faults = [f"there is no setting {name!r} (known are {', '.join(known)})" for name in values if name not in known]
    if "memory" not in values:
        faults.append('memory is missing; expected that of a worker, such as memory = "16GB"')
    for name, (good, expected) in _RULES.items():
        if name in values and not good(values[name]):
            faults.append(f"{name} is {values[name]!r}; expected {expected}")
    return faults


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\n" not in value


def _lines(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


_RULES = {
    "memory": (lambda value: _text(value) and bool(_MEMORY.fullmatch(value)), 'a size such as "16GB"'),
    "hours": (lambda value: type(value) in (int, float) and 0.1 <= value <= 8760, "a number of hours, from 0.1 up"),
    "partition": (_text, "a text"),
    "account": (_text, "a text"),
    "interface": (_text, "a text"),
    "temporary": (_text, "a folder"),
    "before": (_lines, "a list of lines of shell"),
    "directives": (_lines, 'a list of texts, such as ["--constraint=avx2"]'),
}
"""For each setting, whether a value is good, and what is expected."""
