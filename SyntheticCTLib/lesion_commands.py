"""The commands of the group `synthetic-ct lesion`: their arguments, the jobs made of them, the summaries printed."""

from __future__ import annotations

import argparse
import math
import os
from typing import Any

from .arguments import Command, chosen, count, named_file, seed, series
from .errors import InputError
from .jobs import JobDocument
from .jobs.records import PRIVATE
from .lesion.density_kinds import ANY, DENSITIES

_MARGIN_MM = 2.0
_GAP_MM = 5.0


def _add_paint(command: argparse.ArgumentParser) -> None:
    _add_scan(command)
    command.add_argument(
        "mask", metavar="MASK", type=named_file, help="[NAME=]FILE, label map on the scan's grid: where lesions go"
    )
    command.add_argument(
        "-o", "--output", required=True, metavar="OUT", type=os.path.abspath, help="painted scan (.nii.gz or .nrrd)"
    )
    _add_model(command)
    _add_density(command)
    command.add_argument("--seed", type=seed, metavar="N", help="paint one of the plausible lesions, not the likeliest")
    command.add_argument(
        "--segment", nargs="+", type=count, metavar="VALUE", help="the mask's values that mean lesion (default all)"
    )
    command.add_argument(
        "--labels", nargs="+", default=[], metavar="[NAME=]FILE", type=named_file, help="label maps that go along"
    )
    command.set_defaults(make_job=_paint_job, summarize=_summarize_painting)


def _add_place(command: argparse.ArgumentParser) -> None:
    _add_scan(command)
    command.add_argument(
        "--organ", required=True, metavar="[NAME=]FILE", type=named_file, help="label map of the organ lesions go into"
    )
    command.add_argument(
        "--organ-label", nargs="+", type=count, metavar="VALUE", help="its label values (default: all but lesions)"
    )
    command.add_argument(
        "--lesion-label",
        nargs="+",
        type=count,
        default=[],
        metavar="VALUE",
        help="label values in the organ's map that are lesions already there (labels called so always are)",
    )
    command.add_argument(
        "--shapes",
        metavar="DIR",
        type=os.path.abspath,
        help="folder of label maps whose lesions lend their shapes (default: shapes are grown)",
    )
    command.add_argument(
        "--shape-label",
        nargs="+",
        type=count,
        metavar="VALUE",
        help="label values in the maps of --shapes that mean lesion (default: those called so, or the only one)",
    )
    command.add_argument("-n", "--count", type=count, default=1, metavar="N", help="how many lesions (default 1)")
    command.add_argument(
        "--diameter", nargs=2, type=_millimeters, metavar=("LOW", "HIGH"), help="in mm (default: about the shapes' own)"
    )
    command.add_argument(
        "--exclude",
        nargs="+",
        default=[],
        metavar="[NAME=]FILE",
        type=named_file,
        help="label maps that no lesion may touch, such as vessels",
    )
    command.add_argument(
        "--hu",
        nargs=2,
        type=_hounsfield,
        metavar=("LOW", "HIGH"),
        help="lesions go where the scan is within these HU, so off vessels and bone (default: the organ's usual HU)",
    )
    command.add_argument(
        "--gap",
        type=_millimeters,
        default=_GAP_MM,
        metavar="MM",
        help=f"distance between lesions, those already there included (default {_GAP_MM:g} mm)",
    )
    command.add_argument(
        "--margin",
        type=_millimeters,
        default=_MARGIN_MM,
        metavar="MM",
        help=f"distance from the organ's surface (default {_MARGIN_MM:g} mm)",
    )
    command.add_argument("--seed", type=seed, default=0, metavar="N", help="another one, other lesions (default 0)")
    command.add_argument(
        "-o", "--output", required=True, metavar="DIR", type=os.path.abspath, help="folder for scan, labels and records"
    )
    _add_model(command)
    _add_density(command)
    command.set_defaults(make_job=_place_job, summarize=_summarize_painting)


def _add_train(command: argparse.ArgumentParser) -> None:
    command.add_argument("config", metavar="CONFIG", type=os.path.abspath, help="what to train on, and how (TOML)")
    command.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="DIR",
        type=os.path.abspath,
        help="folder for the model; a training found there goes on where it was",
    )
    command.set_defaults(
        make_job=_train_job,
        summarize=_summarize_training,
        cancelled="Cancelled; the same command goes on from the last checkpoint.",
    )


def _add_evaluate(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", type=_model, help="name or folder of the model")
    command.add_argument("data", metavar="DATA", type=os.path.abspath, help="set it was trained on, split as then")
    command.add_argument(
        "-o", "--output", required=True, metavar="DIR", type=os.path.abspath, help="folder for the report"
    )
    command.add_argument(
        "--patients", metavar="CSV", type=os.path.abspath, help="table (case, patient) it was trained with, if any"
    )
    command.add_argument("--card", action="store_true", help="put the measures on the model's card")
    command.add_argument("--seed", type=seed, default=0, metavar="N", help="of judges and samples (default 0)")
    command.set_defaults(make_job=_evaluate_job, summarize=_summarize_evaluation)


def _add_models(command: argparse.ArgumentParser) -> None:
    command.set_defaults(make_job=lambda arguments: JobDocument("lesion.models", {}), summarize=_summarize_models)


def _add_scan(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "image",
        metavar="IMAGE",
        type=os.path.abspath,
        help="CT to paint into: NIfTI, NRRD or MetaImage file, or a folder of DICOM files",
    )
    command.add_argument(
        "--series", metavar="UID", type=series, help="which series (UID or number), where a DICOM folder holds several"
    )


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model",
        metavar="NAME",
        type=_model,
        help="name (see `lesion models`) or folder of the model (default: the only one there is)",
    )


def _add_density(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--density",
        choices=DENSITIES,
        default=ANY,
        help="solid, part-solid, ground-glass; any, as real lesions have (default); foretold, by what lies round the "
        "mask, to paint over a lesion that is there",
    )


def _model(text: str) -> str:
    """A model's folder becomes absolute, as the job may run elsewhere; a name stays one, whatever folders lie about."""
    return os.path.abspath(text) if os.path.isfile(os.path.join(text, "card.json")) else text


def _millimeters(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is no length in mm")
    return value


def _hounsfield(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of HU")
    return value


# --- jobs


def _paint_job(arguments: argparse.Namespace) -> JobDocument:
    names = ("image", "series", "mask", "model", "density", "seed", "labels", "output", "overwrite")
    return JobDocument("lesion.paint", {**chosen(arguments, *names), "segments": arguments.segment})


def _place_job(arguments: argparse.Namespace) -> JobDocument:
    names = ("image", "series", "organ", "shapes", "count", "exclude", "density", "seed", "model", "output")
    if arguments.shape_label and not arguments.shapes:
        raise InputError("--shape-label tells the lesions in the maps of --shapes; give that folder too.")
    if arguments.hu and not arguments.hu[0] < arguments.hu[1]:
        raise InputError("--hu: the lowest and the highest HU are needed, in this order.")
    more = {
        "organ_labels": arguments.organ_label,
        "lesion_labels": arguments.lesion_label,
        "shape_labels": arguments.shape_label,
        "diameter_mm": arguments.diameter,
        "margin_mm": arguments.margin,
        "gap_mm": arguments.gap,
        "hu": arguments.hu,
        "overwrite": arguments.overwrite,
    }
    return JobDocument("lesion.place", {**chosen(arguments, *names), **more})


def _train_job(arguments: argparse.Namespace) -> JobDocument:
    return JobDocument("lesion.train", chosen(arguments, "config", "output", "overwrite"))


def _evaluate_job(arguments: argparse.Namespace) -> JobDocument:
    names = ("model", "data", "patients", "card", "output", "seed", "overwrite")
    return JobDocument("lesion.evaluate", chosen(arguments, *names))


# --- summaries


def _summarize_painting(result: dict[str, Any]) -> None:
    for lesion in result["lesions"]:
        size = f"{lesion['diameter_mm']:.1f} mm, {lesion['volume_ml']:.2f} ml"
        print(f"lesion     label {lesion['label']} of {lesion['layer']}: {size}")
    _print_files(result)
    print(f"{PRIVATE}/   names the source and the seed: do not publish it")


def _summarize_training(result: dict[str, Any]) -> None:
    _print_files(result)
    print(f"trained    {result['steps']} steps, {result['seconds']:.0f} s in this run")


def _summarize_evaluation(result: dict[str, Any]) -> None:
    words = {True: "yes", False: "no", None: "not measurable here"}
    for question, answer in result["verdicts"].items():
        print(f"{words[answer]:<20} {question}")
    _print_files(result)


def _print_files(result: dict[str, Any]) -> None:
    print(f"folder     {result['folder']}")
    for file in result["files"]:
        print(f"           {file}")


def _summarize_models(result: dict[str, Any]) -> None:
    for model in result["models"]:
        about = f"{model['lesion'] or '?'} in the {model['region'] or '?'}"
        state = model["fault"] or "weights as its card says"
        where = "shipped" if model["shipped"] else model["folder"]
        print(f"{model['name']:<24} {about:<28} {model['megabytes']:5.1f} MB  {where}")
        print(f"{'':<24} {state}")
    if not result["models"]:
        print("There is no model yet; train one: synthetic-ct lesion train.")
    print(f"Your own models are looked for in {result['folder']}")


LESION_COMMANDS = (
    Command("paint", "paint a lesion where a mask says", _add_paint),
    Command("place", "place lesions in an organ and paint them", _add_place),
    Command("train", "train a model that paints lesions", _add_train, "begin anew instead of going on"),
    Command("evaluate", "measure a model on patients it was not trained on", _add_evaluate),
    Command("models", "list the models that can paint", _add_models, None),
)
"""The group's commands."""
