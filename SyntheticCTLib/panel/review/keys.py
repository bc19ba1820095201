"""The keys of a reading. They work wherever the mouse is, but not while somebody is typing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import qt
import slicer

TYPED_INTO = ("QLineEdit", "QTextEdit", "QPlainTextEdit", "QAbstractSpinBox")
"""Widgets that letters belong to while they have the focus, Slicer's Python console among them."""

ESCAPE = "Esc"
"""The one key that works while typing: it ends it."""

TAKEN = "RSLCEDWK"
"""Letters that have another meaning than an artefact."""


class Keys:
    """Shortcuts that can be switched on and off together.

    Args:
        parent: the widget that must be visible for them to work.
    """

    def __init__(self, parent) -> None:
        self._parent = parent
        self._shortcuts: list = []
        self._enabled = False

    def add(self, key: str, pressed: Callable[[], None]) -> None:
        """Call a function when a key is pressed. key: as QKeySequence takes it, such as "R" or "Backspace"."""
        shortcut = qt.QShortcut(self._parent)
        shortcut.setKey(qt.QKeySequence(key))
        shortcut.autoRepeat = False
        shortcut.enabled = self._enabled

        def on_pressed():
            if key == ESCAPE or not typing():
                pressed()

        shortcut.connect("activated()", on_pressed)
        self._shortcuts.append(shortcut)

    def enable(self, enabled: bool) -> None:
        """Switch all on or off."""
        self._enabled = enabled
        for shortcut in self._shortcuts:
            if shortcut:  # Slicer may have destroyed it already
                shortcut.enabled = enabled

    def clear(self) -> None:
        """Forget all keys."""
        for shortcut in self._shortcuts:
            if shortcut:
                shortcut.delete()
        self._shortcuts = []


def typing() -> bool:
    """Whether letters go into a text now."""
    focused = slicer.app.focusWidget()
    return focused is not None and any(focused.inherits(kind) for kind in TYPED_INTO)


def letters_for(names: Iterable[str]) -> list[str]:
    """A key for each name: the first of its letters that is free, else a function key. The same names get the same."""
    taken, found = set(TAKEN), []
    for number, name in enumerate(names, 1):
        free = [letter for letter in name.upper() if "A" <= letter <= "Z" and letter not in taken]
        key = free[0] if free else f"F{number}"
        taken.add(key)
        found.append(key)
    return found
