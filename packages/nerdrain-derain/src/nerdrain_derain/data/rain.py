"""Synthetic rain for tests, the demo and clean photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from visioncore.errors import InputError
from visioncore.images import from_tensor, read_image, to_tensor, write_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rain:
    """Ranges of the look of rain, from which each photo draws. Lengths and widths are in pixels.

    Attributes:
        layers: how many depths of streaks, each with its own look, at most.
        density: streaks begun per pixel of a layer, drawn on a logarithmic scale.
        length: length of a layer's streaks.
        width: standard deviation across a streak, with the blur of motion and focus in it.
        angle: largest slant from the vertical of a photo's wind, in degrees; layers vary about it.
        brightness: opacity of a layer's brightest streaks, 0 to 1.
        veil: opacity of the mist that far rain makes, 0 to 1.
        blur: standard deviation in pixels by which a layer is out of focus.
        gusts: standard deviation in degrees of the layers' slants about the wind.
        veiled: share of photos with mist.
        dry: share of photos on which no rain falls, so that a network learns to leave them alone.
        added: share of photos to whose light that of the streaks is added, up to white, as in published sets such as
            Rain200H; on the others streaks cover what is behind them.
        hard: share of photos whose streaks are hard lines of one to three pixels, all alike and nearly opaque, as
            rendered and drawn rain has them; ``width``, ``blur`` and the dimmer half of ``brightness`` are not theirs.
        ordinary: share of the photos with rain on which it has the default look, so that a network that learns extremes
            still knows it.
    """

    layers: int = 3
    density: tuple[float, float] = (0.0006, 0.004)
    length: tuple[float, float] = (8.0, 45.0)
    width: tuple[float, float] = (0.5, 1.4)
    angle: float = 35.0
    brightness: tuple[float, float] = (0.2, 0.65)
    veil: tuple[float, float] = (0.0, 0.08)
    blur: tuple[float, float] = (0.0, 0.0)
    gusts: float = 4.0
    veiled: float = 1.0
    dry: float = 0.0
    added: float = 0.0
    hard: float = 0.0
    ordinary: float = 0.0

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise InputError(f"rain.layers is {self.layers}; there must be at least one")
        shares = dict.fromkeys(("veiled", "dry", "added", "hard", "ordinary"), 1)
        for name, most in {"angle": 90, "gusts": 90, **shares}.items():
            if not 0 <= getattr(self, name) <= most:
                raise InputError(f"rain.{name} is {getattr(self, name)}; it must be from 0 to {most}")
        limits = {
            **{"density": (1e-6, 1), "length": (1, 1000), "width": (0.1, 100)},
            **{"brightness": (0, 1), "veil": (0, 1), "blur": (0, 100)},
        }
        for name, (least, most) in limits.items():
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                raise InputError(f"rain.{name} is {low} to {high}; both must lie in {least} to {most}, the lower first")

    def streaks(self, height: int, width: int, wind: float, rng: np.random.Generator) -> Floats:
        """Return one layer's opacity (height, width) in [0, 1] under a wind of ``wind`` degrees."""
        import cv2

        length, sigma = rng.uniform(*self.length), rng.uniform(*self.width)
        kernel = streak_kernel(length, sigma, wind + rng.normal(0, self.gusts))
        if self.blur[1]:
            kernel = blurred(kernel, rng.uniform(*self.blur))
        reach = len(kernel) // 2
        begun = rng.random((height + 2 * reach, width + 2 * reach), dtype=np.float32)
        density = np.exp(rng.uniform(*np.log(self.density)))
        # strength of each streak: where below the density, how far below
        strength = np.where(begun < density, 1 - 0.6 * begun / density, 0).astype(np.float32)
        opacity = cv2.filter2D(strength, cv2.CV_32F, kernel)[reach : reach + height, reach : reach + width]
        return np.clip(opacity, 0, 1) * np.float32(rng.uniform(*self.brightness))

    def lines(self, height: int, width: int, wind: float, rng: np.random.Generator) -> Floats:
        """Return the opacity (height, width) of one layer of hard lines, which cover a fifth of the photo at most."""
        import cv2

        length, thickness = rng.uniform(*self.length), int(rng.integers(1, 2, endpoint=True))
        kernel = line_kernel(length, thickness, wind + rng.normal(0, self.gusts))
        reach = len(kernel) // 2
        density = min(np.exp(rng.uniform(*np.log(self.density))), 0.2 / (length * thickness))
        begun = rng.random((height + 2 * reach, width + 2 * reach), dtype=np.float32) < density
        drawn = cv2.dilate(begun.astype(np.uint8), kernel)[reach : reach + height, reach : reach + width]
        return drawn * np.float32(rng.uniform(sum(self.brightness) / 2, self.brightness[1]))

    def fall_on(self, clean: Floats, rng: np.random.Generator) -> Floats:
        """Add the rain that ``rng`` draws to ``clean`` (H, W, 3) with values in [0, 1]."""
        if self.dry and rng.random() < self.dry:
            return clean.copy()
        if self.ordinary and rng.random() < self.ordinary:
            return Rain().fall_on(clean, rng)
        height, width = clean.shape[:2]
        light = np.float32(rng.uniform(0.75, 1.0))  # of the sky, which drops and mist scatter
        wind = rng.uniform(-self.angle, self.angle)
        mist = rng.uniform(*self.veil)
        if self.veiled < 1 and rng.random() >= self.veiled:
            mist = 0.0
        added = bool(self.added) and rng.random() < self.added
        fall = self.lines if self.hard and rng.random() < self.hard else self.streaks
        rainy = clean + (light - clean) * np.float32(mist)
        for _ in range(rng.integers(1, self.layers, endpoint=True)):
            opacity = fall(height, width, wind, rng)[..., None]
            rainy = rainy + (light if added else light - rainy) * opacity
        return np.clip(rainy, 0, 1, dtype=np.float32)


def streak_kernel(length: float, sigma: float, angle: float) -> Floats:
    """Return the kernel (odd square, peak 1) of a streak, ``sigma`` wide, ``angle`` degrees off the vertical."""
    reach = int(np.ceil(length / 2 + 2 * sigma)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    along, across = y * cosine + x * sine, x * cosine - y * sine
    ends = np.clip(length / 2 - np.abs(along) + 0.5, 0, 1) * (0.7 + 0.3 * along / length)
    kernel = ends * np.exp(-0.5 * (across / sigma) ** 2)
    return (kernel / kernel.max()).astype(np.float32)


def line_kernel(length: float, thickness: int, angle: float) -> NDArray[np.uint8]:
    """Return the kernel (odd square, 0 or 1) of a line without soft edges, ``angle`` degrees off the vertical."""
    import cv2

    reach = int(np.ceil(length / 2)) + thickness
    kernel = np.zeros((2 * reach + 1,) * 2, np.uint8)
    end = np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))]) * length / 2
    first, last = (tuple(map(int, np.rint(reach + sign * end))) for sign in (-1, 1))
    return np.asarray(cv2.line(kernel, first, last, 1, thickness), np.uint8)


def blurred(kernel: Floats, sigma: float) -> Floats:
    """Return a kernel out of focus by ``sigma`` pixels, as large as it then is: of the same sum and a lower peak."""
    import cv2

    margin = int(np.ceil(3 * sigma))
    if not margin:
        return kernel
    wide = np.pad(kernel, margin)
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT), np.float32)


def write_pairs(photos: Sequence[Path], out: str | Path, *, seed: int, rain: Rain | None = None) -> None:
    """Write a data set of synthetic rain: ``out/input/NAME.png`` and ``out/target/NAME.png`` for every clean photo.

    Raises:
        InputError: if a photo cannot be read, two have one name, or ``out`` cannot be written.
    """
    rain, out = rain or Rain(), Path(out)
    twice = [name for name, count in Counter(path.stem for path in photos).items() if count > 1]
    if twice:
        raise InputError(f"several photos are named {twice[0]}; they would be written to one file")
    for number, path in enumerate(photos):
        clean = read_image(path)
        rainy = rain.fall_on(to_tensor(clean)[0].permute(1, 2, 0).numpy(), np.random.default_rng([seed, number]))
        fallen = from_tensor(torch.from_numpy(rainy).permute(2, 0, 1)[None])
        write_image(out / "input" / f"{path.stem}.png", fallen)
        write_image(out / "target" / f"{path.stem}.png", clean)
