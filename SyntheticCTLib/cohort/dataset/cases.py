"""Reading a cohort that has been run: the one road by which exports and reports get at its cases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from .layout import Layout

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ..planning.plan import Plan


@dataclass(frozen=True)
class Case:
    """One synthetic CT of a cohort. image, label: its files; `label` is None if its source has no labels.

    The records are read when they are first asked for: a large cohort's would not fit into memory.
    """

    name: str
    image: Path
    label: Path | None
    layout: Layout

    @cached_property
    def public(self) -> dict[str, Any]:
        """The record that goes with the data."""
        return _read(self.layout.public_record(self.name))

    @cached_property
    def private(self) -> dict[str, Any]:
        """The record that does not: source, target, percent, seed, tries, quality report, hashes."""
        return _read(self.layout.private_record(self.name))

    def read(self) -> sitk.Image:
        """The CT where it was made, among the originals; its file is centred on 0. Raises InputError if unreadable."""
        from ...images.reading import read_ct
        from .places import moved

        return moved(read_ct(self.image).image, self.private["center_lps"])

    @property
    def metadata(self) -> dict[str, Any]:
        """What is said about the body: the interpolated metadata."""
        return self.public["metadata"]


@dataclass(frozen=True)
class Cohort:
    """A cohort's folder. cases: what was made, in order of names. rejected: names of the outputs that the gate
    rejected each time. failed: why an output could not be made, by its name. missing: names of the outputs that no
    run has come to yet; empty unless `unfinished_ok`."""

    folder: Path
    plan: Plan
    cases: tuple[Case, ...]
    rejected: tuple[str, ...]
    failed: dict[str, str]
    missing: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """Where everything lies."""
        return Layout(self.folder)

    def case(self, name: str) -> Case:
        """The case of this name. Raises InputError if there is none."""
        for case in self.cases:
            if case.name == name:
                return case
        raise InputError(f"The cohort {self.folder} has no case {name}; its cases are listed in metadata.csv.")


def read_cohort(folder: str | Path, unfinished_ok: bool = False) -> Cohort:
    """Read what a run has written.

    unfinished_ok: also take a cohort whose run is not through; its `dataset.json`, table and card may be missing.
    Raises InputError if the folder is no cohort, or is unfinished.
    """
    from ..planning.plan import read_plan

    layout = Layout(Path(folder))
    if not layout.plan.is_file():
        raise InputError(
            f"{folder}: this is no cohort (there is no {layout.plan.relative_to(layout.folder)} in it); give a folder "
            "that `synthetic-ct cohort run` has written."
        )
    plan = read_plan(layout.plan)
    made, rejected = names_in(layout.private_records), names_in(layout.rejections)
    names = sorted(output.name for output in plan.outputs)
    failed = {
        name: reason for name, reason in read_failures(layout).items() if name not in made and name not in rejected
    }
    missing = tuple(name for name in names if name not in made and name not in rejected and name not in failed)
    if not unfinished_ok and (missing or not layout.description.is_file()):
        raise InputError(
            f"{folder}: this cohort is not finished: {len(missing)} of its {len(names)} outputs are still to be made. "
            "Give the same command of `synthetic-ct cohort run` again; it goes on where it was."
        )
    cases = tuple(find_case(layout, name, bool(plan.label_names)) for name in names if name in made)
    never = tuple(name for name in names if name in rejected and name not in made)
    return Cohort(layout.folder, plan, cases, never, failed, missing)


def find_case(layout: Layout, name: str, with_labels: bool) -> Case:
    """A finished case. with_labels: whether the plan has any label names."""
    label = layout.label(name) if with_labels and layout.label(name).is_file() else None
    return Case(name, layout.image(name, labelled=label is not None or not with_labels), label, layout)


def iterate_cases(layout: Layout, plan: Plan) -> Iterator[Case]:
    """The finished cases in order of names, one in memory at a time."""
    made = names_in(layout.private_records)
    for output in sorted(plan.outputs, key=lambda output: output.name):
        if output.name in made:
            yield find_case(layout, output.name, bool(plan.label_names))


def names_in(folder: Path) -> set[str]:
    """What the JSON files in a folder are called."""
    return {file.stem for file in folder.glob("*.json") if not file.name.startswith(".")}


def read_failures(layout: Layout) -> dict[str, str]:
    """Reason of each failure by the output's name; none if no run has ended yet."""
    return _read(layout.failures)["failed"] if layout.failures.is_file() else {}


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file}: this record of the cohort cannot be read ({error}). Remove it and give the same command of "
            "`synthetic-ct cohort run` again."
        ) from error
