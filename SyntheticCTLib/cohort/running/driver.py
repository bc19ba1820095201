"""Hands a plan's outputs to the workers, a few at a time, and takes down how each ended.

Every worker has a lane: one pair at a time, its registration first, then its outputs, so that the two scans it holds
in memory are read once. A lane that has run dry takes the next pair, and when there is none, half of what the fullest
lane still has. Only what is in the lanes' flight is known to the scheduler: neither its load nor this process's memory
grows with the number of outputs.
"""

from __future__ import annotations

import asyncio
import queue
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...errors import SyntheticCTError
from .ledger import FAILED, Ledger
from .tasks import UNWRITABLE, Answer, make_output, register_pair

if TYPE_CHECKING:
    from distributed import Client, Future

    from ..planning.plan import PlannedOutput
    from .orders import PairOrder

IN_FLIGHT = 2
"""Tasks a lane has with its worker: one at work, one that follows without a pause."""

_TICK = 0.25
"""Seconds between two looks at what does not announce itself: a lost scheduler, Cancel."""

_LOOK = 1.0
"""Seconds between two questions to the scheduler which workers there are."""

_KILLER = (
    "its worker was killed each time it was tried, also when nothing else was running; most likely it needs more "
    "memory than a worker has. Use fewer workers, or coarser scans."
)


class SchedulerLost(SyntheticCTError):  # noqa: N818, an event
    """The scheduler has gone while outputs were being made."""

    def __init__(self) -> None:
        super().__init__(
            "The connection to the scheduler is lost. What is finished stays; start a scheduler and give the same "
            "command again, it goes on where it was."
        )


@dataclass
class _Pair:
    """Outputs of one pair that are still to be handed out. registered: its registration, once that is under way."""

    order: PairOrder
    outputs: deque[PlannedOutput]
    registered: Future | None = None


@dataclass
class _Lane:
    """What a worker is busy with. flying: its tasks that have not ended."""

    worker: str
    pair: _Pair | None = None
    flying: int = 0


@dataclass
class _Flight:
    """A task that has not ended; output: None for a registration."""

    future: Future
    pair: _Pair
    output: PlannedOutput | None
    lane: _Lane | None


@dataclass
class Progress:
    """How far a run has come. counts: outputs by their end, those of earlier runs included. running: outputs that
    workers are busy with; those that wait behind them are not counted."""

    total: int
    counts: Counter[str]
    running: int = 0
    failures: dict[str, str] = field(default_factory=dict)


class Driver:
    """One run of the outputs that a ledger says are to be made.

    Args:
        client: of the workers.
        ledger: turns planned outputs into tasks.
        progress: kept up to date.
        report: called a few times a second; may raise to end the run.
        log: takes (task, name, state, seconds) of each task.
    """

    def __init__(
        self,
        client: Client,
        ledger: Ledger,
        progress: Progress,
        report: Callable[[Progress], None],
        log: Callable[[str, str, str, float], None],
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._progress = progress
        self._report = report
        self._log = log
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._flights: dict[str, _Flight] = {}
        self._lanes: dict[str, _Lane] = {}
        self._given_back: deque[_Pair] = deque()
        self._suspects: list[tuple[_Pair, PlannedOutput]] = []
        self._looked = 0.0

    def run(self, pairs: Iterable[list[PlannedOutput]]) -> None:
        """Make all outputs of all pairs.

        Raises SchedulerLost, or SyntheticCTError if the folder cannot be written to any more.
        """
        waiting = iter(pairs)
        while True:
            self._look_for_workers()
            for lane in list(self._lanes.values()):
                self._feed(lane, waiting)
            if self._lanes and not self._flights:
                break
            self._wait()
        self._try_suspects()
        self._progress.running = 0
        self._report(self._progress)

    def _look_for_workers(self) -> None:
        """A lane for each worker; what lanes of workers that have gone still had is given back."""
        now = time.monotonic()
        if self._lanes and now - self._looked < _LOOK:
            return
        self._looked = now
        present = self._workers()
        for worker in present - self._lanes.keys():
            self._lanes[worker] = _Lane(worker)
        for worker in self._lanes.keys() - present:
            pair = self._lanes.pop(worker).pair
            if pair and pair.outputs:
                self._given_back.append(pair)

    def _workers(self) -> set[str]:
        try:
            return set(self._client.nthreads())
        except (OSError, asyncio.TimeoutError) as error:  # dask's errors of communication are OSErrors
            raise SchedulerLost from error

    def _feed(self, lane: _Lane, waiting: Iterable[list[PlannedOutput]]) -> None:
        while lane.flying < IN_FLIGHT:
            if not (lane.pair and lane.pair.outputs):
                lane.pair = self._next_pair(lane, waiting)
                if lane.pair is None:
                    return
            if lane.pair.registered is None:
                self._submit(lane.pair, None, lane)
            else:
                self._submit(lane.pair, lane.pair.outputs.popleft(), lane)

    def _next_pair(self, lane: _Lane, waiting: Iterable[list[PlannedOutput]]) -> _Pair | None:
        if self._given_back:
            return self._given_back.popleft()
        outputs = next(waiting, None)
        if outputs is not None:
            return _Pair(self._ledger.pair_order(outputs[0]), deque(outputs))
        if lane.flying:
            return None  # with the last pairs, nobody takes work away from others before having none
        fullest = max(self._lanes.values(), key=lambda one: len(one.pair.outputs) if one.pair else 0)
        if not (fullest.pair and fullest.pair.outputs and fullest.pair.registered):
            return None
        left = fullest.pair.outputs
        half = deque(left.pop() for _ in range((len(left) + 1) // 2))
        return _Pair(fullest.pair.order, half, fullest.pair.registered)

    def _submit(self, pair: _Pair, output: PlannedOutput | None, lane: _Lane | None) -> None:
        """Send a task to its lane's worker; to another one only if that has gone."""
        where = {"workers": [lane.worker], "allow_other_workers": True} if lane else {}
        # Keys are unique: a scheduler may serve several commands, and another cohort's outputs may be called the same.
        key = f"{'register' if output is None else 'output'}-{uuid.uuid4().hex}"
        if output is None:
            future = self._client.submit(register_pair, pair.order, key=key, pure=False, **where)
            pair.registered = future
        else:
            order = self._ledger.output_order(output, pair.order)
            future = self._client.submit(make_output, order, pair.registered, key=key, pure=False, **where)
        self._flights[key] = _Flight(future, pair, output, lane)
        if lane:
            lane.flying += 1
        future.add_done_callback(lambda ended: self._ended.put(ended.key))

    def _wait(self) -> None:
        """Wait for a task's end or the next tick, and take down what has ended."""
        self._progress.running = self._running()
        self._report(self._progress)
        if self._client.status not in ("running", "connecting") or (
            self._client.status == "connecting" and self._flights
        ):
            raise SchedulerLost
        try:
            self._settle(self._ended.get(timeout=_TICK))
            while True:
                self._settle(self._ended.get_nowait())
        except queue.Empty:
            return

    def _running(self) -> int:
        """How many outputs are at work: of each lane's tasks the first, as the others wait for it."""
        first: dict[int, _Flight] = {}
        for flight in self._flights.values():
            first.setdefault(id(flight.lane), flight)
        return min(sum(flight.output is not None for flight in first.values()), max(len(self._lanes), 1))

    def _settle(self, key: str) -> None:
        flight = self._flights.pop(key)
        if flight.lane:
            flight.lane.flying -= 1
        answer = self._answer(flight.future)
        if answer is None:
            if flight.output is not None:
                self._suspects.append((flight.pair, flight.output))
        else:
            self._take_down(flight, answer)

    def _answer(self, future: Future) -> Answer | None:
        """What a task answered; None if its worker was killed too often."""
        from distributed import KilledWorker
        from distributed.client import CancelledError

        try:
            return future.result()
        except KilledWorker:
            return None
        except (CancelledError, OSError, asyncio.TimeoutError) as error:
            raise SchedulerLost from error
        except Exception as error:  # such as a package that a worker lacks
            return Answer(FAILED, 0.0, f"{type(error).__name__}: {error}")

    def _take_down(self, flight: _Flight, answer: Answer) -> None:
        if answer.state == UNWRITABLE:
            raise SyntheticCTError(
                f"{answer.reason} Nothing half-written was left behind and what is finished stays: make room and give "
                "the same command again, it goes on where it was."
            )
        if flight.output is None:
            first, second = flight.pair.order.scans
            self._log("register", f"{first.id} {second.id}", answer.state, answer.seconds)
            return
        self._log("output", flight.output.name, answer.state, answer.seconds)
        self._progress.counts[answer.state] += 1
        if answer.state == FAILED:
            self._progress.failures[flight.output.name] = answer.reason

    def _try_suspects(self) -> None:
        """Try outputs whose workers were killed once more, each alone: whoever was only near is cleared."""
        suspects, self._suspects = self._suspects, []
        guilty: set[PairOrder] = set()
        for pair, output in suspects:
            if pair.order not in guilty:
                alone = _Pair(pair.order, deque())
                self._alone(alone, None)
                if self._answer(alone.registered) is None:
                    guilty.add(pair.order)
                else:
                    self._alone(alone, output)
            if pair.order in guilty or self._suspects:
                self._suspects.clear()
                self._progress.counts[FAILED] += 1
                self._progress.failures[output.name] = _KILLER

    def _alone(self, pair: _Pair, output: PlannedOutput | None) -> None:
        self._submit(pair, output, None)
        while self._flights:
            self._wait()
