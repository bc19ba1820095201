"""A plan: which morphs between which subjects make up a data set, as JSON that a person can read and edit.

It names the sources, so it is not for publication. What lies in it decides about every voxel of the data set:
`Plan.identity` is a hash of that, and does not change when files move.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, TextIO

from ...errors import InputError
from ...jobs.records import software_versions
from ..dataset.files import replacing
from ..dataset.painted import LESION
from .faults import PLAN_TITLE, PLAN_VERSION, plan_faults
from .lesions import settings_of
from .settings import LATER, PERCENT_STEP, PlanSettings
from .subjects import LabelFile, Subject

_LISTED_FAULTS = 200
"""So many faults are listed in one message; the rest are counted."""


@dataclass(frozen=True, slots=True)
class PlannedOutput:
    """One synthetic CT to be made: `percent` (0..100) of the way from a source to a target, both ids of subjects.

    seed: of the percentages that are tried if this one is rejected; see `drawing.percents`. lesions, lesion_seed: how
    many are painted, and the seed of their places, shapes and looks; None in a plan without lesions.
    """

    name: str
    source: str
    target: str
    percent: Decimal
    seed: int
    lesions: int | None = None
    lesion_seed: int | None = None


@dataclass(frozen=True)
class Plan:
    """What a cohort is made of.

    seed: of all draws. label_names: the label values of the data set are 1 + position; later ones win where labels
    overlap. subjects: those that take part, in order of ids. held_out: those that the draw left out; they are never
    morphed. excluded_edges: pairs (source, target) within a region that are not drawn. software: versions by package,
    of whoever planned.
    """

    seed: int
    settings: PlanSettings
    label_names: tuple[str, ...]
    subjects: tuple[Subject, ...]
    held_out: tuple[Subject, ...]
    excluded_edges: tuple[tuple[str, str], ...]
    outputs: tuple[PlannedOutput, ...]
    software: Mapping[str, str] = field(default_factory=software_versions)

    @cached_property
    def identity(self) -> str:
        """SHA-256 (hex) of what decides about the results; file paths and versions play no part."""
        digest = hashlib.sha256()
        for part in self._deciding():
            line = json.dumps(part, sort_keys=True, separators=(",", ":"), allow_nan=False)
            digest.update(line.encode("ascii") + b"\n")
        return digest.hexdigest()

    def subject(self, name: str) -> Subject:
        """The subject with this id, held out or not. Raises KeyError if there is none."""
        return self._by_id[name]

    @property
    def source_label_names(self) -> tuple[str, ...]:
        """The names of the labels that sources have: without that of painted lesions, if it was added."""
        added = self.settings.lesions is not None and self.label_names[-1:] == (LESION,)
        return self.label_names[:-1] if added else self.label_names

    @cached_property
    def _by_id(self) -> dict[str, Subject]:
        return {subject.id: subject for subject in (*self.subjects, *self.held_out)}

    def _deciding(self) -> Iterator[Any]:
        settings = self.settings.to_dict()
        for name in LATER:  # so that a plan without them is the one it was before there were any
            if name == "lesions" or settings[name] is None:
                del settings[name]
        yield [PLAN_VERSION, self.seed, settings, list(self.label_names)]
        if self.settings.lesions is not None:
            yield self.settings.lesions.deciding()
        for subject in sorted(self.subjects, key=lambda subject: subject.id):
            labels = [[label.name, label.sha256] for label in subject.labels]
            yield [subject.id, subject.region, subject.content, labels, subject.metadata_sha256]
        for output in sorted(self.outputs, key=lambda output: output.name):
            lesions = [] if output.lesions is None else [output.lesions, output.lesion_seed]
            yield [output.name, output.source, output.target, _percent_text(output.percent), output.seed, *lesions]


def write_plan(plan: Plan, file: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None) -> None:
    """Write a plan as JSON, one subject and one output a line; it appears complete or not at all.

    folder: where the plan will lie, if it is moved afterwards: paths in it are relative to that folder.
    """
    file = Path(file)
    base = Path(os.path.abspath(folder if folder is not None else file.parent))
    with replacing(file) as stream:
        _write(plan, base, stream)


def read_plan(file: str | os.PathLike[str]) -> Plan:
    """Read a plan. Raises InputError that lists all that is wrong with it."""
    file = Path(file)
    raw = _load(file)
    faults = plan_faults(raw)
    if faults:
        more = len(faults) - _LISTED_FAULTS
        lines = [*faults[:_LISTED_FAULTS], *([f"and {more} more"] if more > 0 else [])]
        raise InputError(f"{file}: this plan cannot be used; correct it or plan again:\n  - " + "\n  - ".join(lines))
    base = Path(os.path.abspath(file.parent))
    return Plan(
        seed=raw["seed"],
        settings=_settings(raw["settings"], base),
        label_names=tuple(raw["label_names"]),
        subjects=tuple(_subject(entry, base) for entry in raw["subjects"]),
        held_out=tuple(_subject(entry, base) for entry in raw["held_out"]),
        excluded_edges=tuple((source, target) for source, target in raw["excluded_edges"]),
        outputs=tuple(_outputs(raw["outputs"])),
        software=dict(raw["software"]),
    )


def _write(plan: Plan, base: Path, stream: TextIO) -> None:
    head = {
        "plan": PLAN_TITLE,
        "version": PLAN_VERSION,
        "seed": plan.seed,
        "software": dict(plan.software),
    }
    stream.write("{\n")
    for key, value in head.items():
        stream.write(f' "{key}": {_line(value)},\n')
    stream.write(f' "settings": {_settings_text(plan.settings, base)},\n')
    stream.write(f' "label_names": {_line(list(plan.label_names))},\n')
    _write_list("excluded_edges", _edge_lines(plan.excluded_edges), stream)
    _write_list("subjects", (_line(_subject_entry(subject, base)) for subject in plan.subjects), stream)
    _write_list("held_out", (_line(_subject_entry(subject, base)) for subject in plan.held_out), stream)
    _write_list("outputs", map(_output_line, plan.outputs), stream, last=True)
    stream.write("}\n")


def _settings_text(settings: PlanSettings, base: Path) -> str:
    """The settings in one line; files that lend shapes, the last of them, in one each."""
    entry = settings.to_dict()
    if settings.lesions is None or not settings.lesions.shapes:
        return _line(entry)
    lesions = entry.pop("lesions")
    shapes = [{**one, "file": _stored_path(Path(one["file"]), base)} for one in lesions.pop("shapes")]
    listed = ",\n   ".join(map(_line, shapes))
    return f'{_line(entry)[:-1]}, "lesions": {_line(lesions)[:-1]}, "shapes": [\n   {listed}\n  ]}}}}'


def _write_list(name: str, lines: Iterator[str], stream: TextIO, last: bool = False) -> None:
    stream.write(f' "{name}": [')
    separator = "\n  "
    for line in lines:
        stream.write(separator + line)
        separator = ",\n  "
    stream.write(("]" if separator == "\n  " else "\n ]") + ("\n" if last else ",\n"))


def _edge_lines(edges: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """The edges, those of one source in one line."""
    targets: dict[str, list[str]] = {}
    for source, target in edges:
        targets.setdefault(source, []).append(target)
    for source, reached in targets.items():
        yield ", ".join(_line([source, target]) for target in reached)


def _output_line(output: PlannedOutput) -> str:
    # By hand, as json knows no Decimal and a float would not be written with two decimals.
    name, source, target = (_line(text) for text in (output.name, output.source, output.target))
    percent = _percent_text(output.percent)
    lesions = "" if output.lesions is None else f', "lesions": {output.lesions}, "lesion_seed": {output.lesion_seed}'
    return (
        f'{{"name": {name}, "source": {source}, "target": {target}, "percent": {percent}, "seed": {output.seed}'
        f"{lesions}}}"
    )


def _percent_text(percent: Decimal) -> str:
    return f"{percent.quantize(PERCENT_STEP):f}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _subject_entry(subject: Subject, base: Path) -> dict[str, Any]:
    return {
        "id": subject.id,
        "image": _stored_path(subject.image, base),
        "region": subject.region,
        "labels": [
            {"name": label.name, "file": _stored_path(label.file, base), "sha256": label.sha256}
            for label in subject.labels
        ],
        "metadata": None if subject.metadata is None else _stored_path(subject.metadata, base),
        "metadata_sha256": subject.metadata_sha256,
        "series": subject.series,
        "content": subject.content,
    }


def _stored_path(path: Path, base: Path) -> str:
    """The path relative to the plan's folder, with "/"; absolute where the two share nothing but the root."""
    try:
        if os.path.commonpath([path, base]) != Path(path).anchor:
            return Path(os.path.relpath(path, base)).as_posix()
    except ValueError:  # on another drive
        pass
    return Path(path).as_posix()


def _load(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"), parse_float=Decimal, parse_constant=_refuse_constant)
    except OSError as error:
        raise InputError(
            f"{file}: the plan cannot be read ({error.strerror}); make one with `synthetic-ct cohort plan`."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{file}: this is no plan, or a comma or bracket was lost while it was edited: it is no JSON ({error})."
        ) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _settings(entry: Mapping[str, Any], base: Path) -> PlanSettings:
    values = {name: float(value) if isinstance(value, Decimal) else value for name, value in entry.items()}
    if values.get("spacing") is not None:
        values["spacing"] = tuple(float(mm) for mm in values["spacing"])
    if values.get("size") is not None:
        values["size"] = tuple(values["size"])
    lesions = values.get("lesions")
    if lesions is not None:
        lesions = settings_of(lesions)
        shapes = tuple(replace(one, file=Path(os.path.normpath(base / one.file))) for one in lesions.shapes)
        values["lesions"] = replace(lesions, shapes=shapes)
    return PlanSettings(**values)


def _subject(entry: Mapping[str, Any], base: Path) -> Subject:
    def absolute(path: str) -> Path:
        return Path(os.path.normpath(base / path))

    return Subject(
        id=entry["id"],
        image=absolute(entry["image"]),
        region=entry["region"],
        labels=tuple(LabelFile(one["name"], absolute(one["file"]), one["sha256"]) for one in entry["labels"]),
        metadata=None if entry["metadata"] is None else absolute(entry["metadata"]),
        series=entry["series"],
        content=entry["content"],
        metadata_sha256=entry["metadata_sha256"],
    )


def _outputs(entries: list[dict[str, Any]]) -> Iterator[PlannedOutput]:
    """The outputs in the order of their entries, which go as they are read: both would need twice the memory."""
    ids: dict[str, str] = {}  # one string for each subject, however many outputs name it
    entries.reverse()
    while entries:
        entry = entries.pop()
        yield PlannedOutput(
            entry["name"],
            ids.setdefault(entry["source"], entry["source"]),
            ids.setdefault(entry["target"], entry["target"]),
            Decimal(entry["percent"]).quantize(PERCENT_STEP),
            entry["seed"],
            entry.get("lesions"),
            entry.get("lesion_seed"),
        )
