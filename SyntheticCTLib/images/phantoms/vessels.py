"""Tubes of the torso: trees that fill the lungs and the liver, great vessels, airways and bowel.

A tree is grown as in Tawhai et al., "CT-based geometry analysis and finite element models of the human and
ovine bronchial tree", J Appl Physiol 2004: a branch heads for the center of the points it has to supply, goes
part of the way, splits the points in two, and each half gets a branch. Radii follow Murray's cube law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .organs import aorta_course, cava_course
from .patient import Frame
from .shapes import smooth_polyline
from .torso import FIRST_THORACIC, Torso

TWIG_POINTS = 2
"""A branch that supplies no more points than this does not split again."""

BENT_RADIUS_MM = 1.1
"""Thinner branches are straight: their bend would not be seen."""

AIR_IN_TUBE_HU = -990.0
CARTILAGE_HU = 105.0


@dataclass(frozen=True)
class Tubes:
    """Straight pieces of tube: ends (n, 3) in model mm, radii (n,) at both ends, HU (n,)."""

    start: np.ndarray
    end: np.ndarray
    radius_start: np.ndarray
    radius_end: np.ndarray
    hu: np.ndarray

    @staticmethod
    def along(points, radii, hu: float) -> Tubes:
        """One tube along a polyline."""
        points, radii = np.asarray(points, dtype=float), np.asarray(radii, dtype=float)
        return Tubes(points[:-1], points[1:], radii[:-1], radii[1:], np.full(len(points) - 1, float(hu)))

    @staticmethod
    def join(parts: list[Tubes]) -> Tubes:
        """All tubes of a list in its order."""
        return Tubes(
            *(
                np.concatenate([getattr(part, field) for part in parts])
                for field in ("start", "end", "radius_start", "radius_end", "hu")
            )
        )

    def in_scanner(self, frame: Frame) -> Tubes:
        """The same tubes at scanner points, their radii grown with the body."""
        grown = float(np.prod(frame.scale)) ** (1 / 3)
        return Tubes(
            frame.to_scanner(self.start),
            frame.to_scanner(self.end),
            self.radius_start * grown,
            self.radius_end * grown,
            self.hu,
        )


def grow_tree(root, targets, rng, root_radius: float, least_radius: float, hu: float) -> Tubes:
    """Grow a tree from `root` (3,) that supplies all `targets` (n, 3)."""
    everything = len(targets)
    pieces = []
    waiting = [(np.asarray(root, dtype=float), np.asarray(targets, dtype=float), float(root_radius))]
    while waiting:
        start, points, radius = waiting.pop()
        center = points.mean(axis=0)
        share = 0.42 if len(points) > TWIG_POINTS else 0.9
        end = start + share * (center - start)
        length = np.linalg.norm(end - start)
        bend = (start + end) / 2 + rng.normal(0, 0.055, 3) * length
        next_radius = max(root_radius * (len(points) / everything) ** (1 / 3), least_radius)
        next_radius = min(next_radius, radius)
        middle = (radius + next_radius) / 2
        if radius > BENT_RADIUS_MM:
            pieces += [(start, bend, radius, middle), (bend, end, middle, next_radius)]
        else:
            pieces.append((start, end, radius, next_radius))
        if len(points) <= TWIG_POINTS or next_radius <= least_radius:
            continue
        heading = (center - start) / max(np.linalg.norm(center - start), 1e-6)
        spread = points - center
        spread = spread - np.outer(spread @ heading, heading)
        direction = np.linalg.eigh(spread.T @ spread)[1][:, -1]
        order = np.argsort(spread @ direction * np.sign(direction.sum()), kind="stable")
        cut = int(np.clip(round(rng.uniform(0.32, 0.68) * len(points)), 1, len(points) - 1))
        for half in (order[:cut], order[cut:]):
            child = next_radius * (len(half) / len(points)) ** (1 / 3) * 1.04
            waiting.append((end, points[half], max(min(child, next_radius), least_radius)))
    start, end, r0, r1 = (np.array(column) for column in zip(*pieces, strict=True))
    return Tubes(start, end, r0, r1, np.full(len(start), float(hu)))


def lung_vessels(torso: Torso, side: int, targets, rng) -> Tubes:
    """Arteries, veins and airways of one lung; `targets` are points inside it."""
    patient = torso.patient
    blood = patient.enhanced(44, 105)
    hilum = torso.hilum(side)
    half = len(targets) // 2
    arteries = grow_tree(hilum, targets[:half], rng, 7.6, 0.5, blood)
    veins = grow_tree(hilum + (0, -10, -16), targets[half:], rng, 7.0, 0.5, blood)
    return Tubes.join([veins, arteries, *_airways_beside(arteries, rng)])


def _airways_beside(arteries: Tubes, rng) -> list[Tubes]:
    """Bronchi run beside arteries: a wall and its lumen for each branch wide enough to be seen."""
    wide = np.nonzero(arteries.radius_end > 1.15)[0]
    lean = rng.normal(0, 0.15, 3) + (0, 0.9, 0.3)
    shift0 = lean * (1.75 * arteries.radius_start[wide] + 0.6)[:, None]
    shift1 = lean * (1.75 * arteries.radius_end[wide] + 0.6)[:, None]
    start, end = arteries.start[wide] + shift0, arteries.end[wide] + shift1
    r0, r1 = 0.72 * arteries.radius_start[wide], 0.72 * arteries.radius_end[wide]
    count = len(wide)
    wall = Tubes(start, end, r0 + 0.35 + 0.12 * r0, r1 + 0.35 + 0.12 * r1, np.full(count, -60.0))
    return [wall, Tubes(start, end, r0, r1, np.full(count, AIR_IN_TUBE_HU))]


def liver_vessels(torso: Torso, targets, rng) -> Tubes:
    """Portal and hepatic veins; on a plain scan a little darker than the liver."""
    blood = torso.patient.enhanced(42, 128)
    portal = grow_tree((-30, -14, -58 - torso.patient.inspiration_mm), targets[::2], rng, 7, 0.9, blood)
    hepatic = grow_tree((-24, 4, -12 - torso.patient.inspiration_mm), targets[1::2], rng, 6.5, 0.9, blood)
    return Tubes.join([portal, hepatic])


def mediastinal_tubes(torso: Torso) -> Tubes:
    """Great vessels and the gullet; the aorta and the airways are painted on their own."""
    patient = torso.patient
    venous, arterial = patient.enhanced(44, 100), patient.enhanced(44, 110)
    base = torso.heart_center

    def tube(points, radii, hu):
        return Tubes.along(*smooth_polyline(points, radii), hu)

    heights = np.array([260, 200, 150, 100, 50, 10, -20.0])
    gullet = np.column_stack(
        [
            torso.spine_x(heights) + (0, 2, 4, 3, 4, 10, 16),
            torso.spine_y(heights) - (17, 18, 20, 22, 24, 28, 36),
            heights,
        ]
    )
    right, left = torso.hilum(-1), torso.hilum(1)
    return Tubes.join(
        [
            tube(gullet, [7, 7, 7, 7, 7.5, 8, 8], 38),
            tube([base + (-10, -14, 28), (12, -36, 92), (16, -18, 104)], [14, 14, 13], arterial),
            tube([(16, -18, 104), (-8, -6, 98), (-28, 2, 95), right], [11, 10.5, 9.5, 8], arterial),
            tube([(16, -18, 104), (30, -2, 106), left], [11, 10.5, 8], arterial),
            tube([base + (-14, 22, 22), (-26, 8, 78), right + (0, -10, -16)], [8, 8, 7], arterial),
            tube([base + (8, 22, 22), (28, 10, 80), left + (0, -10, -16)], [8, 8, 7], arterial),
            tube([(-26, -20, 168), (-27, -20, 120), base + (-42, 4, 20)], [9, 9.5, 10], venous),
            tube([(-26, -20, 168), (0, -38, 172), (34, -30, 184), (60, -20, 205)], [8, 7, 6.5, 6], venous),
            tube([(-26, -20, 168), (-38, -18, 190), (-70, -10, 210)], [8, 7, 6], venous),
            tube([(0, -14, 140), (-14, -14, 175), (-26, 0, 215), (-28, 8, 300)], [6.5, 6, 4, 3.5], arterial),
            tube([(8, -4, 142), (14, -6, 180), (24, 2, 220), (27, 8, 300)], [4.5, 4, 3.5, 3.5], arterial),
            tube([(18, 8, 142), (30, 10, 185), (46, 6, 212), (90, 10, 225)], [5, 4.5, 4.5, 4], arterial),
        ]
    )


def airway_tubes(torso: Torso) -> tuple[Tubes, Tubes]:
    """Trachea and main bronchi: (walls, lumens)."""
    right, left = torso.hilum(-1), torso.hilum(1)
    courses = [
        ([(0, 2, 320), (0, 6, 230), (0, 12, 170), (2, 16, 122)], [8.5, 8.5, 8.8, 9]),
        ([(2, 16, 122), (-18, 16, 104), right + (2, 6, 0)], [7.5, 7, 5.5]),
        ([(2, 16, 122), (24, 20, 106), left + (-2, 6, 0)], [7, 6, 5]),
    ]
    walls, lumens = [], []
    for points, radii in courses:
        curve, widths = smooth_polyline(points, radii)
        walls.append(Tubes.along(curve, widths + 1.4, 40))
        lumens.append(Tubes.along(curve, widths, AIR_IN_TUBE_HU))
    return Tubes.join(walls), Tubes.join(lumens)


def abdominal_tubes(torso: Torso, rng) -> Tubes:
    """Veins, arteries, pancreas and bowel between the organs of the belly."""
    patient, drop = torso.patient, torso.patient.inspiration_mm
    blood = patient.enhanced(43, 118)
    spleen = patient.enhanced(40, 75)
    parts = []
    pancreas = np.array(
        [(-28, -18, -98), (-6, -24, -84), (20, -22, -74), (48, 0, -66), (70, 14, -60)], dtype=float
    )
    pancreas += (0, 0, -drop)
    parts.append(Tubes.along(*smooth_polyline(pancreas, [12, 9.5, 9, 9, 8]), spleen))
    parts.append(Tubes.along(*smooth_polyline(pancreas[1:] + (0, 8, 2), [5, 4.5, 4.5, 4]), blood))
    parts.append(
        Tubes.along(
            *smooth_polyline(
                [pancreas[1] + (0, 6, 0), (-18, -14, -72 - drop), (-30, -14, -58 - drop)], [6, 6.5, 6.5]
            ),
            blood,
        )
    )
    parts.append(
        Tubes.along(
            *smooth_polyline([pancreas[1] + (0, 6, 0), (-4, -24, -130), (0, -28, -190)], [5.5, 5, 4]), blood
        )
    )
    for index, side in enumerate((-1, 1)):
        height = patient.kidney_height_mm[index] - 0.35 * drop
        back = float(torso.spine_y(height))
        parts.append(
            Tubes.along(
                *smooth_polyline(
                    [
                        (side * 5, back - 28, height + 4),
                        (side * 28, back - 8, height),
                        (side * 46, back + 4, height),
                    ],
                    [5, 4.5, 4],
                ),
                blood,
            )
        )
    down = np.array([-182, -215, -260, -330.0])
    for side in (-1, 1):
        course = np.column_stack(
            [side * np.array([5, 18, 36, 60]), torso.spine_y(down) - [26, 22, 18, 10], down]
        )
        parts.append(Tubes.along(*smooth_polyline(course, [7, 6.5, 6, 5.5]), blood))
    return Tubes.join([*parts, *_bowel(torso, rng)])


def _bowel(torso: Torso, rng) -> list[Tubes]:
    """Colon with its gas and stool, and loops of small bowel."""
    drop = 0.6 * torso.patient.inspiration_mm
    front = float(torso.cavity_front(-130) - torso.belly(-130))
    width = float(torso.cavity_x(-150))
    colon = [
        (-width + 26, 10, -330),
        (-width + 26, 10, -190),
        (-width + 30, 4, -148),
        (-width + 44, front + 40, -134 - drop),
        (-30, front + 24, -134 - drop),
        (30, front + 24, -128 - drop),
        (width - 40, front + 44, -112 - drop),
        (width - 26, 4, -106 - drop),
        (width - 22, 18, -150),
        (width - 22, 14, -220),
        (width - 26, 8, -330),
    ]
    curve, radii = smooth_polyline(colon, [21, 22, 21, 19, 17, 17, 17, 17, 14, 13, 12], 7)
    radii = radii * (1 + 0.16 * np.sin(np.arange(len(radii)) * 1.9))
    parts = [Tubes.along(curve, radii, 38)]
    inside = Tubes.along(curve, radii - 2.6, 10)
    filled = np.repeat(rng.choice([15.0, -120.0, -300.0, -900.0], len(inside.hu) // 5 + 1), 5)[
        : len(inside.hu)
    ]
    parts.append(Tubes(inside.start, inside.end, inside.radius_start, inside.radius_end, filled))
    bowel_hu = torso.patient.enhanced(32, 50)
    for _ in range(20):
        point = np.array([rng.uniform(-65, 80), rng.uniform(front + 22, 8), rng.uniform(-300, -105)])
        walk = [point]
        for _ in range(9):
            step = rng.normal(0, 1, 3) * (1, 0.8, 0.8)
            point = point + 26 * step / np.linalg.norm(step)
            point = np.clip(point, (-74, front + 20, -330), (88, 12, -100 - drop))
            walk.append(point)
        loop, girth = smooth_polyline(walk, np.full(len(walk), rng.uniform(8.5, 11.5)), 4)
        parts.append(Tubes.along(loop, girth, bowel_hu))
        parts.append(Tubes.along(loop, girth - 2.4, rng.choice([18.0, 22.0, 28.0])))
    return parts


def bone_tubes(torso: Torso) -> Tubes:
    """Rib necks, collar bones and upper arms, as cortical tubes round a softer core."""
    parts = []
    for rib in range(12):
        height = float(torso.vertebra_z[FIRST_THORACIC + rib]) + 7
        sx, sy = float(torso.spine_x(height)), float(torso.spine_y(height))
        wall = float(torso.cavity_back(height))
        half = float(torso.body_half_x(height))
        for side in (-1, 1):
            bend = 0.385 * float(torso.cavity_x(height))
            course = [
                (sx + side * (half + 2), sy + 9, height),
                (sx + side * (half + 10), sy + 27, height - 1),
                (side * bend, wall + 2, height - 7),
            ]
            parts += _bone(course, [3.6, 3.4, 4], torso.patient.marrow_hu)
    for side in (-1, 1):
        collar = [(side * 20, -44, 172), (side * 55, -40, 186), (side * 95, -8, 204), (side * 128, 14, 208)]
        parts += _bone(smooth_polyline(collar, [7, 5.5, 5.5, 6])[0], 6.0, torso.patient.marrow_hu)
        arm = [(side * 158, 16, 206), (side * 168, 12, 216), (side * 182, 0, 262), (side * 200, -14, 330)]
        parts += _bone(arm, [23, 23, 12, 11], torso.patient.marrow_hu)
    return Tubes.join(parts)


def _bone(course, radii, marrow_hu: float) -> list[Tubes]:
    radii = np.broadcast_to(np.asarray(radii, dtype=float), (len(course),))
    return [Tubes.along(course, radii, 620), Tubes.along(course, np.maximum(radii - 2.0, 0.8), marrow_hu)]


def costal_margin(torso: Torso) -> Tubes:
    """The cartilage arch from the breast bone's tip to the tenth rib."""
    parts = []
    for side in (-1, 1):
        course = []
        for turn, height in ((2.95, 22), (2.7, -6), (2.4, -42), (2.1, -74)):
            front = float(torso.cavity_front(height) - torso.belly(height))
            back = float(torso.cavity_back(height))
            out = 7.0
            across = (float(torso.cavity_x(height)) + 0.4 * float(torso.belly(height)) + out) * np.sin(
                turn
            ) ** 0.8
            deep = (front + back) / 2 + ((back - front) / 2 + out) * -(abs(np.cos(turn)) ** 0.8)
            course.append((side * across, deep, height))
        parts.append(Tubes.along(*smooth_polyline(course, [6.5, 6.5, 6.5, 5]), CARTILAGE_HU))
    return Tubes.join(parts)


def artery_course(torso: Torso) -> Tubes:
    """The aorta as tubes."""
    points, radii = aorta_course(torso)
    return Tubes.along(points, radii, torso.patient.enhanced(43, 112))


def cava_tubes(torso: Torso) -> Tubes:
    """The inferior vena cava as tubes."""
    points, radii = cava_course(torso)
    return Tubes.along(points, radii, torso.patient.enhanced(43, 100))
