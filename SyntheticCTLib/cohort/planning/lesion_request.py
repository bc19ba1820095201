"""From what is asked for about lesions to the settings of a plan: the model, organs and shapes are looked at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...jobs.records import file_hash
from .checking import Checked
from .lesions import GROWN, LesionSettings, ShapeFile, lesion_faults, settings_of

SUBJECTS = "subjects"
"""Instead of a folder: the subjects that take part lend the shapes of their own lesions."""

_LISTED = 5
"""So many subjects or faults are named in one note."""


@dataclass(frozen=True)
class Settled:
    """The settings, None where there are faults; and sentences for the user."""

    settings: LesionSettings | None
    faults: tuple[str, ...]
    notes: tuple[str, ...] = ()


def settle(request: Mapping[str, Any], checked: Sequence[Checked]) -> Settled:
    """Look at everything a request for lesions names, all faults at once.

    request: model (name or folder; None: the only one), number, organs, shapes (None: grown, `SUBJECTS`, or a folder),
    diameter_mm, density. checked: the subjects that take part.
    """
    faults: list[str] = []
    notes: list[str] = []
    card: Mapping[str, Any] = {}
    shapes: list[ShapeFile] = []
    organs: list[str] = []
    model = request["model"]
    try:
        model, card = _model(model, request["density"])
    except InputError as error:
        faults.append(f"lesions: {error}")
    try:
        organs = _organs(request["organs"], checked)
        notes += _without(organs, checked)
    except InputError as error:
        faults.append(f"lesions: {error}")
    try:
        shapes = list(_shapes(request["shapes"], checked, notes))
    except InputError as error:
        faults.append(f"lesions: {error}")
    if faults:
        return Settled(None, tuple(faults))
    entry = {
        "model": model,
        "weights": card["sha256"],
        "number": request["number"],
        "organs": organs,
        "diameter_mm": request["diameter_mm"],
        "density": request["density"],
        "shapes": [{"subject": one.subject, "file": str(one.file), "sha256": one.sha256} for one in shapes] or GROWN,
    }
    faults += lesion_faults(entry)
    if faults:
        return Settled(None, tuple(faults))
    settings = settings_of(entry)
    return Settled(settings, (), (*notes, *_unlike(card, settings)))


def _model(name: str | None, density: str) -> tuple[str, dict[str, Any]]:
    """What the model is called in the plan, and its card; its weights are looked at, nothing is loaded."""
    from ...lesion.densities import Densities
    from ...lesion.model_files import check_weights, find_model, only_model, read_card

    folder = only_model() if name is None else find_model(name)
    card = read_card(folder)
    fault = check_weights(folder)
    if fault:
        raise InputError(fault)
    Densities(card, density)
    return (card["name"] if name is None else name), card


def _organs(asked: Sequence[str], checked: Sequence[Checked]) -> list[str]:
    """The labels' names that are meant; "lung right" and "lung_right" are one."""
    known = sorted({name for one in checked for name in one.labels if name not in one.lesions})
    by_words = {_words(name): name for name in known}
    missing = [name for name in asked if name not in known and _words(name) not in by_words]
    if missing:
        raise InputError(
            f"no subject that takes part has a label called {' or '.join(map(repr, missing))}, into which lesions "
            f"shall go; its labels are {', '.join(known) or 'none'}."
        )
    return list(dict.fromkeys(name if name in known else by_words[_words(name)] for name in asked))


def _words(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


def _without(organs: Sequence[str], checked: Sequence[Checked]) -> Iterator[str]:
    bare = [one.subject.id for one in checked if not any(organ in one.labels for organ in organs)]
    if bare:
        more = f" and {len(bare) - _LISTED} more" if len(bare) > _LISTED else ""
        yield (
            f"{', '.join(bare[:_LISTED])}{more}: none of {', '.join(organs)} is labeled; what is morphed from there "
            "gets no lesions"
        )


def _shapes(asked: str | None, checked: Sequence[Checked], notes: list[str]) -> Iterator[ShapeFile]:
    """The label maps that lend shapes, each of which does. Raises InputError if none is left."""
    from ...lesion.placing.harvesting import harvest

    if asked is None:
        return
    if asked != SUBJECTS:
        found, told = harvest(asked)
        notes += [f"shapes: {note}" for note in told]
        files = dict.fromkeys(shape.source for shape in found)
        yield from (ShapeFile(None, file, file_hash(file)) for file in files)
        return
    lent = False
    for one in checked:
        for file in _lesion_files(one):
            try:
                _, told = harvest([file])
            except InputError as error:
                notes.append(f"{one.subject.id}: it lends no shape ({error})")
                continue
            notes += [f"{one.subject.id}: {note}" for note in told]
            lent = True
            yield ShapeFile(one.subject.id, file, file_hash(file))
    if not lent:
        raise InputError(
            "no subject that takes part has a lesion of its own to lend its shape; give a folder of label maps, or "
            "leave --lesion-shapes out, and shapes are grown."
        )


def _lesion_files(one: Checked) -> Iterator[Path]:
    """The label maps of a subject in which something is called a lesion."""
    from ...images import read_layers
    from ...images.files import open_volume
    from ..dataset.label_map import lesion_names

    for label in one.subject.labels if one.lesions else ():
        grid, _ = open_volume(label.file)
        if lesion_names(read_layers([(label.name, str(label.file))], grid)):
            yield label.file


def _unlike(card: Mapping[str, Any], settings: LesionSettings) -> Iterator[str]:
    """Notes on what is asked for that the model has not seen."""
    limits, asked = card.get("diameter_mm"), settings.diameter_mm
    if limits and asked and not limits[0] <= asked[0] <= asked[1] <= limits[1]:
        yield (
            f"lesions of {asked[0]:g} to {asked[1]:g} mm are asked for; the model {card['name']} was trained on "
            f"{limits[0]:g} to {limits[1]:g} mm"
        )
    strange = [organ for organ in settings.organs if _words(card["region"]) not in _words(organ)]
    if strange:
        yield (
            f"lesions shall go into {', '.join(strange)}; the model {card['name']} was trained on {card['region']} only"
        )
