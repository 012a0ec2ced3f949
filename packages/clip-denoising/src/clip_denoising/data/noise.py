"""Noise for training and tests: a model for each name, its published levels, and its notation.

========================= ================= ========================================================================
name                      level             noisy image, of the clean one x in [0, 1]
========================= ================= ========================================================================
gaussian                  sigma / 255       x + n, n ~ N(0, sigma^2)
spatial                   sigma / 255       x + n averaged over 3 x 3 pixels (so about sigma / 3 is left)
poisson                   alpha             x + alpha (Poisson(x V) / V - x), V as `counts` has it; clipped to [0, 1]
nlf                       sigma_s, sigma_c  x + n, n ~ N(0, sigma_s^2 x + sigma_c^2)
speckle, speckle-uniform  variance v        x (1 + n), n normal (or uniform) of variance v; clipped
salt-pepper               density d         a share d / 2 of the values becomes 0, and as many become 1
mixture                   k                 gaussian 5k, poisson 0.5k and speckle 0.01k added to x, clipped, then
                                            salt-pepper 0.005k
ct-gaussian, ct-spatial   sigma in HU       as gaussian and spatial, of stored values that span 4096 HU
========================= ================= ========================================================================

The first three are the published tests, bit by bit. Of the others only names and levels are published; the formulas
here are our own. Noise is float32, and neither rounded nor, unless it says so, clipped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from visioncore.errors import InputError

from .hounsfield import HU_RANGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

Rng = np.random.RandomState | np.random.Generator
Level = float | tuple[float, float]


class Corruption(Protocol):
    """Makes a noisy image from a clean one: `Noise`, or `camera.CameraNoise`."""

    @property
    def margin(self) -> int:
        """Number of pixels around a patch that its noise depends on."""
        ...

    def __call__(self, clean: Floats, rng: Rng) -> Floats:
        """Return the noisy version of ``clean`` (H, W, C) float32 in [0, 1]."""
        ...


@dataclass(frozen=True)
class NoiseModel:
    """A kind of noise.

    Attributes:
        name: what it is called by.
        unit: what a level is.
        levels: those of the tests.
        make: clean image (H, W, C) float32 in [0, 1], level, source of randomness -> noisy image, the same shape.
        most: the highest level that means something.
    """

    name: str
    unit: str
    levels: tuple[Level, ...]
    make: Callable[[Floats, Level, Rng], Floats]
    most: float = math.inf

    def check(self, level: Level) -> None:
        """Validate a level of this kind of noise.

        Raises:
            InputError: if it is one.
        """
        values = level if isinstance(level, tuple) else (level,)
        if len(values) == (2 if self.unit.count(",") else 1) and all(
            math.isfinite(value) and 0 <= value <= self.most for value in values
        ):
            return
        raise InputError(
            f"{_text(level)}: no level of {self.name} noise, which is {self.unit}"
            f"{'' if math.isinf(self.most) else f', at most {self.most:g}'}; such as {_text(self.levels[0])}"
        )


@dataclass(frozen=True)
class Noise:
    """A kind of noise at a level: ``Noise("gaussian", 25)(clean, rng)``; as text, ``gaussian:25``.

    Raises:
        InputError: if there is no such kind, or it has no such level.
    """

    name: str
    level: Level
    margin: ClassVar[int] = 0
    """How many pixels around a patch decide its noise."""

    def __post_init__(self) -> None:
        if self.name not in NOISES:
            raise InputError(f"{self.name!r}: no kind of noise; known are {', '.join(NOISES)}")
        NOISES[self.name].check(self.level)

    def __call__(self, clean: Floats, rng: Rng) -> Floats:
        """Return ``clean`` (H, W, C) float32 in [0, 1] with the noise that ``rng`` draws, float32.

        The published tests start ``np.random.RandomState(0)`` anew for each image.

        Raises:
            InputError: if ``clean`` has another form.
        """
        if clean.ndim != 3 or clean.dtype != np.float32:
            raise InputError(f"a clean image must be (H, W, C) float32, got {clean.shape} {clean.dtype}")
        return NOISES[self.name].make(clean, self.level, rng)

    @property
    def sigma(self) -> float:
        """The standard deviation, for values in [0, 1], of noise that is independent and alike everywhere; else 0."""
        scale = {"gaussian": 255.0, "ct-gaussian": HU_RANGE}.get(self.name)
        return _number(self.level) / scale if scale else 0.0

    def __str__(self) -> str:
        return f"{self.name}:{_text(self.level)}"


def parse_noise(text: str) -> Noise:
    """Return the noise that ``text`` names, such as ``gaussian:25`` or ``nlf:0.04,0.015``.

    Raises:
        InputError: if it names none.
    """
    name, _, level = text.partition(":")
    if name not in NOISES:
        raise InputError(f"{text!r}: no kind of noise; known are {', '.join(NOISES)}, each with a level: gaussian:25")
    try:
        values = tuple(float(value) for value in level.split(","))
    except ValueError:
        values = ()
    if not 1 <= len(values) <= 2:
        raise InputError(f"{text!r}: noise is written as {Noise(name, NOISES[name].levels[0])}, the level as a number")
    return Noise(name, values[0] if len(values) == 1 else (values[0], values[1]))


def as_floats(pixels: NDArray[Any]) -> Floats:
    """Return 8-bit values as float32 in [0, 1], other ones as float32 as they are: always a copy."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / np.float32(255)
    return np.array(pixels, np.float32)


def counts(clean: Floats) -> tuple[Floats, float]:
    """Return ``clean`` rounded to 8 bit, and V, the number of counts that stands for 1 in this image's Poisson noise.

    V is the number of different values, over all channels, raised to a power of two: 256 for ordinary photos.
    """
    rounded = np.asarray((clean * np.float32(255)).round().clip(0, 255) / np.float32(255), np.float32)
    return rounded, 2.0 ** math.ceil(math.log2(len(np.unique(rounded))))


def _text(level: Level) -> str:
    return ",".join(f"{value:g}" for value in (level if isinstance(level, tuple) else (level,)))


def _number(level: Level) -> float:
    assert not isinstance(level, tuple)  # NoiseModel.check lets no other pass
    return level


def _normal(clean: Floats, sigma: float, rng: Rng) -> Floats:
    return rng.normal(0, sigma, clean.shape).astype(np.float32)


def _blurred_normal(clean: Floats, sigma: float, rng: Rng) -> Floats:
    import cv2

    field = rng.normal(0, sigma, clean.shape)
    mean = cv2.blur(field, (3, 3), borderType=cv2.BORDER_REFLECT)
    return np.asarray(mean, np.float32).reshape(clean.shape)


def _gaussian(scale: float) -> Callable[[Floats, Level, Rng], Floats]:
    return lambda clean, level, rng: clean + _normal(clean, _number(level) / scale, rng)


def _spatial(scale: float) -> Callable[[Floats, Level, Rng], Floats]:
    return lambda clean, level, rng: clean + _blurred_normal(clean, _number(level) / scale, rng)


def _poisson_noise(clean: Floats, alpha: float, rng: Rng) -> Floats:
    rounded, peak = counts(clean)
    return np.float32(alpha) * ((rng.poisson(rounded * peak) / peak).astype(np.float32) - rounded)


def _poisson(clean: Floats, level: Level, rng: Rng) -> Floats:
    return np.clip(clean + _poisson_noise(clean, _number(level), rng), 0, 1)


def _noise_level_function(clean: Floats, level: Level, rng: Rng) -> Floats:
    assert isinstance(level, tuple)  # NoiseModel.check lets no other pass
    signal, constant = level
    # CT reaches below 0
    deviation = np.sqrt(np.float32(signal**2) * clean.clip(min=0) + np.float32(constant**2))
    return clean + deviation * _normal(clean, 1, rng)


def _speckle(clean: Floats, level: Level, rng: Rng) -> Floats:
    return np.clip(clean * (1 + _normal(clean, math.sqrt(_number(level)), rng)), 0, 1)


def _speckle_uniform(clean: Floats, level: Level, rng: Rng) -> Floats:
    reach = math.sqrt(3 * _number(level))  # of a uniform distribution with this variance
    return np.clip(clean * (1 + rng.uniform(-reach, reach, clean.shape).astype(np.float32)), 0, 1)


def _salt_and_pepper(clean: Floats, level: Level, rng: Rng) -> Floats:
    density = _number(level)
    draw = rng.random(clean.shape)
    noisy = np.where(draw < density / 2, np.float32(0), clean)
    return np.where(draw >= 1 - density / 2, np.float32(1), noisy)


def _mixture(clean: Floats, level: Level, rng: Rng) -> Floats:
    k = _number(level)
    noisy = clean + _normal(clean, 5 * k / 255, rng)
    noisy = noisy + _poisson_noise(clean, 0.5 * k, rng)
    noisy = noisy + clean * _normal(clean, math.sqrt(0.01 * k), rng)
    return _salt_and_pepper(np.clip(noisy, 0, 1), 0.005 * k, rng)


NOISES: Mapping[str, NoiseModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            NoiseModel("gaussian", "a standard deviation of 255", (15.0, 25.0, 50.0), _gaussian(255)),
            NoiseModel("spatial", "a standard deviation of 255", (40.0, 45.0, 50.0, 55.0), _spatial(255)),
            NoiseModel("poisson", "a factor of Poisson noise", (2.0, 2.5, 3.0, 3.5), _poisson),
            NoiseModel(
                "nlf",
                "sigma_s,sigma_c of values from 0 to 1",
                ((0.04, 0.015), (0.08, 0.03), (0.12, 0.045), (0.16, 0.06)),
                _noise_level_function,
            ),
            NoiseModel("speckle", "a variance", (0.02, 0.03, 0.04), _speckle),
            NoiseModel("speckle-uniform", "a variance", (0.02, 0.03, 0.04), _speckle_uniform),
            NoiseModel("salt-pepper", "a share of the values", (0.002, 0.01, 0.02), _salt_and_pepper, most=1),
            NoiseModel("mixture", "a multiple of its lowest level", (1.0, 2.0, 3.0, 4.0), _mixture, most=200),
            NoiseModel("ct-gaussian", "a standard deviation in HU", (40.0, 80.3, 120.0), _gaussian(HU_RANGE)),
            NoiseModel("ct-spatial", "a standard deviation in HU", (120.0, 240.0, 360.0), _spatial(HU_RANGE)),
        )
    }
)
"""All kinds of noise by name."""

TABLE: tuple[Noise, ...] = tuple(
    Noise(name, level) for name in ("gaussian", "spatial", "poisson") for level in NOISES[name].levels
)
"""The eleven columns of the published table of synthetic noise."""
