"""The commands of the group `synthetic-ct cohort`: their arguments, the jobs made of them, the summaries printed."""

from __future__ import annotations

import argparse
import math
import os
import re
from typing import Any

from .arguments import Command, chosen, count, seed
from .errors import InputError
from .jobs import JobDocument
from .jobs.records import PRIVATE
from .lesion.density_kinds import ANY, DENSITIES

_GO_ON = "Cancelled; the same command goes on where it was."


def _add_phantoms(command: argparse.ArgumentParser) -> None:
    command.add_argument("-n", "--count", required=True, type=count, metavar="N", help="how many patients")
    command.add_argument(
        "-o", "--output", required=True, metavar="DIR", type=os.path.abspath, help="folder for scans and subjects.csv"
    )
    command.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="of the first patient; the others follow (default 0)"
    )
    command.add_argument("--lesions", type=seed, default=0, metavar="N", help="lesions of each patient (default 0)")
    command.add_argument(
        "--region", choices=("torso", "chest", "abdomen"), default="torso", help="what is scanned (default torso)"
    )
    command.add_argument(
        "--spacing", nargs=3, type=_millimeters, metavar=("X", "Y", "Z"), help="voxel size in mm (default 1.5 1.5 3)"
    )
    command.set_defaults(make_job=_phantoms_job, summarize=_summarize_phantoms)


def _add_plan(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "subjects",
        metavar="SUBJECTS.csv",
        type=os.path.abspath,
        help="table with the columns id, image, region and, where there are any, labels ([NAME=]FILE;...), metadata "
        "(a JSON file), series (of a DICOM folder); relative paths start at its folder",
    )
    command.add_argument(
        "-o", "--output", required=True, metavar="PLAN.json", type=os.path.abspath, help="file for the plan; private"
    )
    command.add_argument("-n", "--count", required=True, type=_large_count, metavar="N", help="how many outputs")
    command.add_argument("--seed", type=seed, default=0, metavar="N", help="another one, other draws (default 0)")
    command.add_argument(
        "--subject-share", type=_share, default=1.0, metavar="P", help="share of each region's subjects that take part"
    )
    command.add_argument(
        "--edge-share", type=_share, default=1.0, metavar="P", help="share of each region's directed pairs in use"
    )
    command.add_argument("--per-edge", type=count, metavar="N", help="at most so many outputs of one pair")
    command.add_argument("--per-source", type=count, metavar="N", help="at most so many outputs of one source")
    command.add_argument(
        "--exclude-edges",
        metavar="CSV",
        type=os.path.abspath,
        help="pairs that must not be drawn (columns source, target), such as two scans of one family",
    )
    command.add_argument(
        "--t-min",
        type=_lowest_share,
        default=0.25,
        metavar="T",
        help="outputs lie from T to 1 - T of the way (default 0.25; near 0 they are copies of their source)",
    )
    command.add_argument(
        "--redraws", type=seed, default=3, metavar="N", help="further percentages for what is rejected (default 3)"
    )
    command.add_argument(
        "--grid", choices=("source", "target", "fit"), default="source", help="grid of the outputs (default source)"
    )
    command.add_argument(
        "--spacing",
        nargs=3,
        type=_millimeters,
        metavar=("X", "Y", "Z"),
        help="voxel size in mm that all outputs have, along the axes of the body, so that it does not tell whose they "
        "are (default: that of the grid)",
    )
    command.add_argument(
        "--size",
        nargs=3,
        type=count,
        metavar=("X", "Y", "Z"),
        help="with --spacing: voxels that all outputs have; what lies further out is cut off, what no scan saw is air",
    )
    command.add_argument(
        "--backend",
        choices=("auto", "ants", "simpleitk"),
        default="auto",
        help="what registers (default auto: ants where it is installed)",
    )
    command.add_argument(
        "--guided", action="store_true", help="let labels that both have guide the registration (each takes its time)"
    )
    command.add_argument(
        "--allow-face", action="store_true", help="accept heads, whose faces anyone can recognise from the surface"
    )
    _add_lesions(command)
    command.set_defaults(make_job=_plan_job, summarize=_summarize_plan)


def _add_lesions(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("lesions", "painted into outputs by a model; asked for by any of these")
    group.add_argument(
        "--lesion-model", metavar="NAME", type=_model, help="name or folder of the model (default: the only one)"
    )
    group.add_argument(
        "--lesions", nargs=2, type=seed, metavar=("LOW", "HIGH"), help="how many in an output (default 0 3)"
    )
    group.add_argument("--lesion-organ", nargs="+", metavar="NAME", help="labels they go into, such as 'lung left'")
    group.add_argument(
        "--lesion-shapes",
        type=_shapes,
        metavar="DIR",
        help="folder of label maps whose lesions lend their shapes, or the word subjects: those of the subjects that "
        "take part (default: shapes are grown)",
    )
    group.add_argument(
        "--lesion-diameter", nargs=2, type=_millimeters, metavar=("LOW", "HIGH"), help="in mm (default: as the shapes)"
    )
    group.add_argument("--lesion-density", choices=DENSITIES, help="how dense they are (default any: as real ones)")


def _add_run(command: argparse.ArgumentParser) -> None:
    command.add_argument("plan", metavar="PLAN.json", type=os.path.abspath, help="what `cohort plan` wrote")
    command.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="DIR",
        type=os.path.abspath,
        help="folder for the data set; a run of this plan found there goes on where it was",
    )
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=count,
        metavar="N",
        help="processes on this machine, or jobs of SLURM (default 1; here that is no further process)",
    )
    command.add_argument(
        "--slurm",
        metavar="SLURM.toml",
        type=os.path.abspath,
        help="the workers are jobs of SLURM that ask for what this file says; see `cohort slurm`",
    )
    where.add_argument(
        "--scheduler", type=_address, metavar="ADDRESS", help="a running Dask scheduler, such as tcp://node1:8786"
    )
    command.set_defaults(make_job=_run_job, summarize=_summarize_run, cancelled=_GO_ON, repeatable=True)


def _add_slurm(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "slurm",
        metavar="SLURM.toml",
        type=os.path.abspath,
        help="memory of a worker (such as '16GB'; needed), hours (24), partition, account, interface, temporary (a "
        "folder of the node), before (lines of shell), directives (more of sbatch)",
    )
    command.set_defaults(make_job=_slurm_job, summarize=lambda result: print(result["script"], end=""))


def _add_export(command: argparse.ArgumentParser) -> None:
    _add_cohort(command)
    command.add_argument(
        "-o", "--output", required=True, metavar="DIR", type=os.path.abspath, help="folder for what is exported"
    )
    command.add_argument(
        "--format",
        required=True,
        choices=("msd", "dicom"),
        help="msd: Medical Segmentation Decathlon; dicom: series with segmentations",
    )
    command.add_argument(
        "--min-distance",
        type=_share,
        metavar="D",
        help="leave out what is nearer to any original (above 0, the same scan, to 1, nothing in common)",
    )
    command.add_argument(
        "--exclude", metavar="REVIEW.csv", type=os.path.abspath, help="leave out what a reviewer has culled"
    )
    command.set_defaults(make_job=_export_job, summarize=_summarize_export)


def _add_report(command: argparse.ArgumentParser) -> None:
    _add_cohort(command)
    command.add_argument(
        "-o",
        "--output",
        metavar="HTML",
        type=os.path.abspath,
        help=f"file for the report, which shows sources (default DIR/{PRIVATE}/report.html)",
    )
    command.add_argument(
        "--attacked", type=count, default=20, metavar="N", help="so many outputs are attacked at most (default 20)"
    )
    command.add_argument("--seed", type=seed, default=0, metavar="N", help="which ones (default 0)")
    command.set_defaults(make_job=_report_job, summarize=_summarize_report)


def _add_cohort(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", metavar="DIR", type=os.path.abspath, help="what `cohort run` wrote")


# --- kinds of arguments


def _large_count(text: str) -> int:
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to 9999999")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _share(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0 and at most 1")
    return value


def _lowest_share(text: str) -> float:
    value = _number(text)
    if not 0.0001 <= value <= 0.5:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 0.0001 to 0.5")
    return value


def _millimeters(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is no length in mm")
    return value


def _model(text: str) -> str:
    """A model's folder becomes absolute; a name stays one."""
    return os.path.abspath(text) if os.path.isfile(os.path.join(text, "card.json")) else text


def _shapes(text: str) -> str:
    return text if text == "subjects" else os.path.abspath(text)


def _address(text: str) -> str:
    if not re.fullmatch(r"[a-z]+://\S+|[^\s:/]+:\d+", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no address of a scheduler, such as tcp://node1:8786")
    return text


# --- jobs


def _phantoms_job(arguments: argparse.Namespace) -> JobDocument:
    names = ("count", "seed", "lesions", "region", "output", "overwrite")
    return JobDocument("cohort.phantoms", {**chosen(arguments, *names), "spacing_mm": arguments.spacing})


def _plan_job(arguments: argparse.Namespace) -> JobDocument:
    names = ("subjects", "output", "count", "seed", "subject_share", "edge_share", "per_edge", "per_source", "t_min")
    more = ("redraws", "grid", "spacing", "size", "backend", "guided", "exclude_edges", "allow_face", "overwrite")
    lesions = _lesion_request(arguments)
    return JobDocument("cohort.plan", {**chosen(arguments, *names, *more), "lesions": lesions})


def _lesion_request(arguments: argparse.Namespace) -> dict[str, Any] | None:
    """What is asked for about lesions; None if nothing is."""
    names = ("lesion_model", "lesions", "lesion_organ", "lesion_shapes", "lesion_diameter", "lesion_density")
    asked = chosen(arguments, *names)
    if all(value is None for value in asked.values()):
        return None
    if not asked["lesion_organ"]:
        raise InputError("Lesions are asked for, but not where; name the labels they go into with --lesion-organ.")
    return {
        "model": asked["lesion_model"],
        "number": asked["lesions"] or [0, 3],
        "organs": asked["lesion_organ"],
        "shapes": asked["lesion_shapes"],
        "diameter_mm": asked["lesion_diameter"],
        "density": asked["lesion_density"] or ANY,
    }


def _run_job(arguments: argparse.Namespace) -> JobDocument:
    return JobDocument("cohort.run", chosen(arguments, "plan", "output", "workers", "scheduler", "slurm"))


def _slurm_job(arguments: argparse.Namespace) -> JobDocument:
    return JobDocument("cohort.slurm", chosen(arguments, "slurm"))


def _export_job(arguments: argparse.Namespace) -> JobDocument:
    names = ("folder", "format", "output", "min_distance", "exclude", "overwrite")
    return JobDocument("cohort.export", chosen(arguments, *names))


def _report_job(arguments: argparse.Namespace) -> JobDocument:
    output = arguments.output or os.path.join(arguments.folder, PRIVATE, "report.html")
    names = ("folder", "attacked", "seed", "overwrite")
    return JobDocument("cohort.report", {**chosen(arguments, *names), "output": output})


# --- summaries


def _summarize_phantoms(result: dict[str, Any]) -> None:
    print(f"phantoms   {result['count']}")
    print(f"folder     {result['folder']}")
    print(f"subjects   {result['subjects']}")


def _summarize_plan(result: dict[str, Any]) -> None:
    low, high = result["per_source"]
    print(f"outputs    {result['outputs']}, {low if low == high else f'{low} to {high}'} from each source")
    for region, numbers in result["regions"].items():
        print(
            f"           {region}: {numbers['outputs']} of {numbers['pairs']} pairs of {numbers['subjects']} subjects"
        )
    print(f"held out   {result['held_out']} subjects")
    print(f"labels     {', '.join(result['labels']) or 'none'}")
    if result["lesions"] is not None:
        print(f"lesions    {result['lesions']} in all outputs")
    print(f"plan       {result['file']}")
    print("           names the sources: do not publish it")


def _summarize_run(result: dict[str, Any]) -> None:
    print(f"made       {result['made']} of {result['total']}")
    print(f"rejected   {result['rejected']} by the quality gate, at every percentage")
    print(f"failed     {result['failed']}")
    for reason, number in result["reasons"].items():
        print(f"           {number}: {reason}")
    print(f"folder     {result['folder']}")
    for file in result["files"]:
        print(f"           {file}")
    print(f"{PRIVATE}/   names the sources, the percentages and the seeds: do not publish it")


def _summarize_export(result: dict[str, Any]) -> None:
    print(f"exported   {result['exported']} cases as {result['format']}")
    print(f"left out   {result['culled']} culled by the reviewer, {result['near']} too near to an original")
    for name in result["too_near"]:
        print(f"           {name}")
    if result["distances"]:
        spread = ", ".join(f"{name} {value:.4f}" for name, value in result["distances"].items())
        print(f"distances  to the nearest original: {spread}")
    print(f"folder     {result['folder']}")


def _summarize_report(result: dict[str, Any]) -> None:
    rows = {
        "nearer to an original than a new person is": result["nearer_than_strangers"],
        "source found by undoing the morph": result["found_first"],
        **{f"  and averaging {count} outputs of it": one for count, one in result["found_averaged"].items()},
        "member told from non-member (AUC)": result["membership"],
        "source found by its voxel grid alone": result["found_by_grid"],
    }
    print(f"attacked   {result['attacked']} outputs")
    for title, measured in rows.items():
        print(f"{title:<44} {_measured(measured)}")
    print(f"{'identifiers, dates and UIDs found':<44} {result['leaks']}")
    print(f"report     {result['file']}")
    print("           shows and names the sources: do not publish it")


def _measured(measured: dict[str, Any]) -> str:
    if "reason" in measured:
        return f"not measurable here: {measured['reason']}"
    return "{value:.2f} ({low:.2f} to {high:.2f}; chance {chance:.2f}; n = {n})".format(**measured)


COHORT_COMMANDS = (
    Command("phantoms", "make patients who never lived, listed as subjects, to try a cohort on", _add_phantoms),
    Command("plan", "check subjects and draw which morphs between them make up a data set", _add_plan),
    Command("run", "make the outputs of a plan, here or on a cluster; resumes", _add_run, None),
    Command("slurm", "print the job script that `run --slurm` starts its workers with", _add_slurm, None),
    Command("export", "write a cohort in another format, without what is too near to an original", _add_export),
    Command("report", "attack a cohort and tell in one page how good and how private it is", _add_report),
)
"""The group's commands."""
