"""Smooth random fields that are the same function at every resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .raster import Floats
from .shapes import TURN


@dataclass(frozen=True)
class Waves:
    """A sum of plane cosine waves with mean 0 and variance 1 over the whole plane.

    Attributes:
        amplitude: (n,).
        frequency: (n, 2), cycles a unit along x and y.
        phase: (n,), radians.
    """

    amplitude: Floats
    frequency: Floats
    phase: Floats

    def on(self, x: Floats, y: Floats) -> Floats:
        """Return the field on the grid of the columns ``x`` (w,) and rows ``y`` (h,): (h, w)."""
        across = TURN * np.outer(x, self.frequency[:, 0]) + self.phase
        down = TURN * np.outer(y, self.frequency[:, 1])
        # cos(p + q) = cos p cos q - sin p sin q: two products of thin matrices.
        return np.asarray(
            (np.cos(down) * self.amplitude) @ np.cos(across).T
            - (np.sin(down) * self.amplitude) @ np.sin(across).T
        )


def draw_waves(rng: np.random.Generator, frequency: float, count: int = 6) -> Waves:
    """Draw a smooth field.

    Args:
        rng: The factor's stream.
        frequency: Standard deviation of the waves' frequency along each axis, cycles a unit.
        count: How many waves.
    """
    amplitude = rng.standard_normal(count)
    return Waves(
        amplitude * np.sqrt(2.0 / np.sum(amplitude**2)),
        frequency * rng.standard_normal((count, 2)),
        TURN * rng.random(count),
    )


@dataclass(frozen=True)
class PeriodicField:
    """A real field on the unit torus, with mean 0 and variance 1.

    Attributes:
        spectrum: complex (2 k + 1, 2 k + 1), the Fourier coefficients of the frequencies -k to k
            down (rows) and across (columns).
    """

    spectrum: np.typing.NDArray[np.complex128]

    @property
    def cutoff(self) -> int:
        """The highest frequency k."""
        return len(self.spectrum) // 2

    def on(self, height: int, width: int) -> Floats:
        """Return the field at the pixel centres of a (height, width) cell."""
        return self.at((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)

    def at(self, x: Floats, y: Floats) -> Floats:
        """Return the field on the grid of the columns ``x`` and rows ``y``, in cells."""
        frequencies = np.arange(-self.cutoff, self.cutoff + 1)
        down = np.exp(1j * TURN * np.outer(y, frequencies))
        across = np.exp(1j * TURN * np.outer(x, frequencies))
        return np.asarray((down @ self.spectrum @ across.T).real)

    def level(self, share: float) -> float:
        """Return the value below which the field is on ``share`` (0 to 1) of the cell."""
        return float(np.quantile(self.on(48, 48), share))

    def centred(self) -> PeriodicField:
        """Return the field moved so that its highest point lies at the origin."""
        grid = np.arange(64) / 64
        top, left = np.unravel_index(int(np.argmax(self.at(grid, grid))), (64, 64))
        frequencies = np.arange(-self.cutoff, self.cutoff + 1)
        shift = np.exp(1j * TURN / 64 * (top * frequencies[:, None] + left * frequencies))
        return PeriodicField(self.spectrum * shift)


def normalised(spectrum: np.typing.NDArray[np.complex128]) -> PeriodicField:
    """Return the real field of a spectrum, its mean removed and its variance set to 1."""
    hermitian = 0.5 * (spectrum + spectrum[::-1, ::-1].conj())
    middle = len(hermitian) // 2
    hermitian[middle, middle] = 0.0
    return PeriodicField(hermitian / np.sqrt(np.sum(np.abs(hermitian) ** 2)))


def draw_periodic(rng: np.random.Generator, cutoff: int, decay: float) -> PeriodicField:
    """Draw periodic noise.

    Args:
        rng: The factor's stream.
        cutoff: The highest frequency, in cycles a cell.
        decay: Amplitudes fall with frequency f as f**-decay: the larger, the smoother.
    """
    frequencies = np.arange(-cutoff, cutoff + 1)
    norm = np.hypot(frequencies[:, None], frequencies)
    gain = np.where(norm <= cutoff, np.maximum(norm, 1.0) ** -decay, 0.0)
    noise = rng.standard_normal((2, *norm.shape))
    return normalised(gain * (noise[0] + 1j * noise[1]))
