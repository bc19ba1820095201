"""Ribs and vertebrae: shapes too thin for the coarse grid, evaluated at every voxel near them.

Ribs ride on the wall of the rib cage space: three smooth coordinates (distance from that wall, angle round
the cage, and height measured along the ribs' slope) turn each rib into a straight bar.
"""

from __future__ import annotations

import numpy as np

from .shapes import smooth_max, superellipse
from .torso import FIRST_THORACIC, Torso

RIB_OFFSET_MM = 7.0
"""Middle of a rib outside the lung's surface."""

RIB_HALF_THICK, RIB_HALF_HIGH = 3.5, 6.0
CORTEX_MM = 1.5
CORTEX_HU = 780.0
RIB_END = np.array([2.45, 2.45, 2.4, 2.36, 2.32, 2.28, 2.22, 2.12, 2.02, 1.92, 1.6, 1.15])
"""Angle round the cage (radians from the spine) at which the bone of ribs 1..12 ends."""
RIB_START = 0.36
"""Angle at which the ribs' necks, which are tubes, hand over to the bars on the wall."""

CARTILAGE_END = np.array([2.95, 2.95, 2.95, 2.95, 2.95, 2.95, 2.95, 2.5, 2.3, 2.1, 0, 0])
"""Angle at which the cartilage that continues the rib ends; ribs 11 and 12 end free."""


def rib_height(torso: Torso, x, y, z):
    """Height z carried back along the ribs' slope to the spine: constant along one rib, in mm."""
    angle = torso.round_the_cage(x, y, z)
    fall = np.clip(angle / 2.3, 0, None)
    slope = np.sin(0.5 * np.pi * np.clip(fall, 0, 1)) ** 1.35 - 0.85 * np.clip(fall - 1, 0, None) ** 1.3
    depth = 80 * torso.patient.rib_drop * (1 - 0.45 * np.clip((z - 110) / 90, 0, 1))
    return (z + depth * slope).astype(np.float32)


def rib_levels(torso: Torso) -> np.ndarray:
    """Value of `rib_height` in the middle of ribs 1..12, descending."""
    return torso.vertebra_z[FIRST_THORACIC : FIRST_THORACIC + 12] + 4


def ribs(torso: Torso, wall, height, angle):
    """Distance to the nearest rib and to its cartilage, both in mm.

    `wall` is the distance from the rib cage space, `height` is `rib_height`, `angle` is `round_the_cage`.
    """
    levels = rib_levels(torso)
    number = np.rint(np.interp(-height, -levels, np.arange(12))).astype(np.intp)
    up = height - levels[number].astype(np.float32)
    level = np.sqrt(((wall - RIB_OFFSET_MM) / RIB_HALF_THICK) ** 2 + (up / RIB_HALF_HIGH) ** 2)
    bar = (level - 1) * 4.6
    along = 110.0
    bone = np.maximum(bar, (angle - RIB_END[number].astype(np.float32)) * along)
    bone = np.maximum(bone, (RIB_START - angle) * 90)
    cartilage = np.maximum(bar, (angle - CARTILAGE_END[number].astype(np.float32)) * along)
    return bone, np.maximum(cartilage, RIB_START - angle)


def bone_hu(depth, marrow_hu, cortex_hu: float = CORTEX_HU, cortex_mm: float = CORTEX_MM):
    """HU at a depth (negative distance) below a bone's surface: a hard shell that fades into marrow."""
    inner = np.clip((depth - cortex_mm) / cortex_mm + 0.5, 0, 1)
    return cortex_hu + (marrow_hu - cortex_hu) * inner


def vertebrae(torso: Torso, side, back, height):
    """Bone, disc, canal and cord at points of the spine's own frame; distances in mm.

    `side`, `back`, `height` come from `Torso.spine_frame`.
    """
    bottoms = torso.vertebra_z - torso.vertebra_height / 2
    number = np.clip(np.searchsorted(-bottoms, -height.ravel()), 0, len(bottoms) - 1).reshape(height.shape)
    center = torso.vertebra_z[number].astype(np.float32)
    tall = torso.vertebra_height[number].astype(np.float32)
    up = height - center
    half_x, half_y = torso.body_half_x(center), torso.body_half_y(center)
    half_bone = 0.5 * tall * 0.82 - 0.4
    waist = 1 - 0.11 * np.clip(1 - (up / half_bone) ** 2, 0, 1)
    round_body = superellipse(side, back, half_x * waist, half_y * waist, 2.4)
    body = smooth_max(round_body, np.abs(up) - half_bone, 2.5)
    disc = superellipse(side, back, half_x, half_y, 2.4) + 0.8
    lumbar = np.clip((-40 - center) / 60, 0, 1)
    canal = superellipse(side, back - half_y - 9, 10.5 + 2 * lumbar, 7.6)
    ring = superellipse(side, back - half_y - 10, 17.5 + 4 * lumbar, 15.5)
    pedicle, lamina = np.abs(up - 0.18 * tall) - 0.24 * tall, np.abs(up + 2) - 0.36 * tall
    behind = np.clip((back - half_y - 10) / 4, 0, 1)
    arch = smooth_max(ring, pedicle + behind * (lamina - pedicle), 2)
    slope = 0.75 - 0.6 * lumbar
    rear = back - half_y - 22
    process_up = up + 2 + slope * np.clip(rear, 0, None)
    long = 21 + 6 * lumbar
    process = smooth_max(
        np.abs(side) - 2.8 - 1.2 * np.clip(rear / long, 0, 1), np.abs(rear - long / 2 + 3) - long / 2 - 3, 2
    )
    process = smooth_max(process, np.abs(process_up) - (5 + 4 * lumbar), 5)
    wing_back = back - half_y - 14 - (0.45 - 0.35 * lumbar) * (np.abs(side) - 14)
    wing = smooth_max(np.abs(wing_back) - 4.2 + lumbar, np.abs(up - 3) - 5.0, 3)
    wing = smooth_max(wing, np.abs(np.abs(side) - 22 - 3 * lumbar) - 12 - 3 * lumbar, 3)
    arch = np.minimum(np.minimum(arch, process), wing)
    arch = np.maximum(arch, -canal)
    cord = superellipse(side, back - half_y - 9, 5.8, 4.2)
    return body, disc, np.maximum(arch, 0.3 - body), canal, cord
