"""Which function does which kind of job. Rooms register; this file only finds."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    from .context import JobContext

JobFunction = Callable[[dict[str, Any], "JobContext"], dict[str, Any]]
"""Takes the document's parameters and the context, returns a result of JSON values."""

_LIBRARY = __package__.rpartition(".")[0]
_functions: dict[str, JobFunction] = {}


def job_kind(kind: str) -> Callable[[JobFunction], JobFunction]:
    """Register the decorated function as the one that does jobs of this kind.

    Args:
        kind: "room.name"; the function is looked for in `SyntheticCTLib/<room>/jobs.py`.
    """

    def register(function: JobFunction) -> JobFunction:
        _functions[kind] = function
        return function

    return register


def find_kind(kind: str) -> JobFunction:
    """Return the function of a (validated) kind, importing its room where needed.

    Raises:
        InputError: no room registers this kind.
    """
    if kind not in _functions:
        _import_room(kind.partition(".")[0])
    if kind not in _functions:
        raise InputError(
            f"There is no job of kind '{kind}'; known here: {', '.join(sorted(_functions)) or 'none'}."
        )
    return _functions[kind]


def _import_room(room: str) -> None:
    module = f"{_LIBRARY}.{room}.jobs"
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        # A room without jobs is the user's mistake; a missing dependency of a room is not.
        if error.name not in (module, f"{_LIBRARY}.{room}"):
            raise
