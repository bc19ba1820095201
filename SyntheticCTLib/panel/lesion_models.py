"""Choosing a model: the list, its card, and what it was not trained for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from .texts import colored, first_of, tooltip

if TYPE_CHECKING:
    from ..slicer_bridge.lesion_models import ModelChoice

CARD_SIZE = (640, 560)


class ModelChooser:
    """The combo box of models, the button for the card, and the line of warnings.

    Regions that have no model stand in the list too, so that it says where there is none yet.

    Args:
        ui: the widgets of the panel by name.
        chosen: called with the key of what the user has chosen: a model's name, or a region with a colon before it.
    """

    def __init__(self, ui, chosen) -> None:
        self._ui = ui
        self._chosen = chosen
        self._choices: list[ModelChoice] = []
        self._dialog: Any = None
        self._page: Any = None
        self._showing = False
        ui.lesionModelComboBox.connect("currentIndexChanged(int)", self._on_changed)
        ui.modelCardPushButton.connect("clicked()", self.on_card)

    def refresh(self) -> None:
        """Look which models there are now."""
        from ..slicer_bridge.lesion_models import model_choices

        choices = model_choices()
        if choices == self._choices:
            return
        self._choices = choices
        combo = self._ui.lesionModelComboBox
        self._showing = True
        combo.clear()
        for choice in choices:
            combo.addItem(choice.text)
        self._showing = False

    def show(self, key: str, parts) -> ModelChoice | None:
        """Show what is chosen; where nothing is, the model that fits the parts of the body that the scan shows."""
        from ..slicer_bridge.lesion_models import default_choice

        choice = next((one for one in self._choices if _key(one) == key), None) or default_choice(self._choices, parts)
        self._showing = True
        self._ui.lesionModelComboBox.currentIndex = self._choices.index(choice) if choice is not None else -1
        self._showing = False
        self._ui.modelCardPushButton.enabled = choice is not None and bool(choice.card)
        return choice

    def why_not(self, choice: ModelChoice | None) -> str:
        """Why nothing can be painted with a choice, in a sentence; "" if it can."""
        if choice is not None:
            return choice.fault
        if any(one.key for one in self._choices):
            return _("Choose a model.")
        return _("No model was found that can paint lesions; train one: synthetic-ct lesion train.")

    def warn(self, problems) -> None:
        """Show what is wrong, or out of the model's depth; the first in the panel, all in the tooltip."""
        label = self._ui.modelWarningLabel
        label.text = colored(first_of(problems), "warn") if problems else ""
        label.toolTip = tooltip(problems)
        label.visible = bool(problems)

    def on_card(self) -> None:
        """Show the chosen model's card."""
        index = self._ui.lesionModelComboBox.currentIndex
        if not 0 <= index < len(self._choices):
            return
        if self._dialog is None:
            self._dialog = qt.QDialog(self._ui.modelCardPushButton.window())
            self._page = qt.QTextBrowser()
            self._page.openExternalLinks = True
            qt.QVBoxLayout(self._dialog).addWidget(self._page)
            self._dialog.resize(*CARD_SIZE)
        self._dialog.windowTitle = self._choices[index].text
        self._page.markdown = self._choices[index].card
        self._dialog.show()

    def close(self) -> None:
        """The panel goes away."""
        if self._dialog:
            self._dialog.close()

    def _on_changed(self, index: int) -> None:
        if not self._showing and 0 <= index < len(self._choices):
            self._chosen(_key(self._choices[index]))


def _key(choice: ModelChoice) -> str:
    return choice.key or f":{choice.region}"
