"""One reader's way through a study."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from ..errors import InputError
from .answers import Answer
from .chain import last_hash, make_entry, misfit, receipt_of
from .store import Store
from .study import UNBLINDED_FILE, Study
from .trials import Trial, plain_code, trials_of

__all__ = ["Reading", "Trial"]


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _refuse_unblinded(study: Study) -> None:
    if study.unblinded:
        raise InputError(
            f"{study.folder}: the key was applied to this study ({UNBLINDED_FILE} tells which cases are synthetic), so "
            "nobody reads it blinded any more. Plan a new one."
        )


class Reading:
    """One reader's way through a study. trials: in this reader's order, practice first.

    Open it with `Reading.open`, show `trials[first_open()]`, `save` each answer before the next case is shown, and
    `close` it at the end. An answer may be saved again; the earlier ones stay in the `history`.

    Example:
        >>> with Reading.open(open_study(folder), "Reader 1", Path.home() / "waiting") as reading:
        ...     while (index := reading.first_open()) is not None:
        ...         reading.save(index, ask(reading.trials[index]))
    """

    def __init__(self, study: Study, code: str, store: Store, now: Callable[[], datetime]) -> None:
        self.study = study
        self.code = code
        self.trials = trials_of(study, code)
        self._store = store
        self._now = now
        self._answers: dict[int, list[Answer]] = {}
        for entry in store.entries:
            self._answers.setdefault(entry.trial.number, []).append(entry.answer)

    @classmethod
    def open(
        cls,
        study: Study,
        reader_code: str,
        spare: str | Path,
        now: Callable[[], datetime] = _now,
        simulated: bool = False,
    ) -> Reading:
        """Begin a reading or go on with it; nobody else can read under this code until it is closed.

        spare: a local folder where answers wait while the study's cannot be written. now: tells the time (UTC).
        simulated: whether the reader is no person; people and simulated readers never read in one folder.
        Raises InputError if the code cannot be used, the key was applied to the study, somebody reads under the code
        elsewhere, the study's folder cannot be written to, readers of the other kind are there, or the answers were
        tampered with.
        """
        _refuse_unblinded(study)
        code = plain_code(reader_code)
        store = Store(study, code, Path(spare), simulated)
        try:
            store.flush()
        except BaseException:
            store.close()
            raise
        return cls(study, code, store, now)

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def first_open(self) -> int | None:
        """Index of the first trial without an answer; None if all have one."""
        return next((index for index in range(len(self.trials)) if self.answer(index) is None), None)

    def answer(self, index: int) -> Answer | None:
        """The answer that counts: the last one."""
        history = self.history(index)
        return history[-1] if history else None

    def history(self, index: int) -> tuple[Answer, ...]:
        """All answers to a trial, oldest first."""
        return tuple(self._answers.get(self.trials[index].number, ()))

    def save(self, index: int, answer: Answer) -> bool:
        """Keep an answer; returns whether it is safe in the study's folder, else it waits in the spare folder.

        Raises InputError if it does not belong to the trial, can be kept nowhere, the key was applied to the study
        meanwhile, or the answers in the study's folder were changed by somebody else; then nothing is kept.
        """
        _refuse_unblinded(self.study)
        trial = self.trials[index]
        fault = misfit(answer, trial, self.study)
        if fault:
            raise InputError(f"This answer cannot be kept: {fault}.")
        at = self._now().isoformat(timespec="milliseconds")
        previous = last_hash(self._store.entries, self.study, self.code)
        arrived = self._store.add(make_entry(trial, answer, at, previous))
        self._answers.setdefault(trial.number, []).append(answer)
        return arrived

    @property
    def waiting(self) -> int:
        """Answers that are not in the study's folder yet."""
        return self._store.waiting

    def flush(self) -> bool:
        """Try again to write what waits; returns whether nothing waits any more."""
        return self._store.flush()

    def close(self) -> None:
        """Write what waits if that is possible, and let go of the reader's folder."""
        try:
            self._store.flush()
        finally:
            self._store.close()

    @property
    def progress(self) -> tuple[int, int]:
        """How many trials have an answer, and how many there are; practice does not count."""
        counted = [index for index, trial in enumerate(self.trials) if not trial.practice]
        return sum(self.answer(index) is not None for index in counted), len(counted)

    @property
    def receipt(self) -> str:
        """Short code of the last answer's hash: sent apart, it shows that no answer was changed afterwards."""
        return receipt_of(last_hash(self._store.entries, self.study, self.code))
