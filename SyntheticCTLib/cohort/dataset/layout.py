"""Where everything of a cohort lies, in one folder: the data set, and `private/` beside it.

The data set follows nnU-Net's raw layout. A case whose source has no labels, in a cohort that has some, lies in
`imagesTs`: nnU-Net expects a label map for every image in `imagesTr`, and an empty one would teach that nothing is
there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...jobs.records import PRIVATE

FILE_ENDING = ".nii.gz"

CHANNEL = "_0000"
"""nnU-Net's number of the first (here the only) channel, behind the name of a case."""


@dataclass(frozen=True)
class Layout:
    """All paths of the cohort in `folder`; nothing is made or checked here."""

    folder: Path

    # --- to publish

    @property
    def description(self) -> Path:
        """nnU-Net's description of the data set."""
        return self.folder / "dataset.json"

    @property
    def table(self) -> Path:
        """The cases' metadata."""
        return self.folder / "metadata.csv"

    @property
    def card(self) -> Path:
        """The data card."""
        return self.folder / "README.md"

    @property
    def public_folders(self) -> tuple[Path, ...]:
        """The folders of what is published."""
        return tuple(self.folder / name for name in ("imagesTr", "imagesTs", "labelsTr", "records"))

    def image(self, name: str, labelled: bool = True) -> Path:
        """The CT of a case; `labelled`: whether it has a label map, or the whole cohort has none."""
        return self.folder / ("imagesTr" if labelled else "imagesTs") / f"{name}{CHANNEL}{FILE_ENDING}"

    def label(self, name: str) -> Path:
        """The label map of a case."""
        return self.folder / "labelsTr" / f"{name}{FILE_ENDING}"

    def public_record(self, name: str) -> Path:
        """What may be told about a case."""
        return self.folder / "records" / f"{name}.json"

    # --- not to publish

    @property
    def private(self) -> Path:
        """What names the sources (mode 0700)."""
        return self.folder / PRIVATE

    @property
    def plan(self) -> Path:
        """Copy of the plan."""
        return self.private / "plan.json"

    @property
    def paths(self) -> Path:
        """The registered pairs."""
        return self.private / "paths"

    def path(self, key: str) -> Path:
        """The registration with this key."""
        return self.paths / f"{key}.nrrd"

    @property
    def private_records(self) -> Path:
        """Folder of the private records."""
        return self.private / "records"

    def private_record(self, name: str) -> Path:
        """Everything about a case; written last, so a case that has it is finished."""
        return self.private_records / f"{name}.json"

    @property
    def rejections(self) -> Path:
        """Folder of the outputs that the gate rejected."""
        return self.private / "rejected"

    def rejection(self, name: str) -> Path:
        """Every try of an output that the gate rejected each time."""
        return self.rejections / f"{name}.json"

    @property
    def failures(self) -> Path:
        """Outputs that could not be made in the last run, each with the reason."""
        return self.private / "failures.json"

    @property
    def times(self) -> Path:
        """Seconds of each task; of no consequence for the data."""
        return self.private / "times.csv"

    @property
    def slurm_logs(self) -> Path:
        """What SLURM's jobs print."""
        return self.private / "slurm"

    @property
    def lock(self) -> Path:
        """Held by the run that writes into this folder."""
        return self.private / "lock"

    @property
    def scratch(self) -> Path:
        """Unfinished files, a folder for each task; the next run removes what killed ones left."""
        return self.private / "unfinished"
