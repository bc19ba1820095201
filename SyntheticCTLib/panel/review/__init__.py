"""What a radiologist clicks in the module SyntheticCT Review. Imported by `SyntheticCTReview.py` only.

`ReviewPanel` leads through a reading; `AnswerForm` is what is asked about a case, `MarkingTools` the artefacts in it;
`Keys` and `ReadingClock` are the keyboard and the time.
"""

from .panel import ReviewPanel

__all__ = ["ReviewPanel"]
