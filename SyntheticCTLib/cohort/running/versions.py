"""The packages that decide about the voxels: the same ones on every worker, or the results would differ."""

from __future__ import annotations

from functools import lru_cache

from ...jobs.records import software_versions


@lru_cache(maxsize=4)
def deciding_versions(backend: str) -> tuple[tuple[str, str], ...]:
    """(package, version) of all that decides about a registration and a morph, sorted.

    Raises InputError if the backend is not to be had here.
    """
    from ...morph.backends import get_backend

    return tuple(sorted({**software_versions(), **get_backend(backend).versions()}.items()))
