"""The job "lesion.evaluate": a model measured on patients it was not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...jobs import JobContext, job_kind
from ..datasets.crops import read_crops
from ..datasets.layouts import find_cases
from ..datasets.split import split_by_patient
from ..datasets.volumes import Cut, read_lesions
from ..model_files import Model, add_metrics, load_model
from ..training.data import roles_hash, usable
from .baselines import LesionLevels, baselines, lesion_levels
from .card_metrics import card_metrics
from .comparing import evaluate
from .data import GREY_LEVELS, HeldOut, Units, held_out_crops, held_out_samples, hounsfield
from .measures import Settings
from .report import FILES, verdicts, write_evaluation


@job_kind("lesion.evaluate")
def evaluate_job(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Measure a model beside painters without a network.

    Parameters: model (name or folder), data (the set it was trained on; its card tells how patients were split),
    patients (the table it was trained with, if there was one), card (whether the model's card gets the measures),
    output (a folder), seed, overwrite. Writes evaluation.md, evaluation.json and two pictures.
    Result: folder, files, verdicts (question -> true, false or null).
    """
    from ..painting.painter import Painter

    with context.staging(parameters["output"], parameters["overwrite"], FILES) as folder:
        model = load_model(parameters["model"])
        context.report("reading the lesions")
        sets = read_sets(model, Path(parameters["data"]), parameters["patients"])
        found = evaluate(
            {model.name: Painter(model, halo=0).paint},  # readers drew these outlines tightly
            {painter.name: painter for painter in baselines(sets.levels)},
            sets.held_out,
            sets.units,
            sets.training,
            Settings(parameters["seed"]),
            context.report,
        )
        files = write_evaluation(found, folder)
    if parameters["card"]:
        add_metrics(model.folder, card_metrics(found, model.name))
    return {"folder": str(parameters["output"]), "files": files, "verdicts": verdicts(found, model.name)}


@dataclass(frozen=True)
class EvaluationSets:
    """Lesions of patients held out and trained on, what they are measured in, and the levels of the latter."""

    held_out: Sequence[HeldOut]
    training: Sequence[HeldOut]
    units: Units
    levels: LesionLevels


def read_sets(model: Model, data: Path, patients: str | None = None) -> EvaluationSets:
    """The lesions of a model's set, divided as they were for its training.

    patients: a table (CSV: case, patient) for sets with several scans of one person.
    Crops that were left out of the training, for their HU are not believable, are left out here too. Raises InputError
    if the set cannot be read, or the card does not tell the split, or the set is not the one that was split.
    """
    if model.card["units"] == "crop":
        crops = read_crops(data)
        roles = _roles(model.card, [crop.patient for crop in crops], data)
        of_role = {
            role: held_out_crops([crop for crop in crops if usable(crop) and roles[crop.patient] == role])
            for role in ("test", "train")
        }
        return _sets(of_role, GREY_LEVELS)
    told = model.card["data"]
    cases = find_cases(told["layout"], data, told.get("lesion_labels") or None, patients)
    roles = _roles(model.card, [case.patient for case in cases], data)
    cut = Cut(told.get("in_plane_mm"), patch=None)
    of_role = {
        role: held_out_samples(
            [sample for case in cases if roles[case.patient] == role for sample in read_lesions(case, cut)]
        )
        for role in ("test", "train")
    }
    return _sets(of_role, hounsfield(model.window))


def _sets(of_role: Mapping[str, Sequence[HeldOut]], units: Units) -> EvaluationSets:
    training = of_role["train"]
    levels = lesion_levels([(lesion.hu, lesion.mask) for lesion in training])
    return EvaluationSets(of_role["test"], training, units, levels)


def _roles(card: Mapping[str, Any], patients: Sequence[str], data: Path) -> Mapping[str, str]:
    """The role each patient had in the training; checked against the numbers on the card."""
    told = card["data"]
    try:
        shares, seed, wanted = told["shares"], told["seed"], told["roles_sha256"]
    except KeyError as error:
        raise InputError(
            f"The card of {card['name']} does not tell how patients were divided ({error} is missing), so which of "
            f"{data} it has never seen is not known. Train it anew, or evaluate it on another set from Python."
        ) from error
    roles = split_by_patient(patients, shares, seed)
    if roles_hash(roles) != wanted:
        raise InputError(
            f"{data}: these are not the patients that {card['name']} was trained and tested on, so some of those held "
            "out now may have been trained on. Give the set it was trained on, whole, and the table of patients "
            "(--patients) if there was one."
        )
    return roles
