"""The packages that decide about the voxels: the same ones on every worker, or the results would differ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata as packages

from ...errors import InputError
from ...jobs.records import file_hash, software_versions
from ..planning.lesions import LesionSettings

Versions = tuple[tuple[str, str], ...]
"""(package, version) each, sorted."""

_LESION_PACKAGES = ("torch", "safetensors")

_DIGITS = 12
"""Hexadecimal digits of a hash that stands for a version."""


@dataclass(frozen=True)
class Work:
    """What a worker must be able to do. backend: name of the engine. lesions: None for none."""

    backend: str
    lesions: LesionSettings | None = None

    def versions(self) -> tuple[Versions, Versions]:
        """`deciding_versions` and `lesion_versions`, of here. Raises InputError if this cannot be done here."""
        return deciding_versions(self.backend), lesion_versions(self.lesions)


@lru_cache(maxsize=4)
def deciding_versions(backend: str) -> Versions:
    """(package, version) of all that decides about a registration and a morph, sorted.

    Raises InputError if the backend is not to be had here.
    """
    from ...morph.backends import get_backend

    return tuple(sorted({**software_versions(), **get_backend(backend).versions()}.items()))


@lru_cache(maxsize=4)
def lesion_versions(settings: LesionSettings | None) -> Versions:
    """(name, version) of all that decides about painted lesions besides: packages, weights and card of the model.

    Nothing is loaded. Empty for no lesions. Raises InputError if a package or the model is not to be had here, or its
    weights are not those of the plan.
    """
    if settings is None:
        return ()
    from ...lesion.model_files import CARD, check_weights, find_model, read_card

    versions = {}
    for name in _LESION_PACKAGES:
        try:
            versions[name] = packages.version(name)
        except packages.PackageNotFoundError as error:
            raise InputError(
                f"Painting lesions needs {name}, which is not installed here: pip install 'syntheticct[lesion]'."
            ) from error
    folder = find_model(settings.model)
    fault = check_weights(folder)
    if fault:
        raise InputError(fault)
    if read_card(folder)["sha256"] != settings.weights:
        raise InputError(
            f"{folder}: the model has other weights than when the plan was made. Put the old one back, or plan again."
        )
    card = file_hash(folder / CARD)[:_DIGITS]
    return tuple(sorted({**versions, "weights": settings.weights[:_DIGITS], "model card": card}.items()))


def refuse_other(here: Versions, theirs: Versions, what: str) -> None:
    """Raise InputError if a worker has other packages than the command. what: they are for, such as "morphs"."""
    if here != theirs:
        other = ", ".join(" ".join(one) for one in here if one not in theirs)
        raise InputError(
            f"A worker has other packages for {what} than the command ({other or 'some are missing'}), so its results "
            "would differ. Install the same versions on all workers."
        )
