"""The scans an attack works with: outputs and originals, as coarse as the attack needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import SimpleITK as sitk

from ...errors import InputError
from ...images.geometry import Geometry
from ...images.hashing import content_hash
from ...morph.body import body_mask, shrunk
from ...morph.prepare import Prepared, prepare
from ..dataset.places import centered
from .nearness import CoarseScan, coarse

if TYPE_CHECKING:
    from ..dataset.cases import Case
    from ..planning.plan import Plan
    from ..planning.settings import PlanSettings
    from ..planning.subjects import Subject

FINE_MM = 3.0
"""Texture is compared on block means of about this size: vessels and mottling show, most of the noise does not."""

REGISTER_MM = 6.0
"""Grid of the attack's registrations. Coarse: there are outputs times originals of them."""

START_MM = 12.0
"""Grid on which their affine start is looked for."""


@dataclass(frozen=True, eq=False)
class Attackable:
    """A scan made ready once, to be compared many times.

    name: of the output or the subject. fine: block means, int16 HU. body: its mask. prepared: for the registration.
    overview: for where it starts. near: for `nearness.distance`. grid: its size, spacing and tilt, centred as that of
    a published output is; see `on_grid_of`.
    """

    name: str
    fine: sitk.Image
    body: sitk.Image
    prepared: Prepared
    overview: Prepared
    near: CoarseScan
    grid: Geometry

    def on_grid_of(self, settings: PlanSettings) -> Geometry:
        """The centred grid that an output of this original has by a plan's settings; exact but for the grid "fit"."""
        return self.grid if settings.spacing is None else self.grid.upright(settings.spacing, settings.size)


def attackable(name: str, image: sitk.Image) -> Attackable:
    """Make a CT (int16 HU) ready."""
    fine = shrunk(image, FINE_MM)
    body = body_mask(fine)
    return Attackable(
        name,
        fine,
        body,
        prepare(fine, spacing=REGISTER_MM),
        prepare(fine, spacing=START_MM),
        coarse(image),
        Geometry.of(centered(image)),
    )


def read_output(case: Case) -> Attackable:
    """An output of a cohort. Raises InputError if its file cannot be read."""
    return attackable(case.name, case.read())


def read_original(subject: Subject) -> Attackable:
    """An original. Raises InputError if it cannot be read (it may lie on another machine by now) or has changed."""
    return attackable(subject.id, read_subject(subject))


def read_subject(subject: Subject) -> sitk.Image:
    """The CT of a subject, as planned. Raises InputError as `read_original`."""
    from ...images.reading import read_ct

    image = read_ct(subject.image, series=subject.series).image
    if subject.content and content_hash(image) != subject.content:
        raise InputError(
            f"{subject.image}: this is not the scan that subject {subject.id} was planned with (its voxels differ). "
            "Put the old one back."
        )
    return image


def sources_of(plan: Plan) -> dict[str, str]:
    """Whom each output of a plan is made from: name -> subject id."""
    return {output.name: output.source for output in plan.outputs}


def regions_of(plan: Plan) -> dict[str, str]:
    """The region of each subject, held-out ones included: id -> region."""
    return {subject.id: subject.region for subject in (*plan.subjects, *plan.held_out)}
