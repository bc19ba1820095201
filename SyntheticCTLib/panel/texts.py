"""How the panel says things: one place for colors and for what an event of a job is called."""

from __future__ import annotations

import html

from slicer.i18n import tr as _

COLORS = {"pass": "#2e9d4e", "warn": "#d98200", "reject": "#d83a3a"}
"""Of the verdict's line; readable on the light theme and on the dark one."""


def colored(text: str, verdict: str) -> str:
    """Rich text in the color of a verdict."""
    return f'<span style="color:{COLORS[verdict]}">{html.escape(text)}</span>'


def progress_text(event: dict) -> str:
    """An event of a job as a line: the stage, how much of it is done where that is counted, the seconds so far."""
    done = "" if event.get("done") is None else f" {event['done']:.0%}"
    return _("{stage}{done}, {seconds} s").format(
        stage=event["stage"][:1].upper() + event["stage"][1:], done=done, seconds=round(event["elapsed"])
    )


def verdict_text(verdict: str) -> str:
    """What a verdict means."""
    return {
        "pass": _("Passed the quality checks"),
        "warn": _("Look at it before use"),
        "reject": _("Do not use"),
    }[verdict]


def first_of(sentences) -> str:
    """The first sentence, and how many more the tooltip has; "" for none."""
    if len(sentences) < 2:
        return "".join(str(sentence) for sentence in sentences)
    return _("{first} ({count} more: hold the mouse here.)").format(first=sentences[0], count=len(sentences) - 1)


def tooltip(sentences) -> str:
    """Sentences under each other."""
    return "\n".join(str(sentence) for sentence in sentences)
