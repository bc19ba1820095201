"""Section "Inputs": two scans, what belongs to them, and whether the pair makes sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from .texts import colored, tooltip

if TYPE_CHECKING:
    from ..slicer_bridge.summary import Summaries, Summary


class InputsSection:
    """Shows a line about each chosen volume and a warning about the pair.

    Args:
        ui: the widgets of the panel by name.
    """

    def __init__(self, ui) -> None:
        self._ui = ui
        self._summaries: Summaries | None = None

    def missing(self, parameters) -> str:
        """What has to be chosen before anything can be done, in a sentence; "" if nothing."""
        source, target = parameters.sourceVolume, parameters.targetVolume
        if source is None:
            return _("Choose the source CT.")
        if target is None:
            return _("Choose the target CT.")
        if source.GetID() == target.GetID():
            return _("Source and target are the same volume; choose two.")
        for node in (source, target):
            summary = self.summary(node)
            if summary is None:
                return _("{name} is empty; choose another volume.").format(name=node.GetName())
            if summary.problem:
                return summary.problem
        return ""

    def update(self, parameters) -> None:
        """Show what is chosen now."""
        summaries = []
        for node, label in (
            (parameters.sourceVolume, self._ui.sourceSummaryLabel),
            (parameters.targetVolume, self._ui.targetSummaryLabel),
        ):
            summary = self.summary(node) if node is not None else None
            label.text = _line(summary)
            summaries.append(summary)
        self._warn(summaries)

    def summary(self, node) -> Summary | None:
        """What a volume node holds; None for an empty one."""
        from ..slicer_bridge.summary import Summaries

        if self._summaries is None:
            self._summaries = Summaries()
        return self._summaries.of(node)

    def forget(self) -> None:
        """Let go of everything known about the scene."""
        self._summaries = None

    def _warn(self, summaries: list[Any]) -> None:
        problems = []
        if None not in summaries:
            from ..slicer_bridge.summary import pair_problems

            problems = pair_problems(*summaries)
        self._ui.pairWarningLabel.text = colored(problems[0], "warn") if problems else ""
        self._ui.pairWarningLabel.toolTip = tooltip(problems)
        self._ui.pairWarningLabel.visible = bool(problems)


def _line(summary: Summary | None) -> str:
    if summary is None:
        return ""
    if summary.problem:
        return _("This is no CT.")
    size = " × ".join(str(n) for n in summary.size)
    spacing = " × ".join(f"{s:.2g}" for s in summary.spacing)
    regions = {"head": _("head"), "chest": _("chest"), "abdomen": _("abdomen or pelvis")}
    shown = ", ".join(regions[name] for name in summary.regions) or _("region unknown")
    return _("{size} voxels of {spacing} mm; {low} to {high} HU; {region}").format(
        size=size, spacing=spacing, low=summary.hu[0], high=summary.hu[1], region=shown
    )
