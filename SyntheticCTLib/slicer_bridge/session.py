"""Everything a morph needs, on plain MRML: for Slicer's console, scripts without a window, notebooks and the panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer

from ..errors import InputError
from .job_inputs import JobInputs

if TYPE_CHECKING:
    from .comparison import Comparison
    from .lesion_painting import Painted
    from .preview import LivePreview
    from .results import Created
    from .scene_jobs import SceneJob
    from .volumes import WorldCTs

TENTHS = tuple(range(0, 101, 10))
"""0, 10 ... 100 percent."""


class MorphSession:
    """Registers and morphs the CTs of one scene.

    Inputs are volume nodes, segmentation or label map nodes and table nodes; they are only read, wherever their
    parent transforms put them. Results are new nodes. The long work runs in a child process.

    Example:
        >>> session = MorphSession()
        >>> path = session.register(source, target)
        >>> made = session.create(path, percent=50, labels=segmentation)
        >>> made.volume.GetName(), made.verdict
        ('SYNTHETIC 1f0c2b7a9d3e', 'pass')

    Args:
        scene: `slicer.mrmlScene` unless given.
    """

    def __init__(self, scene=None) -> None:
        self.scene = scene if scene is not None else slicer.mrmlScene
        self._cts: WorldCTs | None = None

    def register(self, source, target, **options: Any):
        """Find the path between two volume nodes and return the node that stands for it; waits for the end.

        options: as for `start_registration`. Raises InputError for nodes that are no CT.
        """
        return self.start_registration(source, target, **options).wait()

    def create(self, path, percent: float, **options: Any) -> Created:
        """Make the synthetic CT `percent` (0 to 100) of the way along a path node; waits for the end.

        options: as for `start_morph`. Raises InputError where the path does not fit its volumes any more.
        """
        return self.start_morph(path, percent, **options).wait()

    def start_registration(
        self, source, target, source_labels=None, target_labels=None, backend: str | None = None, seed: int = 0
    ) -> SceneJob:
        """Start a registration; the job's `value` is the path node.

        source_labels, target_labels: segmentation or label map nodes that guide it by the segments that both have by
        name; both nodes or none. backend: "ants" or "simpleitk"; the better one that is installed if not given.
        """
        from ..morph.path import MorphPath
        from .path_nodes import add_path
        from .scene_jobs import SceneJob

        if (source_labels is None) != (target_labels is None):
            raise InputError("Labels of one side alone cannot guide a registration; give both sides' or none.")

        def export(folder: Path) -> Mapping[str, Any]:
            return {
                **self._inputs.pair(folder, source, target),
                **self._inputs.guides(folder, (source_labels, source), (target_labels, target)),
                "backend": backend,
                "seed": seed,
                "repeatable": False,
                "output": str(folder / "path.nrrd"),
                "overwrite": False,
            }

        def take(folder: Path, result: Mapping[str, Any]):
            if not (self.scene.IsNodePresent(source) and self.scene.IsNodePresent(target)):
                raise InputError("One of the two scans was removed meanwhile, so there is nothing to morph.")
            found = MorphPath.load(result["file"])
            found.check(self._ct(source).image, self._ct(target).image)  # they may have changed meanwhile
            return add_path(self.scene, found, source, target)

        return SceneJob("morph.register", export, take).start()

    def start_morph(
        self,
        path,
        percent: float,
        labels=None,
        metadata=None,
        target_metadata=None,
        grid: str = "source",
        source=None,
        target=None,
    ) -> SceneJob:
        """Start making the exact morph; the job's `value` is a `Created`.

        path: a path node. labels: segmentation or label map node of the source. metadata, target_metadata: table
        nodes (field, value) of both sides. grid: "source", "target" or "fit", see `morph.warping`. source, target:
        volume nodes that were painted from the path's own and stand in for them; the path's own if not given.
        """
        from ..morph.outputs import MorphFiles
        from .results import take_morph
        from .scene_jobs import SceneJob

        source, target = self._fresh_ends(path, source, target)
        share = _share(percent)
        morph_path = self._read_path(path, source, target)
        carried: dict[str, Any] = {}

        def export(folder: Path) -> Mapping[str, Any]:
            exported, carried["segments"] = self._inputs.labels(folder, "source", labels, source)
            return {
                **self._inputs.morph(folder, morph_path, source, target, [share]),
                "labels": exported,
                "metadata": self._inputs.metadata(folder, metadata, target_metadata),
                "grid": grid,
            }

        def take(folder: Path, result: Mapping[str, Any]) -> Created:
            exact = {"source": morph_path.source.geometry, "target": morph_path.target.geometry}.get(grid)
            segments = carried["segments"]
            names = [layer.name for layer in segments.layers]
            return take_morph(self.scene, folder / "morph", MorphFiles(share), segments.looks, names, exact, source)

        return SceneJob("morph.morph", export, take).start()

    def start_series(
        self, path, percents: Sequence[float] = TENTHS, coarse: bool = False, source=None, target=None
    ) -> SceneJob:
        """Start making a series of morphs on the source's grid; the job's `value` is a `Series`.

        coarse: keep the volumes at half the resolution along every axis, an eighth of the memory. source, target: as
        for `start_morph`.
        """
        from .scene_jobs import SceneJob
        from .series import take_series

        source, target = self._fresh_ends(path, source, target)
        shares = [_share(percent) for percent in percents]
        morph_path = self._read_path(path, source, target)

        def export(folder: Path) -> Mapping[str, Any]:
            return self._inputs.morph(folder, morph_path, source, target, shares)

        def take(folder: Path, result: Mapping[str, Any]):
            return take_series(self.scene, folder / "morph", shares, result["morphs"], coarse, source)

        return SceneJob("morph.morph", export, take).start()

    def create_transform_series(self, path, percents: Sequence[float] = TENTHS, source=None, target=None):
        """Make a series of the path's transforms alone, seconds and a few megabytes; returns a `Series`.

        Apply its proxy transform to the source, or to anything that belongs to it, and scrub.
        """
        from .path_nodes import read_path
        from .series import add_transform_series

        self._fresh_ends(path, source, target)
        return add_transform_series(self.scene, read_path(path), [_share(percent) for percent in percents])

    def preview(self, path, source=None, target=None) -> LivePreview:
        """A live view of a path, which `show` moves to any percentage. source, target: as for `start_morph`.

        Raises InputError as `create` does.
        """
        from .path_nodes import read_path
        from .preview import LivePreview

        source, _ = self._fresh_ends(path, source, target)
        return LivePreview(self.scene, read_path(path), source, self._ct(source).image)

    def compare(self, path, overlays=(), source=None, target=None) -> Comparison:
        """Begin a comparison of source, synthetic and target; see `Comparison`. Raises InputError as `create` does.

        overlays: segmentation nodes to keep out of sight meanwhile. source, target: as for `start_morph`.
        """
        from .comparison import Comparison

        source, target = self._fresh_ends(path, source, target)
        images = (self.world_image(source), self.world_image(target))
        return Comparison(self.scene, path, source, target, *images, list(overlays))

    def furthest_point(self, path, source=None, target=None) -> tuple[float, float, float]:
        """The point (RAS, mm) of the source's body that moves furthest along a path node, its pose not counted.

        source, target: as for `start_morph`.
        """
        from .overlays import furthest_point
        from .path_nodes import read_path

        source, _ = self._fresh_ends(path, source, target)
        x, y, z = furthest_point(read_path(path), self.world_image(source))
        return float(-x), float(-y), float(z)

    def world_image(self, volume):
        """The CT of a volume node where it lies in the world, a SimpleITK image (int16 HU, LPS).

        Raises InputError if it is no CT.
        """
        return self._ct(volume).image

    def paint(self, volume, mask, model: str, **options: Any) -> Painted:
        """Paint the lesions of a mask into a copy of a volume node; waits for the end. See `start_painting`."""
        return self.start_painting(volume, mask, model, **options).wait()

    def start_painting(
        self, volume, mask, model: str, seed: int | None = None, density: str = "any", labels=None
    ) -> SceneJob:
        """Start painting; the job's `value` is a `Painted`: a new volume node, and the labels with the lesion.

        mask: segmentation or label map node, whose connected components are the lesions. model: name or folder of a
        model. seed: another one, another plausible lesion; None for the likeliest. density: one of
        `lesion.density_kinds.DENSITIES`. labels: the volume's own segmentation or label map node. Whoever has a path
        from the volume can give it the painted one as `source`.
        """
        from .lesion_painting import start_painting

        return start_painting(self.scene, self._ct, volume, mask, model, seed, density, labels)

    def leads_between(self, path, source, target) -> bool:
        """Whether two volume nodes are the ends of a path node, or were painted from them; quick."""
        from .derived import claims_body
        from .path_nodes import bounds_of, ends_of

        nodes = (source, target)
        own = [end is not None and node.GetID() == end.GetID() for node, end in zip(nodes, ends_of(path), strict=True)]
        if all(own):
            return True
        try:
            bounds = bounds_of(path)
        except InputError:
            return False
        return all(one or claims_body(node, bound) for one, node, bound in zip(own, nodes, bounds, strict=True))

    def why_stale(self, path, source=None, target=None) -> str:
        """Why a path node cannot be used any more, in a sentence; "" if it can.

        A path is bound to geometry and voxels of both volumes, in the world: whoever moves or edits one of them has
        another body. source, target: volume nodes painted from the path's own, instead of these.
        """
        from .path_nodes import bounds_of, ends_of, is_whole

        try:
            if not is_whole(path):
                return "A part of this path was deleted. Register again."
            given = zip((source, target), ends_of(path), strict=True)
            nodes = [end if node is None else node for node, end in given]
            for role, node, bound in zip(("source", "target"), nodes, bounds_of(path), strict=True):
                reason = self._why_not_bound(role, node, bound)
                if reason:
                    return reason
        except InputError as error:
            return str(error)
        return ""

    def _why_not_bound(self, role: str, node, bound) -> str:
        from .derived import body_of
        from .volumes import world_geometry

        if node is None:
            return f"The {role} of this path is no longer in the scene. Register again."
        moved = f"The {role} has been moved since this path was found. Register again."
        place = world_geometry(node)  # before the voxels are read, which takes a while
        if place is not None and not bound.geometry.same_as(place):
            return moved
        found = body_of(node, self._ct(node).bound)
        if not bound.geometry.same_as(found.geometry):
            return moved
        if bound.content != found.content:
            return f"The voxels of the {role} have changed since this path was found. Register again."
        return ""

    def _fresh_ends(self, path, source, target) -> tuple[Any, Any]:
        """The volume nodes that a path leads between, or those given instead. Raises InputError if it does not fit."""
        from .path_nodes import ends_of

        reason = self.why_stale(path, source, target)
        if reason:
            raise InputError(reason)
        own = ends_of(path)
        return (own[0] if source is None else source, own[1] if target is None else target)

    def _read_path(self, path, source, target):
        """The path of a node, bound to these volume nodes, which may have been painted from its own."""
        from dataclasses import replace

        from .path_nodes import read_path

        found = read_path(path)
        own = [self._ct(node).bound for node in (source, target)]
        if [bound.content for bound in own] == [found.source.content, found.target.content]:
            return found
        return replace(found, source=own[0], target=own[1])

    @property
    def _inputs(self) -> JobInputs:
        return JobInputs(self._ct)  # not kept: the two would keep each other, and all the CTs that were read, alive

    def _ct(self, node):
        from .volumes import WorldCTs

        if self._cts is None:
            self._cts = WorldCTs()
        return self._cts.of(node)


def _share(percent: float) -> Decimal:
    """The percentage as jobs take it, exact to four decimals. Raises InputError unless it is 0 to 100."""
    if not 0 <= float(percent) <= 100:
        raise InputError(f"The percentage is {percent}; expected a number from 0 to 100.")
    return Decimal(str(round(float(percent), 4))).normalize()
