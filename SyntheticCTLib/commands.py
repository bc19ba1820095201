"""The commands: the arguments each one takes, the job it makes of them, the summary it prints.

To add one, write the three functions and a line in `COMMANDS`.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from .arguments import Command, Group, chosen, named_file, seed, series
from .cohort_commands import COHORT_COMMANDS
from .errors import InputError
from .jobs import JobDocument
from .jobs.records import PRIVATE
from .lesion_commands import LESION_COMMANDS
from .morph.outputs import parse_percents
from .review_commands import REVIEW_COMMANDS


def _add_pair(command: argparse.ArgumentParser) -> None:
    formats = "NIfTI, NRRD or MetaImage file, or a folder of DICOM files"
    command.add_argument(
        "source", metavar="SOURCE", type=os.path.abspath, help=f"CT to start from: {formats}"
    )
    command.add_argument(
        "target", metavar="TARGET", type=os.path.abspath, help="CT of the body to go towards"
    )
    for side in ("source", "target"):
        command.add_argument(
            f"--series-{side}",
            metavar="UID",
            type=series,
            help=f"which series (UID or number), where the {side}'s DICOM folder holds several",
        )


def _add_registration(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--backend",
        choices=("ants", "simpleitk"),
        help="what registers: ants (SyN, better; default where installed) or simpleitk (always there)",
    )
    command.add_argument(
        "--seed",
        type=seed,
        metavar="N",
        help="seed handed to the backend (default 0); nothing in either of them is random today",
    )
    command.add_argument(
        "--repeatable", action="store_true", help="one thread, so that the same bytes come out twice (slower)"
    )


def _add_register(command: argparse.ArgumentParser) -> None:
    _add_pair(command)
    command.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="PATH.nrrd",
        type=os.path.abspath,
        help="file the path goes into",
    )
    _add_registration(command)
    for side in ("source", "target"):
        command.add_argument(
            f"--{side}-labels",
            nargs="+",
            default=[],
            metavar="FILE",
            type=named_file,
            help=f"label maps of the {side}; labels that both sides have join the registration's metric",
        )
    command.set_defaults(make_job=_register_job, summarize=_summarize_register)


def _add_morph(command: argparse.ArgumentParser) -> None:
    _add_pair(command)
    command.add_argument(
        "-o", "--output", required=True, metavar="DIR", type=os.path.abspath, help="folder the morphs go into"
    )
    command.add_argument(
        "--percent",
        required=True,
        nargs="+",
        metavar="T",
        help="how far to go: 0 is the source, 100 the target",
    )
    command.add_argument(
        "--labels",
        nargs="+",
        default=[],
        metavar="[NAME=]FILE",
        type=named_file,
        help="label maps of the source, one layer each; names become part of public file names",
    )
    command.add_argument(
        "--target-labels",
        nargs="+",
        default=[],
        metavar="[NAME=]FILE",
        type=named_file,
        help="label maps of the target; labels that both sides have join the registration's metric",
    )
    command.add_argument(
        "--metadata",
        nargs=2,
        metavar=("SOURCE.json", "TARGET.json"),
        type=os.path.abspath,
        help="records to interpolate; what is not known to be safe is dropped",
    )
    command.add_argument(
        "--metadata-rules", metavar="FILE", type=os.path.abspath, help="how to treat further metadata fields"
    )
    command.add_argument(
        "--path",
        metavar="PATH.nrrd",
        type=os.path.abspath,
        help="use this saved path of the same two images and do not register",
    )
    _add_registration(command)
    command.add_argument(
        "--grid",
        choices=("source", "target", "fit"),
        default="source",
        help="grid of the result: the source's (default), the target's, or the source's made to fit the body",
    )
    command.add_argument(
        "--strict",
        action="store_true",
        help="deliver no morph that the quality gate rejects, only its private report, and exit with 3",
    )
    command.set_defaults(make_job=_morph_job, summarize=_summarize_morph)


def _add_sheet(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", metavar="SOURCE", type=os.path.abspath, help="CT to start from")
    command.add_argument("targets", metavar="TARGET", nargs=4, type=os.path.abspath, help="four CTs to go towards")
    command.add_argument(
        "-o", "--output", required=True, metavar="DIR", type=os.path.abspath, help="folder the sheets go into; private"
    )
    command.add_argument("--percent", default="50", metavar="T", help="how far to go (default 50)")
    _add_registration(command)
    command.set_defaults(make_job=_sheet_job, summarize=_summarize_files)


def _add_phantom(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="which patient (default 0): each seed has its own anatomy",
    )
    command.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="DIR",
        type=os.path.abspath,
        help="folder the phantom goes into",
    )
    command.add_argument(
        "--lesions", type=seed, default=0, metavar="N", help="number of lesions (default 0)"
    )
    command.set_defaults(make_job=_phantom_job, summarize=_summarize_files)


# --- jobs


def _register_job(arguments: argparse.Namespace) -> JobDocument:
    return JobDocument(
        "morph.register",
        {
            **_pair(arguments),
            **_registration(arguments),
            "output": arguments.output,
            "source_labels": arguments.source_labels,
            "target_labels": arguments.target_labels,
            "overwrite": arguments.overwrite,
        },
    )


def _morph_job(arguments: argparse.Namespace) -> JobDocument:
    idle = [name for name in ("backend", "seed", "repeatable", "target_labels") if getattr(arguments, name)]
    if arguments.path and idle:
        options = ", ".join("--" + name.replace("_", "-") for name in idle)
        raise InputError(
            f"{options}: --path brings a finished path, so nothing is registered. Leave one of them out."
        )
    if arguments.metadata_rules and not arguments.metadata:
        raise InputError(
            "--metadata-rules was given without --metadata. Give the two metadata records as well."
        )
    return JobDocument(
        "morph.morph",
        {
            **_pair(arguments),
            **_registration(arguments),
            "output": arguments.output,
            "percents": [str(percent) for percent in parse_percents(arguments.percent)],
            "labels": arguments.labels,
            "target_labels": arguments.target_labels,
            "metadata": arguments.metadata,
            "metadata_rules": arguments.metadata_rules,
            "path": arguments.path,
            "grid": arguments.grid,
            "strict": arguments.strict,
            "contact_sheet": True,
            "overwrite": arguments.overwrite,
        },
    )


def _sheet_job(arguments: argparse.Namespace) -> JobDocument:
    (percent,) = parse_percents([arguments.percent])
    names = ("source", "targets", "output", "overwrite")
    return JobDocument(
        "morph.sheet",
        {
            **chosen(arguments, *names),
            **_registration(arguments),
            "percent": str(percent),
        },
    )


def _phantom_job(arguments: argparse.Namespace) -> JobDocument:
    names = ("output", "seed", "lesions", "overwrite")
    return JobDocument("morph.phantom", chosen(arguments, *names))


def _pair(arguments: argparse.Namespace) -> dict[str, Any]:
    return chosen(arguments, "source", "target", "series_source", "series_target")


def _registration(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"backend": arguments.backend, "seed": arguments.seed or 0, "repeatable": arguments.repeatable}


# --- summaries


def _summarize_register(result: dict[str, Any]) -> None:
    print(f"path       {result['file']}")


def _summarize_morph(result: dict[str, Any]) -> None:
    for morph in result["morphs"]:
        outcome = ", ".join(morph["files"]) or "not delivered"
        print(f"{morph['name']:<12} {morph['verdict']:<7} {outcome}")
        for reason in morph["reasons"]:
            print(f"{'':<12} - {reason}")
    print(f"folder       {result['folder']}")
    print(f"{PRIVATE}/     shows and names the source: do not publish it")


def _summarize_files(result: dict[str, Any]) -> None:
    print(f"folder     {result['folder']}")
    for file in result["files"]:
        print(f"           {file}")


COMMANDS = (
    Command("register", "find the path from one body to another and save it", _add_register),
    Command("morph", "go part of the way from one CT to another", _add_morph),
    Command("sheet", "show one source on its way to four targets, unlabelled, with a key", _add_sheet),
    Command("phantom", "make a torso CT with labels and metadata to try things on", _add_phantom),
    Group("lesion", "paint lesions that do not exist into a CT, and train what paints them", LESION_COMMANDS),
    Group("cohort", "make a data set of CTs of bodies that do not exist, from a plan to a report", COHORT_COMMANDS),
    Group("review", "have people judge, blinded, whether synthetic scans can be told from real ones", REVIEW_COMMANDS),
)
"""All commands and groups of commands."""
