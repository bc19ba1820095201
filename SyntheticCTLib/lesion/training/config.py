"""The file that describes a training: TOML, every entry checked before anything starts, all faults listed at once."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..presets import Preset, changed_preset, preset
from ..window import HUWindow

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LAYOUTS = ("crops", "nnunet", "msd", "lits", "csv", "pairs")

LOSSES_EVERY = 20
"""Steps between two rows of the table of losses; a row is the mean over them."""

DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class DataConfig:
    """Where the lesions come from.

    layout: how the files lie, one of `LAYOUTS`. path: file or folder; relative ones start at the configuration file.
    lesion_labels: label values (or names, where the layout has them) that are lesions; none for those usual in the
    layout. in_plane_mm: what all slices are resampled to; None for as they are. held_out, validation: shares of the
    patients. patients: a table (CSV: case, patient) for sets with several scans of one person. licence,
    attribution: for the card.
    """

    layout: str
    path: str
    lesion_labels: tuple[int | str, ...] = ()
    in_plane_mm: float | None = None
    held_out: float = 0.25
    validation: float = 0.05
    patients: str = ""
    licence: str = ""
    attribution: str = ""


@dataclass(frozen=True)
class TrainConfig:
    """One training.

    spacing: what is known of the data's spacing where its files do not hold it: in_plane_mm and slice_mm (lowest,
    highest), and a note.
    diameter_mm: of the lesions (lowest, highest); who paints others is warned. Empty if not known.
    source: name of the configuration file.
    """

    name: str
    region: str
    lesion: str
    preset: Preset
    window: HUWindow
    data: DataConfig
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    checkpoint_every: int = 500
    limits: tuple[str, ...] = ()
    spacing: Mapping[str, Any] = field(default_factory=dict)
    diameter_mm: tuple[float, ...] = ()
    source: str = ""

    def to_dict(self) -> dict[str, Any]:
        """What is to be learned, and how, as JSON values; what a checkpoint is bound to."""
        return {
            "name": self.name,
            "preset": self.preset.to_dict(),
            "window": [self.window.low, self.window.high],
            "data": {
                **dataclasses.asdict(self.data),
                "path": Path(self.data.path).name,
                "patients": Path(self.data.patients).name,
            },
            "seed": self.seed,
        }


def read_config(file: str | os.PathLike[str]) -> TrainConfig:
    """Read a training's description. Raises InputError, with all faults found, if it cannot be used."""
    path = Path(file)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: the configuration cannot be read ({error.strerror}); check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: this is no TOML file ({error}).") from error
    faults: list[str] = []
    top = _checked(values, _TOP, "", faults)
    tables = _tables(values, faults)
    data = _checked(tables.pop("data"), _DATA, "data.", faults)
    chosen = _preset(str(values.get("preset", "default")), tables, faults)
    window = _window(top.get("window"), faults)
    if data.get("layout") not in (None, *LAYOUTS):
        faults.append(f"data.layout is {data['layout']!r}; expected is one of {', '.join(LAYOUTS)}")
    if top.get("device", "auto") not in DEVICES:
        faults.append(f"device is {top['device']!r}; expected is one of {', '.join(DEVICES)}")
    faults += _spacing_faults(top.get("spacing", {}))
    faults += _limits_faults("diameter_mm", top.get("diameter_mm"))
    if top.get("checkpoint_every", LOSSES_EVERY) % LOSSES_EVERY or top.get("checkpoint_every", 1) < 1:
        faults.append(f"checkpoint_every is {top['checkpoint_every']}; expected is a multiple of {LOSSES_EVERY}")
    if faults or chosen is None or window is None:
        raise InputError(f"{path}: the configuration cannot be used: " + "; ".join(faults) + ".")
    for name in {"path", "patients"} & set(data):
        data[name] = str(path.parent / data[name])
    if "lesion_labels" in data:
        data["lesion_labels"] = tuple(data["lesion_labels"])
    top.pop("window"), top.pop("preset", None)
    top["limits"] = tuple(top.get("limits", ()))
    top["diameter_mm"] = tuple(top.get("diameter_mm", ()))
    return TrainConfig(preset=chosen, window=window, data=DataConfig(**data), source=path.name, **top)


_TEXT, _NUMBER, _WHOLE, _LIST, _TABLE = (str,), (int, float), (int,), (list,), (dict,)

_TOP = {
    "name": (_TEXT, True),
    "region": (_TEXT, True),
    "lesion": (_TEXT, True),
    "window": (_LIST, True),
    "preset": (_TEXT, False),
    "seed": (_WHOLE, False),
    "device": (_TEXT, False),
    "threads": (_WHOLE, False),
    "checkpoint_every": (_WHOLE, False),
    "limits": (_LIST, False),
    "spacing": (_TABLE, False),
    "diameter_mm": (_LIST, False),
}
"""Entry: its types, and whether it is needed."""

_DATA = {
    "layout": (_TEXT, True),
    "path": (_TEXT, True),
    "lesion_labels": (_LIST, False),
    "in_plane_mm": (_NUMBER, False),
    "held_out": (_NUMBER, False),
    "validation": (_NUMBER, False),
    "patients": (_TEXT, False),
    "licence": (_TEXT, False),
    "attribution": (_TEXT, False),
}

_SECTIONS = ("data", "optimisation", "generator", "discriminator")


def _checked(values: Mapping[str, Any], known: Mapping[str, Any], prefix: str, faults: list[str]) -> dict[str, Any]:
    """The known entries; what is missing, unknown or of another type is added to the faults."""
    for name in sorted(set(values) - set(known) - set(() if prefix else _SECTIONS)):
        faults.append(f"{prefix}{name} is not known")
    found = {}
    for name, (types, needed) in known.items():
        value = values.get(name)
        if value is None:
            if needed:
                faults.append(f"{prefix}{name} is missing")
        elif not isinstance(value, types) or isinstance(value, bool):
            faults.append(f"{prefix}{name} is {value!r}; expected is {' or '.join(kind.__name__ for kind in types)}")
        else:
            found[name] = value
    return found


def _tables(values: Mapping[str, Any], faults: list[str]) -> dict[str, dict[str, Any]]:
    """The entries of each section; what is none is added to the faults."""
    tables = {name: values.get(name, {}) for name in _SECTIONS}
    faults += [f"{name} is {table!r}; expected is a table" for name, table in tables.items() if type(table) is not dict]
    return {name: table if type(table) is dict else {} for name, table in tables.items()}


def _spacing_faults(spacing: Mapping[str, Any]) -> list[str]:
    faults = [f"spacing.{name} is not known" for name in sorted(set(spacing) - {"in_plane_mm", "slice_mm", "note"})]
    for name in ("in_plane_mm", "slice_mm"):
        faults += _limits_faults(f"spacing.{name}", spacing.get(name))
    return faults


def _limits_faults(name: str, limits: Any) -> list[str]:
    """What is wrong with a lowest and a highest length; nothing if they are not given."""
    if limits is None:
        return []
    numbers = isinstance(limits, list) and [type(one) in _NUMBER for one in limits] == [True, True]
    if numbers and 0 < limits[0] <= limits[1]:
        return []
    return [f"{name} is {limits!r}; expected are two lengths in mm, such as [0.5, 1.0]"]


def _preset(name: str, changes: Mapping[str, Any], faults: list[str]) -> Preset | None:
    """The preset, with what the file changes of it."""
    try:
        return changed_preset(preset(name), changes)
    except InputError as error:
        faults.append(str(error).rstrip("."))
    except ImportError as error:
        raise InputError(
            f"Training needs {error.name}, which is not installed here: pip install 'syntheticct[lesion]'."
        ) from error
    return None


def _window(limits: Any, faults: list[str]) -> HUWindow | None:
    try:
        low, high = limits
        return HUWindow(float(low), float(high))
    except (TypeError, ValueError):
        faults.append(f"window is {limits!r}; expected are two numbers, such as [-1024, 576]")
    except InputError as error:
        faults.append(str(error).rstrip("."))
    return None
