"""Undo the morph: bend every candidate onto an output and see whose texture fits.

The registration is the project's own: its preparation, its affine start and its second backend (always there, without
chance, and at this grid as good as the first in a third of the time), on a coarser grid. The attacker is granted the
method and the originals, everything but the plan. The candidate is bent onto the output, not the other way round, so
the output's texture is compared as it was published.

There are outputs times candidates of registrations, and most of the time of one is its affine start. So every scan is
laid on one reference, once, and the start between two scans goes through it. What is left is done for several
candidates at a time, each on one thread, so the result does not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakKeyDictionary

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ...images.geometry import Geometry
from ...morph.backends import get_backend
from ...morph.prepare import Prepared
from ...morph.start import affine_start, matrix_of
from .scans import Attackable
from .texture import UNKNOWN, likeness

ENGINE = "simpleitk"
"""The backend."""

_UNSEEN_HU = -2000
"""Marks what lies outside a scan's field of view; no HU is as low."""


class Undoing:
    """Registers scans of one region with each other; ITK is to be on one thread (`morph.threads.one_thread`).

    reference: the scan that all others are laid on first; any of the region.
    """

    def __init__(self, reference: Attackable) -> None:
        self._reference = reference
        self._engine = get_backend(ENGINE)
        self._places: WeakKeyDictionary[Attackable, np.ndarray | None] = WeakKeyDictionary()

    def bent(self, moving: Attackable, fixed: Attackable) -> np.ndarray | None:
        """The HU of `moving` laid on the fine grid of `fixed`, _UNSEEN_HU where it has none; None where the
        registration fails (which is the attacker's loss)."""
        places = self._place(moving), self._place(fixed)
        if places[0] is None or places[1] is None:
            return None
        affine = places[0] @ np.linalg.inv(places[1])
        start = sitk.AffineTransform(affine[:3, :3].ravel().tolist(), affine[:3, 3].tolist())
        corners = affine[:3, :3] @ Geometry.of(fixed.prepared.image).corners().T + affine[:3, 3:]
        try:
            warp = self._engine.deform(_own(fixed.prepared), moving.prepared.reaching(corners), start, 0, True)
        except RuntimeError:  # ITK: the scans do not meet
            return None
        bend = sitk.DisplacementFieldTransform(sitk.Cast(warp, sitk.sitkVectorFloat64))
        way = sitk.CompositeTransform([start, bend])  # the last one is applied first
        return sitk.GetArrayFromImage(sitk.Resample(moving.fine, fixed.fine, way, sitk.sitkLinear, _UNSEEN_HU))

    def lay(self, scans: Iterable[Attackable]) -> None:
        """Lay scans on the reference now; `bent` may then be called for them from several threads."""
        for scan in scans:
            self._place(scan)

    def _place(self, scan: Attackable) -> np.ndarray | None:
        """(4, 4) matrix from points of the reference to points of a scan; None for a scan without a body."""
        if scan not in self._places:
            try:
                start = affine_start(self._reference.overview, scan.overview)
                self._places[scan] = matrix_of(start)
            except InputError:
                self._places[scan] = None
        return self._places[scan]


def averages(undoing: Undoing, output: Attackable, others: Sequence[Attackable]) -> list[np.ndarray]:
    """Means of an output with none, the first, the first two ... of `others`, bent onto it; (K, J, I) float32 HU.

    An output that cannot be registered, or does not reach a place, does not count there.
    """
    total = sitk.GetArrayFromImage(output.fine).astype(np.float32)
    count = np.ones(total.shape, np.float32)
    means = [total / count]
    for other in others:
        values = undoing.bent(other, output)
        if values is not None:
            seen = values > _UNSEEN_HU
            total, count = total + np.where(seen, values, 0), count + seen
        means.append(total / count)
    return means


def compare(undoing: Undoing, output: Attackable, images: Sequence[np.ndarray], candidate: Attackable) -> list[float]:
    """How well the texture of a candidate, bent onto an output, fits each of `images` (which lie on its fine grid)."""
    values = undoing.bent(candidate, output)
    if values is None:
        return [UNKNOWN] * len(images)
    where = (values > _UNSEEN_HU) & (sitk.GetArrayViewFromImage(output.body) > 0)
    return [likeness(image, values, where) for image in images]


def compare_all(
    undoing: Undoing,
    output: Attackable,
    images: Sequence[np.ndarray],
    candidates: Sequence[Attackable],
    threads: int,
    step: Callable[[float], None],
) -> list[list[float]]:
    """`compare` for each candidate, so many at a time. step: called with the share that is through; may raise."""
    undoing.lay([output, *candidates])
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(compare, undoing, output, images, one) for one in candidates]
        found = []
        try:
            for one in waiting:
                step(len(found) / len(waiting))
                found.append(one.result())
        finally:
            for one in waiting:
                one.cancel()
    return found


def _own(prepared: Prepared) -> Prepared:
    """A copy for one thread: ITK notes in an image what part of it is asked for, so no two may work on one."""
    channels = [sitk.Image(channel) for channel in prepared.channels]
    for channel in channels:
        channel.MakeUnique()
    return Prepared(tuple(channels), prepared.inside)
