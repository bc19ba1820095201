"""Offers antspyx, PyTorch and safetensors when they are needed, and never otherwise."""

from __future__ import annotations

import importlib
import importlib.util
import logging

from slicer.i18n import tr as _

KEPT_PACKAGES = ["numpy", "scipy"]
"""antspyx asks for older ones than Slicer's; it works with Slicer's, and theirs would break other extensions."""

SAFETENSORS = "safetensors>=0.5"


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


def has_torch() -> bool:
    """Whether PyTorch can be imported; it is looked up, not loaded. PythonSlicer, which paints, looks where we do."""
    return importlib.util.find_spec("torch") is not None


def offer_painting() -> str:
    """Offer what painting needs and is missing; return why something is still missing, "" if nothing is."""
    return _offer_torch() or _offer_safetensors()


def _offer_safetensors() -> str:
    """The reader of the models' weights, a small package; pip asks the user first."""
    if importlib.util.find_spec("safetensors") is not None:
        return ""
    import slicer.packaging  # not there until it is asked for

    try:
        slicer.packaging.pip_ensure(SAFETENSORS, requester="SyntheticCT")
    except Exception as error:  # pip, the network and the user all say no in their own ways
        logging.info(f"SyntheticCT: safetensors was not installed ({error}).")
    importlib.invalidate_caches()
    if importlib.util.find_spec("safetensors") is not None:
        return ""
    return _("The package safetensors, which reads a model's weights, was not installed. Press again to install it.")


def _offer_torch() -> str:
    """Let the PyTorch extension install PyTorch where it is missing; return why it is not there now, "" if it is.

    The extension knows which build fits the machine's graphics card, and asks the user first.
    """
    if has_torch():
        return ""
    try:
        import PyTorchUtils
    except ModuleNotFoundError:
        return _(
            "Lesions are painted with PyTorch, which is not installed. Install the extension PyTorch from the "
            "Extensions Manager, restart Slicer and press again. Everything else works without it."
        )
    try:
        PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True)
    except Exception as error:  # pip, the network and a broken installation all say no in their own ways
        logging.info(f"SyntheticCT: PyTorch was not installed ({error}).")
    importlib.invalidate_caches()
    if has_torch():
        return ""
    return _("PyTorch was not installed, so nothing can be painted. Press again to install it.")
