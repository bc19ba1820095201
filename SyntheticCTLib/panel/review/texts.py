"""How a reading says things."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from slicer.i18n import tr as _


def kind_text(kind: str) -> str:
    """What a kind of artefact is called; one that only this study knows is called as it says."""
    return {
        "smear": _("Smear"),
        "blur": _("Blur"),
        "double contour": _("Double contour"),
        "wrong anatomy": _("Wrong anatomy"),
        "lesion border": _("Lesion border"),
        "lesion texture": _("Lesion texture"),
        "other": _("Other"),
    }.get(kind, kind)


def window_text(name: str) -> str:
    """What a window is called; one that only this study knows is called as it says."""
    known = {"lung": _("Lung"), "soft tissue": _("Soft tissue"), "bone": _("Bone")}
    return known.get(name, name[:1].upper() + name[1:])


def question_text(sides: int) -> str:
    """What is asked about one case, or two."""
    return _("Is this scan real or synthetic?") if sides == 1 else _("Which of the two is synthetic?")


def call_texts(sides: int) -> dict[str, tuple[str, str]]:
    """The two calls, each with what its button says and its key."""
    if sides == 1:
        return {"real": (_("Real (R)"), "R"), "synthetic": (_("Synthetic (S)"), "S")}
    return {"left": (_("Left is synthetic (L)"), "L"), "right": (_("Right is synthetic (R)"), "R")}


def truth_text(truth: str) -> str:
    """What a practice case was."""
    return {
        "real": _("This scan is real."),
        "synthetic": _("This scan is synthetic."),
        "left": _("The left scan is synthetic, the right one is real."),
        "right": _("The right scan is synthetic, the left one is real."),
    }[truth]


def chosen_text(text: str, chosen: bool) -> str:
    """What a button says, with a tick while it is the chosen one: some styles hardly show that."""
    return f"\u2713 {text}" if chosen else text


def mark_text(number: int, kind: str, side: int, sides: int) -> str:
    """A mark in the list."""
    where = "" if sides == 1 else _(", left") if side == 0 else _(", right")
    return f"{number}  {kind_text(kind)}{where}"


def marking_text(kind: str) -> str:
    """How to mark an artefact, or, while a click is waited for, where to click."""
    if not kind:
        return _("Artefacts: press a kind, then click into a view.")
    return _("<b>Click into a view: {kind}.</b> Esc: not now.").format(kind=kind_text(kind))


def missing_text(draft) -> str:
    """What an answer still needs, in a sentence; "" if it is complete."""
    missing = []
    if draft.call is None:
        missing.append(_("real or synthetic") if len(draft.realism) == 1 else _("left or right"))
    if draft.confidence is None:
        missing.append(_("confidence"))
    if len(draft.realism) == 1 and draft.realism[0] is None:
        missing.append(_("realism"))
    elif len(draft.realism) == 2:
        names = (_("realism of the left scan"), _("realism of the right scan"))
        missing += [name for name, value in zip(names, draft.realism, strict=True) if value is None]
    return _("Still to say: {missing}.").format(missing=", ".join(missing)) if missing else ""


def storage_text(waiting: int) -> str:
    """What a reader needs to know of where the answers are; "" while all is well."""
    if not waiting:
        return ""
    return _(
        "The study folder cannot be written just now. Answers kept on this computer: {waiting}. Read on; they are "
        "written as soon as the folder is back."
    ).format(waiting=waiting)


def goes_on_text(code: str, done: int, total: int) -> str:
    """That a reading was begun before: two readers with the same initials notice it."""
    return _(
        "<b>Goes on: {done} of {total} answered</b> under the code <b>{code}</b>. If these answers are not yours, "
        "close the study and start it with another code."
    ).format(done=done, total=total, code=escape(code))


def unfinished_text(indices: Iterable[int], practice: int) -> str:
    """About which trials something was said that is not kept, in a sentence; "" if about none.

    practice: how many trials come first that do not count.
    """
    names = [
        _("practice case {number}").format(number=index + 1)
        if index < practice
        else _("case {number}").format(number=index + 1 - practice)
        for index in indices
    ]
    return _("Not kept, as the answer was not complete: {cases}.").format(cases=", ".join(names)) if names else ""


def keys_text() -> str:
    """The keys that stand on no button."""
    return _(
        "1 to 5 answer the marked line. W: next window. Page Up and Page Down: next slices. Home: whole scan. "
        "K: comment. Shift and mouse: same place in all planes."
    )
