"""What a training leaves on disk while it runs, so that it goes on after a kill as if it had never stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import InputError

CHECKPOINT = "checkpoint.pt"


def binding(config: Mapping[str, Any], data: str) -> str:
    """A hash of what is to be learned, and how; device and threads, which decide the last digits, are not in it.

    data: hash of the training data.
    """
    text = json.dumps({"config": config, "data": data}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def save_checkpoint(
    folder: Path, bound: str, step: int, state: Mapping[str, Any], columns: list[str], losses: list[list[float]]
) -> None:
    """Replace the checkpoint, whole or not at all.

    Args:
        folder: of the training.
        bound: see `binding`.
        step: how many steps were done.
        state: of the pix2pix.
        columns, losses: the table of losses so far, without and with its column of steps.
    """
    import torch

    waiting = folder / f"{CHECKPOINT}.part"
    with waiting.open("wb") as stream:
        torch.save({"bound": bound, "step": step, "state": dict(state), "columns": columns, "losses": losses}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(waiting, folder / CHECKPOINT)


def load_checkpoint(folder: Path, bound: str) -> dict[str, Any] | None:
    """The checkpoint of a training; None if there is none yet.

    Raises InputError if it is damaged or belongs to another configuration or other data.
    """
    import torch

    file = folder / CHECKPOINT
    if not file.exists():
        return None
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
        belongs = found["bound"] == bound
    except Exception as error:  # torch raises kinds of its own
        raise InputError(f"{file}: the checkpoint cannot be read ({error}); use --overwrite to begin anew.") from error
    if not belongs:
        raise InputError(
            f"{file}: the checkpoint belongs to another configuration or other data; choose another folder, or use "
            "--overwrite to begin anew."
        )
    return found
