"""What a folder says about a plan's outputs: which are finished, which are to be made, in which order."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..dataset.cases import names_in
from ..dataset.files import read_record
from ..dataset.layout import Layout
from .orders import LesionOrder, OutputOrder, PairOrder, Scan

if TYPE_CHECKING:
    from ..planning.plan import Plan, PlannedOutput
    from ..planning.subjects import Subject

MADE, REJECTED, FAILED = "made", "rejected", "failed"
"""How an output may end."""


def state_of(layout: Layout, name: str, entry: str) -> str | None:
    """Whether an output is finished: "made" or "rejected"; None if it is not, or a file is gone or cut short."""
    record = read_record(layout.private_record(name))
    if record and record.get("entry") == entry and _files_are_there(record["files"], layout.folder):
        return MADE
    record = read_record(layout.rejection(name))
    return REJECTED if record and record.get("entry") == entry else None


def _files_are_there(files: dict[str, dict], folder: Path) -> bool:
    """Whether files are all there, of the length they were written with."""
    try:
        return all((folder / name).stat().st_size == written["bytes"] for name, written in files.items())
    except OSError:
        return False


class Ledger:
    """A plan, the folder it is carried out in, and how far that has come.

    Args:
        plan: what is to be made.
        layout: where.
        backend: name of the engine, never "auto".
        versions: see `versions.deciding_versions`.
        lesion_versions: see `versions.lesion_versions`.
    """

    def __init__(
        self,
        plan: Plan,
        layout: Layout,
        backend: str,
        versions: tuple[tuple[str, str], ...],
        lesion_versions: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.plan = plan
        self.layout = layout
        self._backend = backend
        self._versions = versions
        self._lesion_versions = lesion_versions

    def entry(self, output: PlannedOutput) -> str:
        """Hash of what the plan says about an output."""
        about = [self.plan.identity, output.name, output.source, output.target, str(output.percent), output.seed]
        return hashlib.sha256(json.dumps(about).encode("utf-8")).hexdigest()

    def look(self) -> tuple[Counter[str], list[list[PlannedOutput]]]:
        """How many outputs are finished, by state, and the others, grouped by unordered pair of subjects.

        Records of outputs that are not finished are removed.
        """
        touched = names_in(self.layout.private_records) | names_in(self.layout.rejections)
        finished: Counter[str] = Counter()
        pairs: dict[tuple[str, str], list[PlannedOutput]] = {}
        for output in self.plan.outputs:
            state = state_of(self.layout, output.name, self.entry(output)) if output.name in touched else None
            if state:
                finished[state] += 1
            else:
                if output.name in touched:  # what it tells of is not there, and a redo may fail: nobody shall take it
                    self.layout.private_record(output.name).unlink(missing_ok=True)
                    self.layout.rejection(output.name).unlink(missing_ok=True)
                pairs.setdefault(tuple(sorted((output.source, output.target))), []).append(output)
        return finished, [pairs[pair] for pair in sorted(pairs)]

    def pair_order(self, output: PlannedOutput) -> PairOrder:
        """The pair of an output as a task."""
        scans = [_scan(self.plan.subject(name)) for name in sorted((output.source, output.target))]
        scans.sort(key=lambda scan: scan.content)
        first, second = scans
        return PairOrder(
            self.layout.folder,
            (first, second),
            self.plan.source_label_names,
            self.plan.settings.guided,
            self._backend,
            self._versions,
        )

    def output_order(self, output: PlannedOutput, pair: PairOrder) -> OutputOrder:
        """An output as a task."""
        from ..planning.drawing import percents

        settings = self.plan.settings
        return OutputOrder(
            pair=pair,
            forward=pair.scans[0].id == output.source,
            name=output.name,
            entry=self.entry(output),
            region=self.plan.subject(output.source).region,
            seed=output.seed,
            percents=tuple(percents(output, settings)),
            grid=settings.grid,
            spacing=settings.spacing,
            size=settings.size,
            label_names=self.plan.label_names,
            lesions=self._lesion_order(output),
        )

    def _lesion_order(self, output: PlannedOutput) -> LesionOrder | None:
        settings = self.plan.settings.lesions
        if settings is None or not output.lesions:
            return None
        return LesionOrder(output.lesions, output.lesion_seed, settings, self._lesion_versions)


def _scan(subject: Subject) -> Scan:
    return Scan(
        id=subject.id,
        image=str(subject.image),
        series=subject.series,
        content=subject.content,
        labels=tuple((label.name, str(label.file), label.sha256) for label in subject.labels),
        metadata=None if subject.metadata is None else (str(subject.metadata), subject.metadata_sha256),
    )
