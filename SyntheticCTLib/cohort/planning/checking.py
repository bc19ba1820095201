"""Reading every subject once, before anything starts: what is wrong with it, what its hashes and its labels are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...jobs.records import file_hash
from .subjects import Subject

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ...images.labels import LabelLayer

_LISTED = 5
"""So many subjects or labels are named in one note."""

_LABEL_NOTES = 10
"""So many notes on missing labels are given."""


@dataclass(frozen=True)
class Checked:
    """A subject that can be used. subject: with its hashes. labels: volume in mm^3 of each of its labels, by the name
    it has in a data set. lesions: those that are lesions. extent: mm along the LPS axes that the scan reaches over;
    filled: of an upright box of these proportions round its middle that lies within it, smaller for a tilted scan.
    notes: sentences for the user from reading."""

    subject: Subject
    labels: Mapping[str, float]
    lesions: frozenset[str]
    extent: tuple[float, float, float]
    filled: tuple[float, float, float]
    notes: tuple[str, ...]


def check_subjects(
    subjects: Sequence[Subject], progress: Callable[[str, float | None], None] = lambda stage, done: None
) -> tuple[list[Checked], list[str]]:
    """Read each subject's image, labels and record, one subject in memory at a time; what can be used, and all faults.

    Two subjects of the same voxels are a fault: a morph between them would be a copy.
    """
    checked: list[Checked] = []
    faults: list[str] = []
    owners: dict[str, str] = {}
    for number, subject in enumerate(subjects):
        progress(f"checking {subject.id}", number / len(subjects))
        found, wrong = _check(subject)
        faults += [f"subject {subject.id!r}: {fault}" for fault in wrong]
        if found is None:
            continue
        owner = owners.setdefault(found.subject.content, subject.id)
        if owner != subject.id:
            faults.append(
                f"subjects {owner!r} and {subject.id!r} have the same voxels; a morph between them would be a copy"
            )
        checked.append(found)
    return checked, faults


def _check(subject: Subject) -> tuple[Checked | None, list[str]]:
    from ...images import content_hash, read_ct, read_layers
    from ...morph.metadata import read_record
    from ..dataset.label_map import lesion_names

    faults: list[str] = []
    metadata_sha256 = None
    try:
        if subject.metadata is not None:
            read_record(subject.metadata)
            metadata_sha256 = file_hash(subject.metadata)
    except (InputError, OSError) as error:
        faults.append(str(error))
    try:
        image, notes = read_ct(subject.image, series=subject.series)
    except (InputError, OSError) as error:
        return None, [*faults, str(error)]
    content = content_hash(image)
    entries = [(label.name, str(label.file)) for label in subject.labels]
    try:
        layers = read_layers(entries, image, subject.image.name)
        labels = tuple(replace(label, sha256=file_hash(label.file)) for label in subject.labels)
    except (InputError, OSError):
        return None, faults + list(_label_faults(entries, image, subject))
    if faults:
        return None, faults
    return (
        Checked(
            subject=replace(subject, content=content, labels=labels, metadata_sha256=metadata_sha256),
            labels=_volumes(layers),
            lesions=frozenset(lesion_names(layers)),
            **_reach(image),
            notes=(*notes, *(note for layer in layers for note in layer.notes)),
        ),
        [],
    )


def _reach(image: sitk.Image) -> dict[str, tuple[float, float, float]]:
    """`extent` and `filled` of a scan."""
    from ...images.geometry import Geometry

    geometry = Geometry.of(image)
    low, high = geometry.bounds()
    # Half the box, at its farthest along each axis of the scan, against half the scan.
    farthest = np.abs(np.linalg.inv(geometry.matrix()[:3, :3])) @ (high - low)
    shrunk = min(1.0, float((np.array(geometry.size) / farthest).min()))
    return {"extent": tuple(map(float, high - low)), "filled": tuple(map(float, shrunk * (high - low)))}


def _volumes(layers: Iterable[LabelLayer]) -> dict[str, float]:
    """Volume in mm^3 of each label, by its name in the data set."""
    import SimpleITK as sitk

    from ..dataset.label_map import label_name

    volumes: dict[str, float] = {}
    for layer in layers:
        counts = np.zeros(max(layer.values, default=0) + 1, dtype=np.int64)
        for part in sitk.GetArrayViewFromImage(layer.image):  # slice by slice, as bincount makes wide copies
            counts += np.bincount(part.ravel(), minlength=len(counts))
        voxel = math.prod(layer.image.GetSpacing())
        for value in layer.values:
            name = label_name(layer, value)
            volumes[name] = volumes.get(name, 0.0) + float(counts[value]) * voxel
    return volumes


def _label_faults(entries: Sequence[tuple[str | None, str]], image: sitk.Image, subject: Subject) -> Iterable[str]:
    """The fault of each label file, where reading all of them together has stopped at the first one."""
    from ...images import read_layers

    for entry in entries:
        try:
            read_layers([entry], image, subject.image.name)
        except (InputError, OSError) as error:
            yield str(error)


def order_labels(checked: Sequence[Checked]) -> tuple[str, ...]:
    """The names of all labels, larger ones (median volume) before smaller ones, lesions last; subjects in any order.

    Where labels overlap the later one wins, and what overlaps usually lies within: a lobe in the lung, all in the body,
    a lesion in an organ. A name that is a lesion's in one subject is one in all.
    """
    names = sorted(set().union(*(one.labels for one in checked)))
    lesions = set().union(*(one.lesions for one in checked))
    volumes = {name: median(one.labels[name] for one in checked if name in one.labels) for name in names}
    return tuple(sorted(names, key=lambda name: (name in lesions, -volumes[name], name)))


def label_notes(checked: Sequence[Checked]) -> list[str]:
    """Sentences on labels that some subjects of a region have and others have not.

    What is not labeled is background to a network that is trained on the data set, so a missing annotation teaches
    it to overlook. Subjects without any labels are told apart: what is morphed from them gets no label map.
    """
    regions: dict[str, list[Checked]] = {}
    for one in checked:
        regions.setdefault(one.subject.region, []).append(one)
    notes: list[str] = []
    for region, members in sorted(regions.items()):
        bare = tuple(one.subject.id for one in members if not one.subject.labels)
        labeled = [one for one in members if one.subject.labels]
        if bare and labeled:
            notes.append(
                f"no labels come with {some_of(bare)} of region {region}; morphs of them will have no label map"
            )
        gaps: dict[tuple[str, ...], list[str]] = {}
        for name in order_labels(labeled):
            lacking = tuple(one.subject.id for one in labeled if name not in one.labels)
            if lacking:
                gaps.setdefault(lacking, []).append(name)
        notes += [
            f"missing in {some_of(lacking)} of {len(labeled)} labeled ones of region {region}: {_listed(names)}; what "
            "is there but was not drawn teaches a network to overlook it"
            for lacking, names in sorted(gaps.items(), key=lambda gap: -len(gap[0]))
        ]
    more = len(notes) - _LABEL_NOTES
    return [*notes[:_LABEL_NOTES], *([f"{more} more notes of this kind"] if more > 0 else [])]


def some_of(ids: Sequence[str]) -> str:
    """How many there are, and the first of them by name."""
    return f"{len(ids)} subject{'s' if len(ids) > 1 else ''} ({_listed(ids)})"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
