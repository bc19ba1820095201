"""What the scanner adds: blur in the plane, slices of finite thickness, noise, and the table.

The defaults were fitted to homogeneous patches of liver, muscle and heart in public scans (CRLM-CT-1004 and
-1006, pyrad-lung1 and -lung2, all 5 mm slices, soft kernels): standard deviation 5 to 10 HU; neighbors in the
plane correlate 0.45 at 0.80 mm, 0.66 at 0.63 mm and 0.76 at 0.57 mm; neighboring slices 0.1 to 0.35.
"""

from __future__ import annotations

import numpy as np

NOISE_AT_5_MM_HU = 9.0
"""Standard deviation of noise in 5 mm slices; thinner slices have more, as one over the root of thickness."""

NOISE_CUTOFF_MM = 0.64
"""In-plane blur (Gaussian sigma, mm) of the noise, on top of the ramp that filtered back-projection gives."""

SLICE_CORRELATION = 0.25
"""Correlation of noise between neighboring slices."""

PLAIN_BLUR_MM = 0.62
"""In-plane point-spread of a soft kernel (Gaussian sigma, mm)."""

FLAT_SHARE = 0.15
"""Share of white spectrum beside the ramp, which gives the noise its slow shading."""

_COUCH_HU, _FOAM_HU = -420.0, -930.0


def usual_noise(slice_mm: float) -> float:
    """Noise of a soft-kernel scan with slices of this thickness, HU."""
    return NOISE_AT_5_MM_HU * (5.0 / max(slice_mm, 0.5)) ** 0.5


class Noise:
    """Band-limited noise, slice after slice: every slice depends on the seed and its own number only."""

    def __init__(self, seeds: np.random.SeedSequence, shape, spacing, sigma_hu: float):
        from scipy import fft

        self._fft = fft
        self._seeds, self._shape = seeds, tuple(int(n) for n in shape)
        fy = fft.fftfreq(shape[0], spacing[1])[:, None]
        fx = fft.rfftfreq(shape[1], spacing[0])[None, :]
        frequency = np.sqrt(fx * fx + fy * fy)
        ramp = frequency / max(float(frequency.max()), 1e-9)
        power = (ramp + FLAT_SHARE * np.exp(-((frequency * 12) ** 2)) + 0.02) * np.exp(
            -((2 * np.pi * NOISE_CUTOFF_MM * frequency) ** 2)
        )
        self._gain = np.sqrt(power).astype(np.float32)
        self._sigma = float(sigma_hu)
        weight = (1 + SLICE_CORRELATION**2) ** -0.5
        self._own, self._next = weight, weight * SLICE_CORRELATION
        self._cache: dict[int, np.ndarray] = {}

    def slice(self, number: int) -> np.ndarray:
        """Noise of one slice (rows, columns), HU."""
        here, above = self._white(number), self._white(number + 1)
        self._cache = {number + 1: above}
        return self._sigma * (self._own * here + self._next * above)

    def _white(self, number: int) -> np.ndarray:
        if number in self._cache:
            return self._cache[number]
        rng = np.random.default_rng([*self._seeds.generate_state(4).tolist(), number])
        white = rng.standard_normal(self._shape, dtype=np.float32)
        shaped = self._fft.irfft2(self._fft.rfft2(white) * self._gain, s=self._shape)
        power = (
            float(np.mean(self._gain[:, 1:-1] ** 2))
            if self._gain.shape[1] > 2
            else float(np.mean(self._gain**2))
        )
        return (shaped / np.sqrt(power)).astype(np.float32)


def blur_in_plane(planes: np.ndarray, spacing, sigma_mm: float) -> np.ndarray:
    """Blur planes (k, j, i) with the scanner's point-spread function."""
    from scipy.ndimage import gaussian_filter1d

    for axis, step in ((1, spacing[1]), (2, spacing[0])):
        sigma = sigma_mm / step
        if sigma > 0.2:
            planes = gaussian_filter1d(planes, sigma, axis=axis, mode="nearest", truncate=3.0)
    return planes


def paint_table(hu: np.ndarray, x, y, back_y: float, middle_x: float) -> None:
    """Draw the couch (a carbon shell filled with foam) under a back that lies at `back_y`; in place."""
    across = x - middle_x
    top = y - (back_y + 4 - across * across / 900.0)
    inside = np.maximum(np.abs(top - 14) - 14, (np.abs(across) - 205))
    shell = np.clip(0.5 - inside / 1.0, 0, 1)
    core = np.clip(0.5 - (inside + 2.0) / 1.0, 0, 1)
    hu += shell * (_COUCH_HU - hu)
    hu += core * (_FOAM_HU - hu)
    pad = np.clip(0.5 - np.maximum(np.abs(top + 2.5) - 2.5, np.abs(across) - 190) / 1.0, 0, 1)
    hu += pad * (-965 - hu)
