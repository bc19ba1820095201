"""The page after the last case: thanks, and the receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slicer.i18n import tr as _

if TYPE_CHECKING:
    from ...slicer_bridge.review_session import ReviewSession


class EndPage:
    """Says how much was read.

    Args:
        ui: the widgets by name.
    """

    def __init__(self, ui) -> None:
        self._ui = ui

    def show(self, session: ReviewSession) -> None:
        """Show what came of a reading."""
        done, total = session.reading.progress
        if done == total:
            text = _("Thank you. All {total} cases are read.").format(total=total)
        else:
            text = _("{done} of {total} cases are read; without an answer: {open}.").format(
                done=done, total=total, open=", ".join(str(number) for number in _open_cases(session))
            )
        self._ui.reviewThanksLabel.text = text
        self._ui.reviewReceiptLabel.text = _(
            "Your receipt: <b>{receipt}</b>. Send it to whoever asked you to read; it shows that your answers arrived "
            "as you gave them. It changes when you change an answer."
        ).format(receipt=session.reading.receipt)


def _open_cases(session: ReviewSession) -> list[int]:
    """The numbers of the cases without an answer, counted as the reader sees them."""
    practice = sum(trial.practice for trial in session.trials)
    return [n + 1 - practice for n in range(practice, len(session.trials)) if not session.answered(n)]
