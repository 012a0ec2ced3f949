"""Drawn scenes with a light of their own, and cut-outs that stand in them lit by it, with their shadows.

The demo learns from them, and tests live on them: what a scene does to a cut-out is known exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Light:
    """The light of an hour.

    Attributes:
        above: colour of the sky at its top, RGB in [0, 1].
        below: the same at the horizon.
        tint: factors of all colours that it falls on.
        shadow: how dark shadows are, 0 for none.
        disc: colour of sun or moon.
        height: of the disc, as a share of the sky.
    """

    above: tuple[float, float, float]
    below: tuple[float, float, float]
    tint: tuple[float, float, float]
    shadow: float
    disc: tuple[float, float, float]
    height: float


LIGHTS: Mapping[str, Light] = {
    "morning": Light((0.45, 0.62, 0.85), (1.0, 0.86, 0.72), (1.0, 0.93, 0.84), 0.5, (1.0, 0.95, 0.75), 0.6),
    "noon": Light((0.22, 0.52, 0.92), (0.72, 0.88, 1.0), (1.0, 1.0, 1.0), 0.65, (1.0, 1.0, 0.85), 0.15),
    "evening": Light((0.36, 0.24, 0.48), (1.0, 0.55, 0.30), (1.0, 0.72, 0.52), 0.6, (1.0, 0.72, 0.35), 0.8),
    "night": Light((0.03, 0.04, 0.14), (0.12, 0.16, 0.34), (0.42, 0.48, 0.72), 0.45, (0.92, 0.93, 0.85), 0.3),
}
"""By the hour."""

GROUNDS: Mapping[str, tuple[float, float, float]] = {
    "meadow": (0.36, 0.62, 0.24),
    "beach": (0.90, 0.79, 0.55),
    "snow": (0.93, 0.95, 0.99),
    "desert": (0.84, 0.56, 0.34),
    "lake": (0.24, 0.47, 0.68),
    "street": (0.45, 0.45, 0.47),
}
"""Colours of the ground, RGB in [0, 1], by its name."""


@dataclass(frozen=True)
class Scene:
    """A drawn scene.

    Attributes:
        image: (H, W, 3) RGB of 8 bit.
        layers: (H, W, 4) RGBA of 8 bit with straight alpha, the cut-outs as they were before the light fell on them;
            the first is furthest away.
        caption: such as ``a pig on the beach at night with a palm``.
        names: of the cut-outs in front.
    """

    image: NDArray[np.uint8]
    layers: tuple[NDArray[np.uint8], ...]
    caption: str
    names: tuple[str, ...]

    @property
    def foreground(self) -> NDArray[np.uint8]:
        """The layers as one, (H, W, 4)."""
        whole = np.zeros((*self.image.shape[:2], 4), np.float32)
        for layer in self.layers:
            whole = over(whole, _floats(layer / 255))
        return _eight_bit(whole)

    def owners(self) -> NDArray[np.int64]:
        """Return which layer each pixel shows, (H, W), counted from 1; 0 for none."""
        found = np.zeros(self.image.shape[:2], np.int64)
        for number, layer in enumerate(self.layers, start=1):
            found[layer[..., 3] > 127] = number
        return found


def draw_scene(
    cutouts: Sequence[tuple[str, Floats]],
    props: Sequence[tuple[str, Floats]],
    generator: np.random.Generator,
    side: int = 64,
) -> Scene:
    """Draw a square scene of a random ground at a random hour.

    Args:
        cutouts: names and RGBA (h, w, 4) in [0, 1] of what stands in front, up to three, side by side.
        props: the same of what stands far away, none or one.
        generator: of all that is random.
        side: of the scene in pixels.
    """
    hour = str(generator.choice(list(LIGHTS)))
    ground = str(generator.choice(list(GROUNDS)))
    light, towards = LIGHTS[hour], float(generator.choice([-1.0, 1.0]))
    horizon = round(side * generator.uniform(0.38, 0.55))
    scene = _empty(light, GROUNDS[ground], horizon, side, towards, generator)
    for _, prop in props:
        size = round(side * generator.uniform(0.2, 0.3))
        left = int(generator.integers(0, side - size + 1))
        far = _put(prop, (left, horizon - size + round(0.12 * size)), size, side)
        scene = _lit_over(scene, far, light, towards)
    placed = [
        (name, _put(pixels, (left, bottom - size), size, side))
        for (name, pixels), (left, bottom, size) in zip(
            cutouts, _places(len(cutouts), horizon, side, generator), strict=True
        )
    ]
    for _, pixels in placed:
        scene = _with_shadow(scene, pixels[..., 3], light, towards)
        scene = _lit_over(scene, pixels, light, towards)
    names = tuple(name for name, _ in placed)
    caption = caption_of(names, ground, hour, [name for name, _ in props])
    return Scene(_eight_bit(scene), tuple(_eight_bit(pixels) for _, pixels in placed), caption, names)


def caption_of(names: Sequence[str], ground: str, hour: str, props: Sequence[str] = ()) -> str:
    """Return the words for a scene."""
    place = f"the {ground} at {hour}"
    front = f"{' and '.join(f'a {name}' for name in names)} on {place}" if names else place
    return front + "".join(f" with a {name}" for name in props)


def over(below: Floats, above: Floats) -> Floats:
    """Return RGBA (H, W, 4) with straight alpha over another."""
    high, low = above[..., 3:], below[..., 3:]
    alpha = high + low * (1 - high)
    colour = above[..., :3] * high + below[..., :3] * low * (1 - high)
    return np.concatenate((colour / np.maximum(alpha, 1e-6), alpha), axis=-1, dtype=np.float32)


def _places(count: int, horizon: int, side: int, generator: np.random.Generator) -> list[tuple[int, int, int]]:
    """Return left, bottom and size in pixels of each of the cut-outs."""
    places = []
    for number in range(count):
        room = side / max(count, 1)
        size = round(min(room, side) * generator.uniform(0.42, 0.66) * (1 if count == 1 else 1.35))
        left = round(number * room + generator.uniform(0, max(room - size, 0)))
        bottom = round(generator.uniform(max(horizon + 0.16 * side, size + 1), side - 2))
        places.append((min(left, side - size), bottom, size))
    return places


def _empty(
    light: Light,
    ground: tuple[float, float, float],
    horizon: int,
    side: int,
    towards: float,
    generator: np.random.Generator,
) -> Floats:
    """Return sky and ground (side, side, 3), the disc on the side that the light comes from."""
    rows = np.linspace(0, 1, horizon, dtype=np.float32)[:, None, None]
    sky = _floats(light.above) * (1 - rows) + _floats(light.below) * rows
    sky = np.repeat(sky, side, axis=1)
    y, x = np.mgrid[:horizon, :side].astype(np.float32)
    middle = side * (0.5 + towards * generator.uniform(0.22, 0.4)), horizon * light.height
    radius = side * 0.06
    disc = np.clip(radius + 0.5 - np.hypot(x - middle[0], y - middle[1]), 0, 1)[..., None]
    glow = 0.35 * np.exp(-np.hypot(x - middle[0], y - middle[1]) / (2.5 * radius))[..., None]
    sky = sky + (_floats(light.disc) - sky) * np.clip(disc + glow, 0, 1)
    depth = np.linspace(1.12, 0.82, side - horizon, dtype=np.float32)[:, None]
    grain = generator.normal(0, 1, (side - horizon, side)).astype(np.float32)
    grain = _floats(cv2.GaussianBlur(grain, (0, 0), sigmaX=side / 20, sigmaY=side / 60))
    shade = depth * (1 + 0.05 * grain / max(float(grain.std()), 1e-6))
    floor = _floats(ground) * _floats(light.tint) * shade[..., None]
    return np.concatenate((sky, floor)).clip(0, 1)


def _put(pixels: Floats, corner: tuple[int, int], size: int, side: int) -> Floats:
    """Return RGBA (side, side, 4) with the cut-out at a size, its upper left corner at (x, y)."""
    premultiplied = pixels[..., :3] * pixels[..., 3:]
    layers = np.dstack((premultiplied, pixels[..., 3]))
    small = _floats(cv2.resize(layers, (size, size), interpolation=cv2.INTER_AREA))
    small[..., :3] /= np.maximum(small[..., 3:], 1e-6)
    whole = np.zeros((side, side, 4), np.float32)
    left, top = corner
    y, x = max(top, 0), max(left, 0)
    part = small[y - top : side - top, x - left : side - left]
    whole[y : y + part.shape[0], x : x + part.shape[1]] = part
    return whole.clip(0, 1)


def _lit_over(scene: Floats, pixels: Floats, light: Light, towards: float) -> Floats:
    """Return a scene (H, W, 3) with RGBA over it that the light falls on, brighter on the side it comes from."""
    alpha = pixels[..., 3:]
    columns = np.flatnonzero(alpha.any(axis=(0, 2)))
    if not len(columns):
        return scene
    place = (np.arange(alpha.shape[1], dtype=np.float32) - columns.mean()) / max(np.ptp(columns) / 2, 1)
    side = 1 + 0.22 * light.shadow * towards * place.clip(-1, 1)
    lit = (pixels[..., :3] * _floats(light.tint) * side[None, :, None]).clip(0, 1)
    return scene * (1 - alpha) + lit * alpha


def _with_shadow(scene: Floats, alpha: Floats, light: Light, towards: float) -> Floats:
    """Return a scene (H, W, 3) with the shadow of a cut-out, flat on the ground and away from the light."""
    rows = np.flatnonzero(alpha.max(axis=1) > 0.5)
    if not len(rows):
        return scene
    foot, flat = float(rows[-1]), 0.28
    lean = -towards * (0.35 + light.height)
    # the height above the foot becomes a way along the ground: to the side, and a little backwards
    matrix = _floats([[1, -lean, lean * foot], [0, flat, foot * (1 - flat)]])
    shadow = cv2.warpAffine(alpha, matrix, (alpha.shape[1], alpha.shape[0]))
    shadow = _floats(cv2.GaussianBlur(shadow, (0, 0), alpha.shape[0] / 60))
    return scene * (1 - light.shadow * shadow[..., None])


def _floats(values: object) -> Floats:
    return np.asarray(values, np.float32)


def _eight_bit(values: Floats) -> NDArray[np.uint8]:
    return np.rint(values.clip(0, 1) * 255).astype(np.uint8)
