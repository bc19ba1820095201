"""Implicit shapes: functions that are negative inside, positive outside, roughly in mm near the surface."""

from __future__ import annotations

import numpy as np

FAR_MM = 1000.0
"""Stands for 'nowhere near this shape'."""


def smooth_max(first, second, rounding_mm: float):
    """Intersection of two shapes with the edge between them rounded by about `rounding_mm`."""
    overlap = np.maximum(rounding_mm - np.abs(first - second), 0)
    return np.maximum(first, second) + overlap * overlap * (0.25 / rounding_mm)


def smooth_min(first, second, rounding_mm: float):
    """Union of two shapes with a fillet of about `rounding_mm`."""
    overlap = np.maximum(rounding_mm - np.abs(first - second), 0)
    return np.minimum(first, second) - overlap * overlap * (0.25 / rounding_mm)


def superellipse(x, y, half_x, half_y, power: float = 2.0):
    """Distance along the ray from the center to |x/a|^p + |y/b|^p = 1, in mm."""
    if power == 2.0:
        level = np.sqrt((x / half_x) ** 2 + (y / half_y) ** 2)
    else:
        level = (np.abs(x / half_x) ** power + np.abs(y / half_y) ** power) ** (1 / power)
    radius = np.sqrt(x * x + y * y)
    center = np.minimum(half_x, half_y)
    return np.where(level > 1e-3, radius - radius / np.maximum(level, 1e-3), -center).astype(np.float32)


def ellipsoid(x, y, z, center, half, axes=None):
    """Approximate distance in mm to an ellipsoid; `axes` rows are its unit axes (default: x, y, z)."""
    dx, dy, dz = x - center[0], y - center[1], z - center[2]
    if axes is not None:
        dx, dy, dz = (a[0] * dx + a[1] * dy + a[2] * dz for a in np.asarray(axes, dtype=np.float32))
    level = np.sqrt((dx / half[0]) ** 2 + (dy / half[1]) ** 2 + (dz / half[2]) ** 2)
    steepness = np.sqrt((dx / half[0] ** 2) ** 2 + (dy / half[1] ** 2) ** 2 + (dz / half[2] ** 2) ** 2)
    return (level * (level - 1) / np.maximum(steepness, 1e-4)).astype(np.float32)


def tube(x, y, z, points, radii):
    """Distance in mm to a tube along a polyline; (n, 3) points, n radii. FAR_MM away from it."""
    points, radii = np.asarray(points, dtype=np.float32), np.asarray(radii, dtype=np.float32)
    reach = float(radii.max()) + 25.0
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    x, y, z = np.broadcast_arrays(x, y, z)
    near = np.nonzero(
        (x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1]) & (z > low[2]) & (z < high[2])
    )
    px, py, pz = x[near], y[near], z[near]
    nearest = np.full(px.shape, FAR_MM, dtype=np.float32)
    for start, end, r0, r1 in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
        nearest = np.minimum(nearest, cone(px, py, pz, start, end, r0, r1))
    distance = np.full(x.shape, FAR_MM, dtype=np.float32)
    distance[near] = nearest
    return distance


def cone(x, y, z, start, end, radius_start: float, radius_end: float):
    """Distance in mm to a straight piece of tube whose radius changes from one end to the other."""
    along = np.asarray(end, dtype=np.float32) - np.asarray(start, dtype=np.float32)
    dx, dy, dz = x - start[0], y - start[1], z - start[2]
    length2 = max(float(along @ along), 1e-6)
    share = np.clip((dx * along[0] + dy * along[1] + dz * along[2]) * (1 / length2), 0, 1)
    dx, dy, dz = dx - share * along[0], dy - share * along[1], dz - share * along[2]
    return np.sqrt(dx * dx + dy * dy + dz * dz) - (radius_start + share * (radius_end - radius_start))


def smooth_polyline(points, radii, pieces: int = 4):
    """Catmull-Rom curve through the points, `pieces` per span, with the radii along it."""
    points = np.column_stack([np.asarray(points, dtype=float), np.asarray(radii, dtype=float)])
    ends = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    curve = []
    for a, b, c, d in zip(ends[:-3], ends[1:-2], ends[2:-1], ends[3:], strict=True):
        for t in np.arange(pieces) / pieces:
            curve.append(
                0.5
                * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
            )
    curve = np.vstack([*curve, points[-1]])
    return curve[:, :3], np.maximum(curve[:, 3], 0.3)
