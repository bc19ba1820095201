"""Which files a morph writes, and what they are called.

In the output folder: `morph_050.nii.gz`, its label layers and `morph_050.json` (public). In `private/` beside
them, not for publication: `path.nrrd`, `morph_050.png` (shows the source) and `morph_050.json` (names it).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from ..errors import InputError
from ..jobs.records import PRIVATE

PATH_FILE = f"{PRIVATE}/path.nrrd"

_LAYER = re.compile(r"[A-Za-z0-9_-]+")
"""A layer's name as it is part of a file name."""

_PERCENT = re.compile(r"\d{1,3}(\.\d{1,4})?", re.ASCII)


def parse_percents(texts: Sequence[str]) -> tuple[Decimal, ...]:
    """Read how far to go, in percent; exact, so that names and duplicates are decided without rounding.

    Args:
        texts: numbers from 0 to 100, with up to four decimals after a point.

    Raises:
        InputError: something else, the same number twice, or none at all.
    """
    if not texts:
        raise InputError("No percentage was given; expected numbers from 0 to 100, such as 25 50 75.")
    percents: list[Decimal] = []
    for text in texts:
        percent = Decimal(text) if _PERCENT.fullmatch(text) else None
        if percent is None or percent > 100:
            raise InputError(
                f"The percentage '{text}' cannot be used; expected a number from 0 to 100, such as 12.5."
            )
        if percent in percents:
            raise InputError(f"The percentage {text} was given twice; give each once.")
        percents.append(percent)
    return tuple(percents)


def morph_name(percent: Decimal) -> str:
    """The name all files of a morph begin with: morph_050, morph_012.5."""
    whole, _, decimals = f"{percent:f}".partition(".")
    decimals = decimals.rstrip("0")
    return f"morph_{int(whole):03d}" + (f".{decimals}" if decimals else "")


@dataclass(frozen=True)
class MorphFiles:
    """File names of the morph at one percentage, relative to the output folder."""

    percent: Decimal

    @property
    def name(self) -> str:
        """What they all begin with."""
        return morph_name(self.percent)

    @property
    def image(self) -> str:
        """The synthetic CT."""
        return f"{self.name}.nii.gz"

    @property
    def public_record(self) -> str:
        """Metadata, method and verdict."""
        return f"{self.name}.json"

    @property
    def contact_sheet(self) -> str:
        """Private: a picture that shows source and target too."""
        return f"{PRIVATE}/{self.name}.png"

    @property
    def private_record(self) -> str:
        """Private: full provenance and quality report."""
        return f"{PRIVATE}/{self.name}.json"

    def labels(self, layers: Sequence[str]) -> dict[str, str]:
        """File of each label layer by the layer's name; a single layer's name is not in the file's.

        Raises:
            InputError: two layers have one name (file systems may not tell capital letters from small ones).
        """
        if len({layer.casefold() for layer in layers}) < len(layers):
            raise InputError(
                f"Two label layers have one name ({', '.join(layers)}). Give others: --labels NAME=FILE ..."
            )
        if len(layers) == 1:
            return {layers[0]: f"{self.name}_labels.nii.gz"}
        return {layer: f"{self.name}_labels_{layer}.nii.gz" for layer in layers}

    @property
    def superseded(self) -> tuple[str, ...]:
        """Files that an earlier run may have written for this percentage, but for `earlier_layers`."""
        return (
            self.image,
            f"{self.name}_labels.nii.gz",
            self.public_record,
            self.contact_sheet,
            self.private_record,
        )

    def earlier_layers(self, folder: Path) -> list[str]:
        """Label files of an earlier run, as its public record in the folder tells."""
        try:
            layers = json.loads((folder / self.public_record).read_text(encoding="utf-8"))["labels"]
            return [f"{self.name}_labels_{layer}.nii.gz" for layer in layers if _LAYER.fullmatch(layer)]
        except (OSError, ValueError, KeyError, TypeError):  # no record, or none of ours
            return []


def superseded(percents: Iterable[Decimal], with_path: bool, folder: Path) -> list[str]:
    """Patterns of all files that an earlier, equal run wrote; `with_path` where this one writes a path."""
    patterns = []
    for files in map(MorphFiles, percents):
        patterns += [*files.superseded, *files.earlier_layers(folder)]
    return [*patterns, PATH_FILE] if with_path else patterns
