"""The commands `synthetic-ct review ...`: the arguments each one takes, the job it makes of them, its summary."""

from __future__ import annotations

import argparse
import math
import os
from typing import Any

from .arguments import Command, chosen, count, seed
from .jobs import JobDocument

_UNCHANGED = "Cancelled; answers that were given are kept."


def _add_plan(command: argparse.ArgumentParser) -> None:
    folder = (
        "a cohort, a folder with subjects.csv, or one with volume files or sub-folders of DICOM files; patients.csv "
        "(columns file, patient) tells which scans are of one patient"
    )
    command.add_argument("--real", required=True, metavar="DIR", type=os.path.abspath, help=f"real scans: {folder}")
    command.add_argument("--synthetic", required=True, metavar="DIR", type=os.path.abspath, help="synthetic ones")
    command.add_argument(
        "-o", "--output", required=True, metavar="STUDY", type=os.path.abspath, help="folder for the readers; a new one"
    )
    command.add_argument("--cases", required=True, type=count, metavar="N", help="how many; half of them are synthetic")
    command.add_argument("--seed", type=seed, default=0, metavar="N", help="another one, other cases (default 0)")
    command.add_argument(
        "--mode",
        choices=("rate", "pairs"),
        default="rate",
        help="rate: one case at a time, real or synthetic (default); pairs: side by side, which one is synthetic",
    )
    command.add_argument(
        "--practice", type=seed, default=0, metavar="N", help="further cases, shown first with their answer (default 0)"
    )
    command.add_argument(
        "--key",
        metavar="FILE",
        type=os.path.abspath,
        help="file for the key, which no reader gets (default STUDY.key.json); a share without POSIX modes shows it to "
        "all, so choose a place elsewhere",
    )
    command.add_argument(
        "--spacing", nargs=3, type=_millimeters, metavar=("X", "Y", "Z"), help="in mm (default: the coarsest of all)"
    )
    command.add_argument(
        "--window",
        nargs="+",
        choices=("lung", "soft tissue", "bone"),
        help="display windows, the study's own first (default: all, the one for the region first)",
    )
    command.set_defaults(make_job=_plan_job, summarize=_summarize_plan)


def _add_simulate(command: argparse.ArgumentParser) -> None:
    _add_study(command, "a copy of what `review plan` wrote, which no person has read (cp -a study trial)")
    command.add_argument("--readers", type=count, default=2, metavar="N", help="how many (default 2)")
    command.add_argument("--accuracy", required=True, type=_number, metavar="P", help="share of right calls, 0 to 1")
    command.add_argument(
        "--bias", type=_number, default=0.0, metavar="B", help="how much more often they say synthetic (default 0)"
    )
    command.add_argument("--seed", type=seed, default=0, metavar="N", help="another one, other answers (default 0)")
    command.set_defaults(make_job=_simulate_job, summarize=_summarize_simulate, cancelled=_UNCHANGED)


def _add_machine(command: argparse.ArgumentParser) -> None:
    _add_study(command)
    folder = "to train on, of any kind that `plan` takes; those of the study's patients are left out"
    command.add_argument("--real", required=True, metavar="DIR", type=os.path.abspath, help=f"real scans {folder}")
    command.add_argument("--synthetic", required=True, metavar="DIR", type=os.path.abspath, help="synthetic ones")
    command.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=os.path.abspath,
        help="what it said, for `report --machine`; not for readers (default STUDY.machine.json)",
    )
    command.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="another one, other training scans and folds (default 0)"
    )
    command.set_defaults(make_job=_machine_job, summarize=_summarize_machine)


def _add_report(command: argparse.ArgumentParser) -> None:
    _add_study(command)
    command.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=os.path.abspath,
        help="folder for the report, which is not for readers (default STUDY.report)",
    )
    command.add_argument(
        "--without", action="append", default=[], metavar="READER", help="leave a reader out; may be repeated"
    )
    command.add_argument(
        "--receipt",
        action="append",
        default=[],
        metavar="READER=RECEIPT",
        type=_receipt,
        help="what the reader has sent: refuse answers that were changed since; may be repeated",
    )
    command.add_argument(
        "--machine",
        metavar="FILE",
        type=os.path.abspath,
        help="show what a machine said (of `review machine`) beside the readers; it counts for nothing else",
    )
    command.add_argument(
        "--cull-share", type=_number, default=0.75, metavar="P", help="cull what so many recognised (default 0.75) ..."
    )
    command.add_argument(
        "--cull-realism", type=_number, default=2.0, metavar="R", help="... and graded so, 1 to 5, or lower (default 2)"
    )
    command.add_argument("--seed", type=seed, default=0, metavar="N", help="of the bootstraps (default 0)")
    command.add_argument(
        "--unblind",
        action="store_true",
        help="mark the study's folder as one with synthetic scans and tell which; nobody can read it any more",
    )
    command.set_defaults(make_job=_report_job, summarize=_summarize_report)


def _add_study(command: argparse.ArgumentParser, folder: str = "what `review plan` wrote") -> None:
    command.add_argument("folder", metavar="STUDY", type=os.path.abspath, help=folder)
    command.add_argument("--key", required=True, metavar="KEY", type=os.path.abspath, help="its key")


# --- kinds of arguments


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"'{text}' is no number")
    return value


def _millimeters(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no length in mm")
    return value


def _receipt(text: str) -> tuple[str, str]:
    code, equals, receipt = text.rpartition("=")
    if not equals or not code.strip() or not receipt.strip():
        raise argparse.ArgumentTypeError(f"'{text}' is not READER=RECEIPT")
    return code, receipt


# --- jobs


def _plan_job(arguments: argparse.Namespace) -> JobDocument:
    names = ("real", "synthetic", "output", "key", "cases", "seed", "mode", "practice", "spacing")
    return JobDocument("review.plan", {**chosen(arguments, *names), "windows": arguments.window})


def _simulate_job(arguments: argparse.Namespace) -> JobDocument:
    return JobDocument("review.simulate", chosen(arguments, "folder", "key", "readers", "accuracy", "bias", "seed"))


def _machine_job(arguments: argparse.Namespace) -> JobDocument:
    names = ("folder", "key", "real", "synthetic", "output", "seed", "overwrite")
    return JobDocument("review.machine", chosen(arguments, *names))


def _report_job(arguments: argparse.Namespace) -> JobDocument:
    names = ("folder", "key", "output", "without", "machine", "cull_share", "cull_realism", "seed", "unblind")
    names += ("overwrite",)
    return JobDocument("review.report", {**chosen(arguments, *names), "receipts": dict(arguments.receipt)})


# --- summaries


def _summarize_plan(result: dict[str, Any]) -> None:
    practice = f", {result['practice']} more for practice" if result["practice"] else ""
    print(f"study      {result['folder']}")
    print(f"cases      {result['cases']}, half of them synthetic{practice}; mode {result['mode']}")
    size, spacing = " x ".join(map(str, result["size"])), " x ".join(f"{mm:g}" for mm in result["spacing"])
    print(f"grid       {size} voxels of {spacing} mm, for all")
    for line in result["not_matched"]:
        print(f"           not matched: {line}")
    print("leaks      none found beside the pictures; what the pixels tell best:")
    for found in result["findings"]:
        print(f"           {_found(found)}")
    print(f"key        {result['key']}")
    print("           tells which case is synthetic: not for readers")


def _found(found: dict[str, Any]) -> str:
    if found["auc"] is None:
        return f"{found['measure']}: not measurable here: n = {found['n']['real']} and {found['n']['synthetic']}"
    return f"{found['measure']}: ROC area {found['auc']:.2f}, p = {found['p']:.2g}"


def _summarize_simulate(result: dict[str, Any]) -> None:
    print(f"study      {result['folder']}")
    for code, receipt in result["receipts"].items():
        print(f"reader     {code}, receipt {receipt}")


def _summarize_machine(result: dict[str, Any]) -> None:
    patients = result["patients"]
    print(f"trained    on {patients['real']} real and {patients['synthetic']} synthetic scans, each of another patient")
    for group, reasons in result["left_out"].items():
        for reason, number in reasons.items():
            if number:
                print(f"           {number} {group} scans left out: {reason}")
    for line in result["not_matched"]:
        print(f"           not matched: {line}")
    print(f"learned    ROC area {_measured(result['area'])}, on its training patients, cross-validated")
    print(f"file       {result['file']}")
    print("           not for readers; `review report --machine` shows what it said of the study")


def _summarize_report(result: dict[str, Any]) -> None:
    print(f"readers    {result['readers']}, {result['finished']} of them finished")
    _print_skill(result["together"])
    if result["machine"] is not None:
        print("machine    trained on other patients")
        _print_skill(result["machine"])
    print(f"culled     {result['culled']} of {result['of']} synthetic cases (review.csv)")
    print(f"limits     {result['limits']} proposed for the quality gate")
    print(f"folder     {result['folder']}")
    for file in result["files"]:
        print(f"           {file}")
    if not result["unblinded"]:
        print("           not for readers; --unblind marks the study's folder and closes it")


def _print_skill(numbers: dict[str, Any]) -> None:
    titles = {
        "accuracy": "accuracy",
        "sensitivity": "synthetic recognised",
        "specificity": "real recognised",
        "area": "ROC area",
    }
    for name, title in titles.items():
        if numbers[name] is not None:
            print(f"           {title:<21} {_measured(numbers[name])}")


def _measured(measured: dict[str, Any]) -> str:
    if "reason" in measured:
        return f"not measurable here: {measured['reason']}"
    return "{value:.2f} ({low:.2f} to {high:.2f}; chance {chance:.2f}; n = {n})".format(**measured)


REVIEW_COMMANDS = (
    Command("plan", "make a blinded reading study of real and synthetic scans, and its key", _add_plan, None),
    Command("simulate", "let readers of known skill read a study, to try the report", _add_simulate, None),
    Command("machine", "train a classifier on other patients' scans and let it read a study", _add_machine),
    Command("report", "apply the key: could they tell, what gave cases away, which ones to cull", _add_report),
)
"""The group's commands."""
