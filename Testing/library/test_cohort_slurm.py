"""Workers from SLURM: the settings' file and the job script; there is no SLURM here to start any."""

from __future__ import annotations

from pathlib import Path

import cohort_runs
import pytest

from SyntheticCTLib import cli
from SyntheticCTLib.cohort.running.cluster import CONFIGURATION
from SyntheticCTLib.cohort.running.slurm import SlurmSettings, job_script, read_slurm
from SyntheticCTLib.cohort.running.threads import ONE_THREAD
from SyntheticCTLib.errors import InputError

pytest.importorskip("dask_jobqueue")

SETTINGS = """
memory = "16GiB"
hours = 36.5
partition = "long"
account = "ct-7"
interface = "lo"
temporary = "/scratch"
before = ["module load python/3.11", "cd /shared"]
directives = ["--constraint=avx2"]
"""


@pytest.fixture
def file(tmp_path) -> Path:
    (tmp_path / "slurm.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path / "slurm.toml"


def test_the_job_script_asks_for_what_the_file_says_and_starts_one_thread(file):
    lines = job_script(read_slurm(file), CONFIGURATION).splitlines()
    asked = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")]
    assert {"-p long", "-A ct-7", "-n 1", "--cpus-per-task=1", "--mem=16G", "-t 36:30:00"} <= set(asked)
    assert "--constraint=avx2" in asked
    assert lines.index("module load python/3.11") < lines.index("cd /shared") < lines.index("export OMP_NUM_THREADS=1")
    assert {f"export {name}=1" for name in ONE_THREAD} <= set(lines)
    assert "export DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=False" in lines
    worker = lines[-1].split()
    assert "distributed.cli.dask_worker" in worker
    for option, value in (("--nthreads", "1"), ("--memory-limit", "16.00GiB"), ("--local-directory", "/scratch")):
        assert worker[worker.index(option) + 1] == value
    assert int(worker[worker.index("--lifetime") + 1].rstrip("s")) < 36.5 * 3600


def test_the_command_prints_it(file, capsys):
    assert cli.main(["cohort", "slurm", str(file)]) == 0
    assert "#SBATCH -p long" in capsys.readouterr().out


def test_what_is_left_open_has_a_default(tmp_path):
    (tmp_path / "slurm.toml").write_text('memory = "8GB"', encoding="utf-8")
    assert read_slurm(tmp_path / "slurm.toml") == SlurmSettings("8GB")


def test_what_is_left_open_is_the_sites_own(file):
    import dask

    site = {"jobqueue.slurm.job-script-prologue": ["module load site"]}
    site["jobqueue.slurm.job-extra-directives"] = ["--qos=site"]
    with dask.config.set(site):
        lines = job_script(SlurmSettings("8GB"), CONFIGURATION).splitlines()
        assert "#SBATCH --qos=site" in lines
        assert lines.index("module load site") < lines.index("export OMP_NUM_THREADS=1")
        ours = job_script(read_slurm(file), CONFIGURATION)
    assert "--qos=site" not in ours and "module load site" not in ours


@pytest.mark.parametrize("memory", ["0GB", "0.0 GiB"])
def test_no_memory_is_refused_as_slurm_takes_it_for_all(tmp_path, memory):
    (tmp_path / "slurm.toml").write_text(f'memory = "{memory}"', encoding="utf-8")
    with pytest.raises(InputError, match="memory is"):
        read_slurm(tmp_path / "slurm.toml")


def test_all_faults_of_the_file_are_told_at_once(tmp_path):
    file = tmp_path / "slurm.toml"
    file.write_text('hours = "long"\nqueue = "x"\nbefore = "module load"', encoding="utf-8")
    with pytest.raises(InputError) as told:
        read_slurm(file)
    for part in ("no setting 'queue'", "memory is missing", "hours is 'long'", "before is 'module load'"):
        assert part in str(told.value)
    file.write_text("memory = 16GB", encoding="utf-8")
    with pytest.raises(InputError, match="no TOML"):
        read_slurm(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_slurm(tmp_path / "none.toml")


@pytest.fixture
def plan(tmp_path_factory) -> Path:
    return cohort_runs.inputs(tmp_path_factory) / "plan.json"


def test_without_sbatch_the_run_is_refused(plan, file, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no sbatch here"):
        cohort_runs.run(plan, tmp_path / "out", workers=2, slurm=file)


def test_what_sbatch_has_against_the_job_is_told(plan, file, tmp_path, monkeypatch):
    sbatch = tmp_path / "sbatch"
    sbatch.write_text('#!/bin/sh\necho "sbatch: error: invalid partition" >&2\nexit 1\n', encoding="utf-8")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(InputError, match="does not take the job: sbatch: error: invalid partition"):
        cohort_runs.run(plan, tmp_path / "out", workers=2, slurm=file)


def test_slurm_and_a_running_scheduler_exclude_each_other(plan, file, tmp_path):
    with pytest.raises(InputError, match="not both"):
        cohort_runs.run(plan, tmp_path / "out", slurm=file, scheduler="tcp://127.0.0.1:1")
