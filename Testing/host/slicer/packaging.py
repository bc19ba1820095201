"""slicer.packaging that installs nothing: it notes what it was asked for and does as the test says.

`outcome`: "installed" (the packages are taken for installed from then on), "declined" (by the user), "failed" (pip).
"""

import inspect
import subprocess
from importlib import metadata

from packaging.requirements import Requirement

import slicer

calls = []          # (function, arguments by name)
installed = set()   # names that a call has "installed"
missing = set()     # names to be taken for not installed, though they may be
outcome = "installed"


def reset():
    global outcome
    outcome = "installed"
    for record in (calls, installed, missing):
        record.clear()


def load_requirements(path):
    with open(path) as file:
        return [Requirement(line) for line in map(str.strip, file) if line and line[0] not in "#-"]


def _requirements(given):
    given = given.split() if isinstance(given, str) else given if isinstance(given, list) else [given]
    return [item if isinstance(item, Requirement) else Requirement(item) for item in given]


def _met(requirement):
    if requirement.marker is not None and not requirement.marker.evaluate() or requirement.name in installed:
        return True
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    return requirement.name not in missing and requirement.specifier.contains(version, prereleases=True)


def pip_check(req):
    """Whether all requirements are met; extras are not looked into."""
    return all(map(_met, _requirements(req)))


def pip_install(requirements, constraints=None, no_deps_requirements=None, skip_packages=None, blocking=True,
                show_progress=True, requester=None, logCallback=None, completedCallback=None):
    calls.append(("pip_install", dict(inspect.currentframe().f_locals)))
    if outcome == "failed":
        raise subprocess.CalledProcessError(1, "pip install")
    installed.update(requirement.name for requirement in _requirements(requirements))
    return [] if skip_packages else None


def pip_ensure(requirements, constraints=None, skip_packages=None, prompt_install=True, prompt_restart=True,
               requester=None, skip_in_testing=True, show_progress=True):
    calls.append(("pip_ensure", dict(inspect.currentframe().f_locals)))
    wanted = [str(requirement) for requirement in _requirements(requirements) if not _met(requirement)]
    if not wanted or skip_in_testing and slicer.app.testingEnabled():
        return None
    if prompt_install and outcome == "declined":
        raise RuntimeError("User declined package installation")
    return pip_install(wanted, constraints, skip_packages=skip_packages, requester=requester)
