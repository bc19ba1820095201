"""Noise with the grain that is found in a scan: its correlation is measured, then drawn anew from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .noise import MAD_TO_SIGMA, MIN_TISSUE, Surroundings, noise_level

LAGS = 8
"""Pixels over which the correlation of the noise is carried over."""

_CLIP_SIGMAS = 4.0
"""Stronger residuals are vessels and borders; they are cut before correlations are taken."""

_MAX_DAMPING = 100.0
"""Takes what is near the highest frequency to almost nothing."""

_TAPER = np.exp(-0.5 * (2.5 * np.arange(-LAGS, LAGS + 1) / LAGS) ** 2)
"""What is left of a covariance at each lag: those of distant pixels are mostly errors."""


@dataclass(frozen=True)
class Grain:
    """How the noise of a tissue is correlated.

    covariance: (2 LAGS + 1) squared, HU^2, of pixels in a slice by their distance, tapered. between: correlation of
    neighboring slices, 0..1. fine: what `noise_level` measures of it, HU.
    """

    covariance: np.ndarray
    between: float
    fine: float

    @classmethod
    def of(cls, around: Surroundings, tissue: np.ndarray) -> Grain:
        """The grain found in the voxels `tissue` (K, J, I) of a scan."""
        residual, sigma = _residual(around.hu, tissue)
        within = _covariance(residual) / np.maximum(_covariance(tissue.astype(np.float32)), 1)
        variance = max(float(within[LAGS, LAGS]), 1e-6)
        both = tissue[1:] & tissue[:-1]
        between = 0.0
        if np.count_nonzero(both) >= MIN_TISSUE:
            between = float((residual[1:] * residual[:-1])[both].mean() / variance)
        covariance = within * np.outer(_TAPER, _TAPER) * (sigma**2 / variance)
        return cls(covariance, min(max(between, 0.0), 0.98), noise_level(around.hu, tissue).fine)

    @property
    def blur(self) -> float:
        """Sigma in pixels of the Gaussian that makes white noise as correlated as this: a measure of the kernel."""
        c = self.covariance
        neighbors = (c[LAGS - 1, LAGS] + c[LAGS + 1, LAGS] + c[LAGS, LAGS - 1] + c[LAGS, LAGS + 1]) / 4
        correlation = neighbors / (_TAPER[LAGS - 1] * c[LAGS, LAGS]) if c[LAGS, LAGS] > 0 else 0.0
        # The autocorrelation of white noise after a Gaussian is exp(-d^2 / (4 sigma^2)).
        return float(np.sqrt(-0.25 / np.log(min(correlation, 0.98)))) if correlation > 0.01 else 0.0

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Noise (K, J, I) float32, HU, of this correlation and strength.

        Within slices by the covariance's Fourier transform (Wiener and Khinchin), between slices by that of
        neighbors.
        """
        from scipy import fft

        grid = [fft.next_fast_len(n + 2 * LAGS, real=True) for n in shape[1:]]
        gain = np.sqrt(self._power(grid)).astype(np.float32)
        white = rng.standard_normal((shape[0], *grid), dtype=np.float32)
        for k in range(1, shape[0]):
            white[k] = self.between * white[k - 1] + np.sqrt(1 - self.between**2) * white[k]
        return fft.irfft2(fft.rfft2(white) * gain, s=grid)[:, : shape[1], : shape[2]]

    def _power(self, grid: list[int]) -> np.ndarray:
        """Power spectrum on a real transform's grid, scaled so that `noise_level` measures `fine`.

        From few voxels the spectrum has a floor of errors, which would be all that is fine in soft noise; it is
        damped (by a Gaussian over the frequencies) until fine and whole noise are to each other as measured.
        """
        from scipy import fft

        kernel = np.zeros(grid)
        lags = np.arange(-LAGS, LAGS + 1)
        kernel[np.ix_(lags, lags)] = self.covariance
        power = np.maximum(fft.rfft2(kernel).real, 0)
        rows, columns = fft.fftfreq(grid[0])[:, None], fft.rfftfreq(grid[1])[None]
        answer = ((2 * np.cos(2 * np.pi * rows) - 2) * (2 * np.cos(2 * np.pi * columns) - 2) / 6) ** 2
        twice = np.where((columns == 0) | (columns == 0.5), 1, 2)  # the other columns stand for two

        def damped(strength: float) -> np.ndarray:
            return power * twice * np.exp(-strength * (rows**2 + columns**2))

        share = self.fine**2 / max(float(self.covariance[LAGS, LAGS]), 1e-6)
        low, high = 0.0, _MAX_DAMPING
        for _ in range(20):
            middle = (low + high) / 2
            one = damped(middle)
            low, high = (middle, high) if (one * answer).sum() > share * one.sum() else (low, middle)
        best = damped(low)
        seen = (best * answer).sum() / (grid[0] * grid[1])
        return best / twice * (self.fine**2 / max(seen, 1e-12))


def _residual(hu: np.ndarray, tissue: np.ndarray) -> tuple[np.ndarray, float]:
    """What is left of a tissue without its slow changes, 0 elsewhere, and its robust standard deviation."""
    known = tissue.astype(np.float32)
    trend = _slow(hu * known) / np.maximum(_slow(known), 1e-3)
    residual = np.where(tissue, hu - trend, 0).astype(np.float32)
    sigma = MAD_TO_SIGMA * float(np.median(np.abs(residual[tissue])))
    return np.clip(residual, -_CLIP_SIGMAS * sigma, _CLIP_SIGMAS * sigma), sigma


def _slow(values: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    return ndimage.gaussian_filter(values, (0, LAGS / 2, LAGS / 2), mode="constant", truncate=2.0)


def _covariance(values: np.ndarray) -> np.ndarray:
    """Sum over all pairs of pixels of a slice, by their distance of up to `LAGS`; (2 LAGS + 1) squared."""
    from scipy import fft

    grid = [fft.next_fast_len(n + LAGS, real=True) for n in values.shape[1:]]
    power = (np.abs(fft.rfft2(values, s=grid)) ** 2).sum(axis=0)
    lags = np.arange(-LAGS, LAGS + 1)
    return fft.irfft2(power, s=grid)[np.ix_(lags, lags)]
