"""slicer.packaging that installs nothing: what is missing, the user declines. Tests put what else may happen here."""

from importlib import metadata

from packaging.requirements import Requirement

import slicer


def load_requirements(path):
    with open(path) as file:
        return [Requirement(line) for line in map(str.strip, file) if line and line[0] not in "#-"]


def _met(requirement):
    """Whether a requirement is fulfilled; extras are not looked into."""
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def pip_ensure(requirements, constraints=None, skip_packages=None, prompt_install=True, prompt_restart=True,
               requester=None, skip_in_testing=True, show_progress=True):
    given = requirements if isinstance(requirements, list) else [requirements]
    if all(_met(Requirement(str(each))) for each in given) or skip_in_testing and slicer.app.testingEnabled():
        return
    raise RuntimeError("User declined package installation")
