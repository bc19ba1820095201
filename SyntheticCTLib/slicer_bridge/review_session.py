"""One reader's way through a reading study, on plain MRML: cases into the scene, answers out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .review_cases import ShownCases, read_case
from .review_marks import Mark, ShownMarks
from .review_views import ReviewViews

if TYPE_CHECKING:
    from ..review.answers import Answer
    from ..review.reading import Reading, Trial
    from ..review.study import Study, Window


@dataclass
class Draft:
    """An answer that is being given: None for what has not been said yet.

    call: "real" or "synthetic", of a pair "left" or "right" (the one taken for synthetic). realism: one value for each
    case. seconds: how long the case was looked at since its last answer.
    """

    realism: list[int | None]
    call: str | None = None
    confidence: int | None = None
    marks: list[Mark] = field(default_factory=list)
    comment: str = ""
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether it says what every answer must say."""
        return None not in (self.call, self.confidence, *self.realism)

    def says_the_same_as(self, other: Draft) -> bool:
        """Whether nothing was changed, however long the case was looked at."""
        mine, theirs = vars(self) | {"seconds": 0}, vars(other) | {"seconds": 0}
        return mine == theirs


class ReviewSession:
    """An open reading: shows one trial at a time and keeps what is said about it.

    Answers are written by `review.reading.Reading`, drafts of them are kept here until they are saved.

    Args:
        scene: where the cases are shown.
        study, reading: as `SyntheticCTLib.review` opens them.
    """

    def __init__(self, scene, study: Study, reading: Reading) -> None:
        self.study = study
        self.reading = reading
        self.sides = 2 if study.mode == "pairs" else 1
        self.views = ReviewViews(scene, self.sides)
        self._cases = ShownCases(scene)
        self._marks = ShownMarks(scene, self.views)
        self._drafts: dict[int, Draft] = {}
        self.window: Window = study.windows[0]
        self.set_window(self.window)

    @classmethod
    def open(cls, scene, folder: Path | str, reader_code: str, spare: Path) -> ReviewSession:
        """Open a study folder for a reader.

        spare: a folder on this computer where answers wait while the study's cannot be written. Raises InputError as
        `open_study` and `Reading.open` do, and if the folder cannot be reached.
        """
        from ..review.reading import Reading
        from ..review.study import open_study

        try:
            study = open_study(folder)
            reading = Reading.open(study, reader_code, spare)
        except OSError as error:
            raise InputError(f"The study in {folder} cannot be opened: {error}.") from error
        try:
            return cls(scene, study, reading)
        except BaseException:
            reading.close()  # else nobody could read under this code until Slicer is closed
            raise

    @property
    def trials(self) -> tuple[Trial, ...]:
        """What is to be read, in this reader's order; practice comes first."""
        return self.reading.trials

    def show(self, index: int) -> None:
        """Show a trial in the place of the one before, from its middle. Raises InputError if a case cannot be read."""
        self.hide()
        images = [read_case(self.study, case_id) for case_id in self.trials[index].cases]
        self._cases.show(images)
        self.views.show(self._cases.nodes)
        self.show_marks(index)

    def hide(self) -> None:
        """Take the case that is shown, and its marks, out of the scene."""
        self._marks.remove()
        self.views.clear()
        self._cases.remove()

    @property
    def shown(self) -> bool:
        """Whether a case is in the scene."""
        return len(self._cases.nodes) == self.sides

    def fit(self) -> None:
        """Show the case whole and from its middle again."""
        if self.shown:
            self.views.show(self._cases.nodes)

    def show_marks(self, index: int) -> None:
        """Show the marks of a trial's draft."""
        self._marks.show(self.draft(index).marks)

    def set_window(self, window: Window) -> None:
        """Take one of the study's windows."""
        self.window = window
        self._cases.set_window(window.low, window.high)

    def step(self, slices: int) -> None:
        """Go so many slices up the body, or down for a negative number."""
        if self.shown:
            self.views.step(slices * self._cases.nodes[0].GetSpacing()[2])

    def draft(self, index: int) -> Draft:
        """What is being said about a trial: what was said before, or nothing yet. Changing it changes the draft."""
        if index not in self._drafts:
            self._drafts[index] = self._earlier(index)
        return self._drafts[index]

    def changed(self, index: int) -> bool:
        """Whether a trial's draft says something that has not been saved."""
        return not self.draft(index).says_the_same_as(self._earlier(index))

    def answered(self, index: int) -> bool:
        """Whether a trial has an answer."""
        return self.reading.answer(index) is not None

    def save(self, index: int) -> bool:
        """Save a trial's draft unless that has been done. False if it had to be kept on this computer.

        Raises InputError if the draft is not complete, or can be written nowhere.
        """
        saved = True
        if self.changed(index) or not self.answered(index):
            saved = self.reading.save(index, self._answer(index))
        self._drafts.pop(index, None)
        return saved

    def keep(self, index: int) -> None:
        """Save a trial's draft if it says something new and all that an answer must.

        Raises InputError if it can be written nowhere.
        """
        if self.draft(index).complete and self.changed(index):
            self.save(index)

    def unfinished(self) -> list[int]:
        """The trials about which something is said, and not all that an answer must."""
        return sorted(index for index in self._drafts if self.changed(index) and not self.draft(index).complete)

    def close(self) -> None:
        """End the reading: write what still waits, and take everything out of the scene."""
        self.hide()
        try:
            self.reading.close()
        except OSError:
            pass  # the folder has gone, and with it the file that locks it; what waits is on this computer

    def _earlier(self, index: int) -> Draft:
        """The draft that says what the saved answer says."""
        count = len(self.trials[index].cases)
        answer = self.reading.answer(index)
        if answer is None:
            return Draft(realism=[None] * count)
        cases = self.trials[index].cases
        realism = [answer.realism] if isinstance(answer.realism, int) else list(answer.realism)
        marks = [Mark(each.kind, _flipped(each.position), cases.index(each.case)) for each in answer.artefacts]
        return Draft(realism, answer.call, answer.confidence, marks, answer.comment)

    def _answer(self, index: int) -> Answer:
        from ..review.answers import Answer, Artefact

        draft, cases = self.draft(index), self.trials[index].cases
        return Answer(
            call=draft.call,
            confidence=draft.confidence,
            realism=draft.realism[0] if len(cases) == 1 else tuple(draft.realism),
            artefacts=tuple(
                Artefact(kind=mark.kind, position=_flipped(mark.position), case=cases[mark.side])
                for mark in draft.marks
            ),
            comment=draft.comment,
            seconds=round(draft.seconds, 1),
        )


def _flipped(position) -> tuple[float, float, float]:
    """From RAS to LPS, or back."""
    x, y, z = (float(each) for each in position)
    return (-x, -y, z)
