"""The layout of views that a reading takes, and the user's own that comes back after it.

Slicer's data probe is out of sight meanwhile: it tells exact HU, and so more of a scan than the study's windows show.
"""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from ...errors import InputError

LAYOUT_IDS = {1: 5741, 2: 5742}
"""By how many cases are shown at a time. Slicer's own layouts have ids up to 100; these are ours."""


DATA_PROBE = "DataProbeCollapsibleWidget"
"""What Slicer calls it."""


class BorrowedLayout:
    """Changes the layout for as long as a case is shown."""

    def __init__(self) -> None:
        self._before: int | None = None
        self._probes: list = []

    def take(self, sides: int) -> None:
        """Show the views for one case or two; harmless if they are shown. Raises InputError if Slicer has none."""
        from ...slicer_bridge.review_views import layout_description

        manager = slicer.app.layoutManager()
        if manager is None:
            raise InputError(_("There are no views to read in. Start Slicer with its window."))
        self._hide_probe()
        wanted = LAYOUT_IDS[sides]
        if manager.layout == wanted:
            return
        node = manager.layoutLogic().GetLayoutNode()
        if not node.IsLayoutDescription(wanted):
            node.AddLayoutDescription(wanted, layout_description(sides))
        if self._before is None:
            self._before = manager.layout
        manager.setLayout(wanted)
        _tidy_bars(manager, sides)
        slicer.app.processEvents()  # the views get their size only then

    def give_back(self) -> None:
        """Show the layout that was there before, unless somebody has chosen another one meanwhile."""
        for probe in self._probes:
            if probe:  # Slicer may be closing
                probe.setVisible(True)
        self._probes = []
        before, self._before = self._before, None
        manager = slicer.app.layoutManager()
        if before is not None and manager is not None and manager.layout in LAYOUT_IDS.values():
            manager.setLayout(before)

    def _hide_probe(self) -> None:
        if slicer.util.mainWindow() is None:
            return
        for probe in slicer.util.findChildren(name=DATA_PROBE):
            if not probe.isHidden():
                probe.setVisible(False)
                self._probes.append(probe)


def _tidy_bars(manager, sides: int) -> None:
    """Take the selectors out of the views' bars, and of two cases the bars of the small views, which need more room
    across than there is; the views are this layout's own."""
    from ...slicer_bridge.review_views import PLANES, SIDES, view_name

    for side in SIDES[sides]:
        for plane in PLANES:
            bar = manager.sliceWidget(view_name(side, plane)).sliceController()
            bar.pinButton().setVisible(False)
            bar.setVisible(sides == 1 or plane == "Axial")
