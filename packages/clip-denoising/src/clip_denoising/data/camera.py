"""The camera pipeline of the published sRGB training: a photo back to raw data, noise added, and developed again.

CBDNet's simulation with its "strict" noise level. In order: inverse response curve; linear RGB to the colours of a
camera; a Bayer mosaic; inverse white balance; noise whose standard deviation has a part that grows with the signal (not
with its root, as Poisson noise would) and a constant one; and all of it back. The clean partner is the photo itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .bayer import PATTERNS, REACH, demosaic, mosaic, site
from .camera_response import ResponseCurves, read_curves, smooth_curves
from .noise import Corruption, Rng, parse_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

SIGNAL, CONSTANT = 0.04, 0.03
"""Standard deviations of the fixed noise level: a share of the signal, and a constant part."""
MOST_SIGNAL, MOST_CONSTANT, LEAST = 0.16, 0.06, 1e-4
"""Limits between which CBDNet's blind variant draws both, on a logarithmic scale."""
CAMERAS = ("camera", "camera-blind")
"""Names of the simulated cameras, with a fixed noise level and with varying ones, used like the name of a noise."""
LEAST_GAIN = 0.75
"""Of the inverse white balance; the highest is 1."""

_XYZ_FROM_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
_RGB_FROM_XYZ = np.linalg.inv(_XYZ_FROM_RGB)

# XYZ to the colours of four cameras
_CAMERAS = np.array(
    [
        [1.0234, -0.2969, -0.2266, -0.5625, 1.6328, -0.0469, -0.0703, 0.2188, 0.6406],
        [0.4913, -0.0541, -0.0202, -0.613, 1.3513, 0.2906, -0.1564, 0.2151, 0.7183],
        [0.838, -0.263, -0.0639, -0.2887, 1.0725, 0.2496, -0.0627, 0.1427, 0.5438],
        [0.6596, -0.2079, -0.0562, -0.4782, 1.3016, 0.1933, -0.097, 0.1581, 0.5181],
    ]
).reshape(4, 3, 3)


def camera_matrix(weights: Doubles) -> Doubles:
    """Return the XYZ-to-camera matrix (3, 3), each row of sum 1, of a mixture of four; ``weights`` (4,) are made to
    sum to 1."""
    mixed = np.tensordot(weights / weights.sum(), _CAMERAS, 1)
    return mixed / mixed.sum(axis=1, keepdims=True)


def to_camera(rgb: Doubles, matrix: Doubles) -> Doubles:
    """Return RGB (H, W, 3) in [0, 1] in the colours of a camera with this ``matrix``, in [0, 1].

    The gamma of sRGB is undone first, although linear RGB comes in: as published.
    """
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    return np.clip(linear @ (matrix @ _XYZ_FROM_RGB).T, 0, 1)


def from_camera(seen: Doubles, matrix: Doubles) -> Doubles:
    """Undo `to_camera`, the gamma of sRGB included."""
    xyz = np.clip(seen @ np.linalg.inv(matrix).T, 0, 1)
    linear = np.maximum(xyz @ _RGB_FROM_XYZ.T, 0)
    return np.clip(np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear), 0, 1)


def add_raw_noise(raw: Doubles, signal: float, constant: float, rng: Rng) -> Doubles:
    """Return a mosaic (H, W) in [0, 1] with noise of deviations ``signal`` times the value and ``constant``."""
    noisy = raw + rng.normal(0, 1, raw.shape) * (signal * raw) + rng.normal(0, 1, raw.shape) * constant
    return np.clip(noisy, 0, 1)


@dataclass(frozen=True, eq=False)
class Camera:
    """One camera and one exposure.

    Attributes:
        curves: response curves.
        curve: the number of this camera's.
        matrix: XYZ to its colours, (3, 3), each row of sum 1.
        pattern: of its mosaic, one of `bayer.PATTERNS`.
        red: what red pixels are multiplied by in the inverse white balance.
        blue: what blue ones are.
        signal: standard deviation of the noise for each unit of signal.
        constant: standard deviation of the noise where there is no signal.
    """

    curves: ResponseCurves = field(repr=False)
    curve: int
    matrix: Doubles
    pattern: str
    red: float
    blue: float
    signal: float = SIGNAL
    constant: float = CONSTANT

    def expose(self, rgb: Doubles) -> Doubles:
        """Return the raw mosaic (H, W) in [0, 1], without noise, of a photo (H, W, 3) float64 in [0, 1]."""
        light = self.curves.invert(rgb, self.curve)
        return self._balanced(mosaic(to_camera(light, self.matrix), self.pattern), self.red, self.blue)

    def develop(self, raw: Doubles) -> Doubles:
        """Return the photo (H, W, 3) float64 in [0, 1] that the camera makes of a raw mosaic (H, W)."""
        balanced = np.clip(self._balanced(raw, 1 / self.red, 1 / self.blue), 0, 1)
        seen = np.clip(demosaic(balanced, self.pattern), 0, 1)
        return self.curves.respond(from_camera(seen, self.matrix), self.curve)

    def shoot(self, rgb: Doubles, rng: Rng) -> Doubles:
        """Return a photo (H, W, 3) float64 in [0, 1] with the camera's noise, not rounded."""
        return self.develop(add_raw_noise(self.expose(rgb), self.signal, self.constant, rng))

    def _balanced(self, raw: Doubles, red: float, blue: float) -> Doubles:
        raw = raw.copy()
        raw[site(self.pattern, "R")] *= red
        raw[site(self.pattern, "B")] *= blue
        return raw


@dataclass(frozen=True)
class CameraNoise:
    """Adds the noise of a simulated camera, drawn anew for each photo, and returns an 8-bit photo.

    Attributes:
        curves: response curves to draw from.
        blind: draw the noise level too, as CBDNet's blind variant does; by default it is the published fixed one.
    """

    curves: ResponseCurves
    blind: bool = False

    @property
    def margin(self) -> int:
        """Number of pixels around a patch that its noise depends on."""
        return REACH

    def draw(self, rng: Rng) -> Camera:
        """Return a camera."""
        levels = (SIGNAL, CONSTANT)
        curve = int(rng.random() * len(self.curves))
        matrix = camera_matrix(rng.uniform(0, 1, 4))
        pattern = PATTERNS[int(rng.random() * len(PATTERNS))]
        red, blue = (float(rng.uniform(LEAST_GAIN, 1)) for _ in range(2))
        if self.blind:
            signal, constant = (
                float(np.exp(rng.uniform(np.log(LEAST), np.log(most)))) for most in (MOST_SIGNAL, MOST_CONSTANT)
            )
            levels = (signal, constant)
        return Camera(self.curves, curve, matrix, pattern, red, blue, *levels)

    def __call__(self, clean: Floats, rng: Rng) -> Floats:
        """Return a photo (H, W, 3) float32 in [0, 1] with a camera's noise, in 8-bit steps."""
        noisy = self.draw(rng).shoot(clean.astype(np.float64), rng)
        return (np.rint(noisy * 255) / 255).astype(np.float32)


def parse_corruption(text: str, curves: str | Path | None = None) -> Corruption:
    """Return the corruption that ``text`` names: one of `CAMERAS`, or noise as for `noise.parse_noise`.

    Args:
        text: such as ``camera`` or ``gaussian:25``.
        curves: folder of CBDNet's response curves of cameras; None takes `response.smooth_curves`.

    Raises:
        InputError: if it names nothing, or there are no such curves.
    """
    if text not in CAMERAS:
        return parse_noise(text)
    return CameraNoise(smooth_curves() if curves is None else read_curves(curves), blind=text == CAMERAS[1])
