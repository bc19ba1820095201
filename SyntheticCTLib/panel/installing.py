"""Offers antspyx when it is needed, and never otherwise."""

from __future__ import annotations

import importlib
import importlib.util
import logging

KEPT_PACKAGES = ["numpy", "scipy"]
"""antspyx asks for older ones than Slicer's; it works with Slicer's, and theirs would break other extensions."""


def has_ants() -> bool:
    """Whether antspyx can be imported; it is looked up, not loaded."""
    return importlib.util.find_spec("ants") is not None


def offer_ants(requirements_file: str) -> bool:
    """Ask the user to install antspyx where it is missing; return whether it is there now.

    requirements_file: the module's requirements.txt. A user who declines, an offline machine and a failed
    installation are all answered with False: the other backend does the job.
    """
    if has_ants():
        return True
    import slicer.packaging  # not there until it is asked for

    try:
        slicer.packaging.pip_ensure(
            slicer.packaging.load_requirements(requirements_file), skip_packages=KEPT_PACKAGES, requester="SyntheticCT"
        )
    except Exception as error:  # pip, the network and the user all say no in their own ways
        logging.info(f"SyntheticCT: antspyx was not installed ({error}); SimpleITK registers instead.")
    importlib.invalidate_caches()
    return has_ants()
