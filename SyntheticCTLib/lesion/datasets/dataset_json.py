"""Reads the dataset.json of an nnU-Net raw folder or a Medical Segmentation Decathlon task."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import InputError


class Listed(NamedTuple):
    """A case that dataset.json lists itself: its images by channel, and its label map."""

    images: list[Path]
    label: Path


@dataclass(frozen=True)
class DatasetJson:
    """What a dataset.json says.

    folder: where it lies. label_names: values by name (nnU-Net's regions have several), background left out.
    ct_channel: number of the channel that holds the CT; None if that is not clear. file_ending: such as ".nii.gz".
    count: number of training cases it announces. training: the decathlon's image and label files. listed: nnU-Net's
    own list, which may replace imagesTr and labelsTr. faults: sentences on what is wrong in it.
    """

    folder: Path
    label_names: dict[str, tuple[int, ...]]
    ct_channel: int | None
    file_ending: str
    count: int | None
    training: list[tuple[Path, Path]]
    listed: dict[str, Listed]
    faults: list[str] = field(default_factory=list)


def read_dataset_json(path: Path) -> DatasetJson:
    """Read the dataset.json in a folder, or that file itself. Raises InputError if there is none or it is no JSON."""
    file = path / "dataset.json" if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"{file}: it cannot be read ({error.strerror}); a set of this layout describes itself in dataset.json."
        ) from error
    except ValueError as error:
        raise InputError(f"{file}: it is no JSON ({error}); mend it or copy it again.") from error
    if not isinstance(content, dict):
        raise InputError(f"{file}: it holds a {type(content).__name__}, expected is an object with labels.")
    faults: list[str] = []
    names = _label_names(content.get("labels"), faults)
    channel = _ct_channel(content.get("channel_names", content.get("modality")), faults)
    count = content.get("numTraining")
    return DatasetJson(
        folder=file.parent,
        label_names=names,
        ct_channel=channel,
        file_ending=str(content.get("file_ending", ".nii.gz")),
        count=count if isinstance(count, int) else None,
        training=_training(content.get("training"), file.parent, faults),
        listed=_listed(content.get("dataset"), file.parent, faults),
        faults=faults,
    )


def _label_names(labels: Any, faults: list[str]) -> dict[str, tuple[int, ...]]:
    """Values by name, from name -> value (nnU-Net 2), name -> values (its regions) or value -> name (the decathlon)."""
    names: dict[str, tuple[int, ...]] = {}
    for key, said in (labels if isinstance(labels, dict) else {}).items():
        name, value = (said, key) if isinstance(said, str) and key.strip().isdigit() else (key, said)
        values = value if isinstance(value, list) else [value]
        try:
            numbers = tuple(int(one) for one in values if int(one) > 0)
        except (TypeError, ValueError):
            faults.append(f"dataset.json: the label {name!r} has the value {value!r}; expected is a whole number")
            continue
        if numbers:
            names[name] = numbers
    if not names:
        faults.append("dataset.json names no labels")
    return names


def _ct_channel(channels: Any, faults: list[str]) -> int | None:
    """The only channel, or the one called CT; a fault where neither is there."""
    named = channels if isinstance(channels, dict) else {"0": "CT"}
    if len(named) == 1:
        only = next(iter(named))
        return int(only) if only.isdigit() else 0
    of_ct = [number for number, name in named.items() if str(name).strip().upper() == "CT" and number.isdigit()]
    if len(of_ct) == 1:
        return int(of_ct[0])
    faults.append(f"dataset.json has the channels {', '.join(map(str, named.values()))}; exactly one must be called CT")
    return None


def _training(entries: Any, folder: Path, faults: list[str]) -> list[tuple[Path, Path]]:
    """The decathlon's `training`: image and label of each case, relative to the folder."""
    pairs = []
    for number, entry in enumerate(entries if isinstance(entries, list) else [], start=1):
        try:
            pairs.append((folder / entry["image"], folder / entry["label"]))
        except (KeyError, TypeError):
            faults.append(f'dataset.json: entry {number} of "training" needs an "image" and a "label"')
    return pairs


def _listed(entries: Any, folder: Path, faults: list[str]) -> dict[str, Listed]:
    """nnU-Net's `dataset`: case -> images and label, relative to the folder, with environment variables."""
    listed = {}
    for name, entry in (entries if isinstance(entries, dict) else {}).items():
        try:
            images = [folder / os.path.expandvars(image) for image in entry["images"]]
            listed[name] = Listed(images, folder / os.path.expandvars(entry["label"]))
        except (KeyError, TypeError):
            faults.append(f'dataset.json: the case {name!r} in "dataset" needs a list "images" and a "label"')
    return listed
