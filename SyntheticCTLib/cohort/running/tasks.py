"""The two kinds of task: register a pair, make an output. Both may be run any number of times, anywhere.

A task answers with a few words; voxels stay on the worker and its files on the disk.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ...errors import SyntheticCTError
from .ledger import FAILED, MADE, REJECTED, state_of
from .making import make
from .orders import OutputOrder, PairOrder
from .pairs import hold, let_go
from .threads import limited_threads
from .versions import deciding_versions, refuse_other
from .writing import Unwritable, full_disk

REGISTERED, UNWRITABLE = "registered", "unwritable"
"""How else a task may end. Unwritable: the folder cannot be written to, so there is no use in going on."""

_one_at_a_time = threading.Lock()
"""A worker with several threads still holds one pair: it would need the memory of several."""


class Answer(NamedTuple):
    """How a task ended. seconds: what it took, waiting not included. reason: why it failed; empty if it did not."""

    state: str
    seconds: float
    reason: str = ""


def register_pair(order: PairOrder) -> Answer:
    """Read a pair, and register it unless that has been done."""

    def work() -> str:
        hold(order).path(forward=True)
        return REGISTERED

    return _answered(work, order)


def make_output(order: OutputOrder, registered: Answer) -> Answer:
    """Make an output, unless that has been done: a worker may die after its last file and before its answer.

    registered: the answer of its pair's registration; if that has failed, so has the output, for the same reason.
    """
    if registered.state != REGISTERED:
        return registered._replace(seconds=0.0)

    def work() -> str:
        finished = state_of(order.pair.layout, order.name, order.entry)
        return finished or (MADE if make(order, hold(order.pair)) else REJECTED)

    return _answered(work, order.pair)


def _answered(work: Callable[[], str], order: PairOrder) -> Answer:
    """Do the work on one thread; whatever goes wrong becomes an answer."""
    with _one_at_a_time, limited_threads():
        began = time.perf_counter()
        try:
            refuse_other(deciding_versions(order.backend), order.versions, "morphs")
            state, reason = work(), ""
        except Exception as error:  # one output's error must not stop the others
            state, reason = _explained(error, order)
        if state not in (REGISTERED, MADE, REJECTED):
            let_go()
        return Answer(state, time.perf_counter() - began, reason)


def _explained(error: Exception, order: PairOrder) -> tuple[str, str]:
    """State and reason for what was raised."""
    if isinstance(error, Unwritable):
        return UNWRITABLE, str(error)
    full = full_disk(order.layout)
    if full is not None:
        return UNWRITABLE, f"{full}: the disk is full ({error})."
    if isinstance(error, SyntheticCTError):
        return FAILED, str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return FAILED, f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
