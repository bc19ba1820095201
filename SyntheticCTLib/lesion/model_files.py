"""Models on disk: a folder with card.json, card.md and weights.safetensors; finding, loading and writing them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .cards import render_card
from .presets import Preset, preset_from_dict
from .window import HUWindow

if TYPE_CHECKING:
    import torch

CARD, READABLE, WEIGHTS = "card.json", "card.md", "weights.safetensors"

CARD_VERSION = 1

_SHIPPED = Path(__file__).parent / "models"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

_NEEDED = ("name", "version", "region", "lesion", "units", "window", "spacing", "network", "sha256")


@dataclass(frozen=True, eq=False)
class ModelEntry:
    """A model's folder and card; `fault` says why it cannot be loaded, if so."""

    name: str
    folder: Path
    card: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""
    shipped: bool = False


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model. nets: "generator" and, where the preset has it, "traits", in evaluation mode, float32."""

    name: str
    folder: Path
    card: Mapping[str, Any]
    preset: Preset
    window: HUWindow
    nets: Mapping[str, torch.nn.Module]


def user_folder() -> Path:
    """Where a user's own models lie: $SYNTHETIC_CT_MODELS, else ~/.local/share/SyntheticCT/models."""
    given = os.environ.get("SYNTHETIC_CT_MODELS")
    return Path(given) if given else Path.home() / ".local" / "share" / "SyntheticCT" / "models"


def list_models() -> list[ModelEntry]:
    """All models, the shipped ones first, each group by name; broken ones too, with what is wrong."""
    entries = []
    for place, shipped in ((_SHIPPED, True), (user_folder(), False)):
        folders = sorted(file.parent for file in place.glob(f"*/{CARD}")) if place.is_dir() else []
        entries += [_entry(folder, shipped) for folder in folders]
    return entries


def find_model(name: str | os.PathLike[str]) -> Path:
    """The folder of a model called by its name or its folder. Raises InputError if there is none."""
    given = Path(name)
    if (given / CARD).is_file():
        return given
    known = {entry.name: entry.folder for entry in reversed(list_models())}
    if os.fspath(name) in known:
        return known[os.fspath(name)]
    raise InputError(
        f"There is no model {os.fspath(name)!r}; known are {', '.join(sorted(known)) or 'none'} (shipped, or in "
        f"{user_folder()}). Choose one of them, give a folder that holds {CARD}, or train one: "
        "synthetic-ct lesion train."
    )


def only_model() -> Path:
    """The folder of the one model that can be loaded. Raises InputError if there is none, or a choice."""
    usable = [entry for entry in list_models() if not entry.fault]
    if len(usable) == 1:
        return usable[0].folder
    found = ", ".join(entry.name for entry in usable) or "none"
    raise InputError(
        f"No model was named, and there is not just one that can be loaded (found: {found}). Name one with --model, or "
        "train one: synthetic-ct lesion train."
    )


def load_model(name: str | os.PathLike[str]) -> Model:
    """Load a model by its name or folder.

    Raises InputError if there is none, its card is malformed, or its weights are not those of the card (SHA-256) or do
    not fit the network described there; or if torch or safetensors are missing.
    """
    folder = find_model(name)
    card = read_card(folder)
    data = _checked_weights(folder, card)
    try:
        from safetensors.torch import load

        from .network.pix2pix import build_nets
    except ImportError as error:
        raise InputError(
            f"Painting lesions needs {error.name}, which is not installed here. Install it (in Slicer through the "
            "PyTorch extension; else: pip install 'syntheticct[lesion]')."
        ) from error
    try:
        preset, window = preset_from_dict(card["network"]), HUWindow(*card["window"])
        nets = build_nets(preset)
        weights = load(data)
        for part, net in nets.items():
            own = {
                key.removeprefix(f"{part}."): value.float() for key, value in weights.items() if key.startswith(part)
            }
            net.load_state_dict(own)
            net.eval().requires_grad_(False)
    except InputError:
        raise
    except Exception as error:  # safetensors and torch raise kinds of their own
        raise InputError(
            f"{folder / WEIGHTS}: its weights do not fit the network that {CARD} describes ({error}). Copy the "
            "model again."
        ) from error
    return Model(card["name"], folder, card, preset, window, nets)


def save_model(folder: Path, card: Mapping[str, Any], nets: Mapping[str, torch.nn.Module]) -> dict[str, Any]:
    """Write a model into an existing folder, weights in half precision; return the card with their SHA-256.

    Nothing existing is looked at: stage the folder. card: without sha256. Raises InputError if the name cannot be one.
    """
    from safetensors.torch import save

    if not _NAME.fullmatch(card["name"]):
        raise InputError(f"A model would be called {card['name']!r}; expected are small letters, digits and -.")
    weights = {
        f"{part}.{key}": _halved(value.detach().cpu().contiguous())
        for part, net in nets.items()
        for key, value in net.state_dict().items()
    }
    data = save(weights)
    full = {**card, "version": CARD_VERSION, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / WEIGHTS).write_bytes(data)
    _write_card(folder, full)
    return full


def _halved(value: torch.Tensor) -> torch.Tensor:
    """Half precision for what is floating point; counters (of batch norm) stay whole."""
    return value.half() if value.is_floating_point() else value


def add_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Put what was measured of a model on its card. Raises InputError if the card cannot be read or written."""
    card = {**read_card(folder), "metrics": dict(metrics)}
    try:
        _write_card(folder, card)
    except OSError as error:
        raise InputError(f"{folder / CARD}: the card cannot be written ({error.strerror}); copy the model.") from error


def _write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Both forms of the card, each file whole or as it was."""
    texts = {CARD: json.dumps(card, indent=2, ensure_ascii=False) + "\n", READABLE: render_card(card)}
    for name, text in texts.items():
        waiting = folder / f".{name}.part"
        waiting.write_text(text, encoding="utf-8")
        os.replace(waiting, folder / name)


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a model. Raises InputError if it is malformed or of a version not known here."""
    file = folder / CARD
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: the model card cannot be read ({error}). Copy the model again.") from error
    missing = [key for key in _NEEDED if key not in card] if isinstance(card, dict) else list(_NEEDED)
    if missing:
        raise InputError(f"{file}: the model card lacks {', '.join(missing)}. Copy or train the model again.")
    kinds = {"name": str, "region": str, "lesion": str, "window": list, "spacing": dict, "network": dict, "sha256": str}
    wrong = [key for key, kind in kinds.items() if not isinstance(card[key], kind)]
    if wrong:
        raise InputError(f"{file}: in the model card {', '.join(wrong)} cannot be used. Copy or train the model again.")
    if card["version"] != CARD_VERSION:
        raise InputError(
            f"{file}: the card has version {card['version']!r}; expected {CARD_VERSION}. Update SyntheticCT."
        )
    return card


def check_weights(folder: Path) -> str:
    """What is wrong with a model's card or weights, in one sentence; empty if nothing."""
    try:
        _checked_weights(folder, read_card(folder))
    except InputError as error:
        return str(error)
    return ""


def _checked_weights(folder: Path, card: Mapping[str, Any]) -> bytes:
    """The bytes of the weights file, if they are those the card speaks of."""
    file = folder / WEIGHTS
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: the weights cannot be read ({error.strerror}). Copy the model again.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != card["sha256"]:
        raise InputError(
            f"{file}: its SHA-256 is {found[:12]}..., the card says {str(card['sha256'])[:12]}...; the file is "
            "damaged or another one. It is not loaded. Copy the model again."
        )
    return data


def _entry(folder: Path, shipped: bool) -> ModelEntry:
    try:
        card = read_card(folder)
    except InputError as error:
        return ModelEntry(folder.name, folder, fault=str(error), shipped=shipped)
    return ModelEntry(card["name"], folder, card, check_weights(folder), shipped)
