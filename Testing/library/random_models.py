"""A tiny lesion model of random weights: it paints noise, in milliseconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path


def random_model(folder: Path, **card) -> Path:
    """Write the model into `folder` and return it; `card`: what its card says beside or instead of the usual."""
    import torch

    from SyntheticCTLib.lesion.model_files import save_model
    from SyntheticCTLib.lesion.network.pix2pix import build_nets
    from SyntheticCTLib.lesion.presets import DEFAULT

    preset = replace(DEFAULT, generator={**DEFAULT.generator, "stem": 4, "widths": (4, 8)})
    torch.manual_seed(1)
    folder.mkdir(parents=True)
    usual = {
        "name": "random",
        "region": "lung",
        "lesion": "nodule",
        "units": "hu",
        "window": [-1000, 400],
        "spacing": {"in_plane_mm": None, "slice_mm": None},
        "network": preset.to_dict(),
    }
    save_model(folder, {**usual, **card}, build_nets(preset))
    return folder
