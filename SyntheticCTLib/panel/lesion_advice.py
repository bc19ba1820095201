"""What gives pause before a lesion is painted: where the scan or the mask is unlike what the model was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SyntheticCTError

if TYPE_CHECKING:
    from ..slicer_bridge.lesion_models import ModelChoice


class Advice:
    """Sentences about a model, a scan and a mask, worked out anew only where one of the three has changed.

    The panel is updated at every turn of a wheel, and the voxels round a lesion are looked at here.
    """

    def __init__(self) -> None:
        self._about: tuple[Any, ...] | None = None
        self._measured: Any = None
        self._known: list[str] = []

    def on(self, session, choice: ModelChoice, volume, parts, measured) -> list[str]:
        """The sentences.

        choice: a model that works. volume: a volume node that holds a CT. parts: of the body, as `Summary.regions`.
        measured: what `lesion_masks.lesions_of` gave; another object after every measurement.
        """
        from ..slicer_bridge.volumes import state_of

        about = (choice, volume.GetID(), state_of(volume), parts)
        if about != self._about or measured is not self._measured:
            self._known = _problems(session, choice, volume, parts, measured)
            self._about, self._measured = about, measured
        return self._known

    def forget(self) -> None:
        """The scene has gone."""
        self._about, self._measured, self._known = None, None, []


def _problems(session, choice: ModelChoice, volume, parts, measured) -> list[str]:
    from ..slicer_bridge.lesion_models import lesion_problems, region_problem, spacing_problems
    from ..slicer_bridge.volumes import world_geometry

    problems = [region_problem(choice, parts)]
    geometry = world_geometry(volume)
    if geometry is not None:
        problems += spacing_problems(choice, geometry)
        lesions, grid = measured
        if lesions:
            try:
                problems += lesion_problems(choice, session.world_image(volume), lesions, grid)
            except SyntheticCTError:  # no CT after all; the button says so
                pass
    return [problem for problem in problems if problem]
