"""Drawn people before a wall, who bend, wave or jump: clips that everyone may show and pass on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .clips import Clip, Pixels

ACTIONS = ("bend", "one-hand wave", "two-hands wave", "jumping jack")
"""Labels, in the words of the real clips."""
SIDE = 64
"""Height and width of the frames."""
PERIOD = {"bend": 62, "one-hand wave": 26, "two-hands wave": 26, "jumping jack": 27}
"""Frames, on average, after which they do it again."""
_DRAWN = 2 * SIDE

Floats = NDArray[np.float64]
Arm = tuple[float, float]
"""Angles of the upper arm and of the forearm, in degrees away from straight down."""


class Bone(NamedTuple):
    """A limb, as a line with round ends; all in units of the person's height, from the middle of the ground."""

    colour: str
    start: Floats
    end: Floats
    thickness: float


@dataclass(frozen=True)
class DrawnPerson:
    """A person who does one thing.

    Attributes:
        action: one of `ACTIONS`.
        seed: decides body, clothes, wall, place, speed and phase.
        length: frames.
        fps: frames per second.
    """

    action: str
    seed: int
    length: int = 64
    fps: float | None = 25.0

    @property
    def path(self) -> None:
        """Nothing is read."""
        return None

    def read(self, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Yield frames (64, 64, 3) by number."""
        rng = np.random.default_rng([self.seed, ACTIONS.index(self.action)])
        wall, colours = _wall(rng), _colours(rng)
        height, build = _DRAWN * rng.uniform(0.7, 0.78), rng.uniform(0.9, 1.15)
        foot = np.array([rng.uniform(0.44, 0.56), rng.uniform(0.97, 1.03)]) * _DRAWN
        side = int(rng.choice([-1, 1]))
        period, phase = PERIOD[self.action] * rng.uniform(0.85, 1.2), rng.random()
        ruler = np.arange(_DRAWN, dtype=np.float64) + 0.5
        for number in numbers:
            pixels = wall.copy()
            for bone in skeleton(self.action, number / period + phase, side):
                start, end = foot + height * bone.start, foot + height * bone.end
                cover = _capsule(ruler, start, end, height * bone.thickness * build)
                pixels += cover[..., None] * (colours[bone.colour] - pixels)
            small = pixels.reshape(SIDE, 2, SIDE, 2, 3).mean(axis=(1, 3))
            yield (255 * small.clip(0, 1)).round().astype(np.uint8)


def skeleton(action: str, time: float, side: int) -> list[Bone]:
    """Return the limbs of a person, those behind first.

    Args:
        action: one of `ACTIONS`.
        time: in repetitions.
        side: 1 or -1, where the waving hand is, or where the person looks.
    """
    swing = 0.5 - 0.5 * float(np.cos(2 * np.pi * time))
    if action == "bend":
        return _from_the_side(100 * swing, side)
    if action == "jumping jack":
        arm = 12 + 155 * swing
        return _from_the_front((arm, arm), (arm, arm), 4 + 20 * swing)
    waving = 82 + 58 * swing, 85 + 110 * swing
    other = waving if action == "two-hands wave" else (8.0, 5.0)
    return _from_the_front(waving, other, 5) if side < 0 else _from_the_front(other, waving, 5)


def _from_the_front(left: Arm, right: Arm, legs: float) -> list[Bone]:
    # feet stay on the ground: with the legs apart, all is lower
    hip = np.array([0, -0.47 * float(np.cos(np.radians(legs)))])
    neck = hip + np.array([0, -0.33])
    bones = [
        Bone(
            "trousers",
            hip + np.array([0.05 * side, 0]),
            hip + np.array([0.05 * side, 0]) + 0.48 * _ray(legs, side),
            0.05,
        )
        for side in (-1, 1)
    ]
    bones += [
        Bone("shirt", hip + np.array([0, -0.05]), neck + np.array([0, 0.07]), 0.095),
        Bone("skin", neck, neck + np.array([0, -0.04]), 0.03),
        Bone("skin", neck + np.array([0, -0.1]), neck + np.array([0, -0.07]), 0.055),
        Bone("hair", neck + np.array([0, -0.13]), neck + np.array([0, -0.12]), 0.055),
    ]
    for (upper, lower), side in ((left, -1), (right, 1)):
        shoulder = neck + np.array([0.09 * side, 0.04])
        elbow = shoulder + 0.17 * _ray(upper, side)
        hand = elbow + 0.17 * _ray(lower, side)
        bones += [
            Bone("shirt", shoulder, elbow, 0.036),
            Bone("shirt", elbow, hand, 0.032),
            Bone("skin", hand, hand + 0.05 * _ray(lower, side), 0.026),
        ]
    return bones


def _from_the_side(lean: float, side: int) -> list[Bone]:
    hip = np.array([-0.12 * side * float(np.sin(np.radians(lean))), -0.47])
    up = _ray(180 - lean, side)
    neck = hip + 0.33 * up
    shoulder = hip + 0.29 * up
    hand = shoulder + 0.36 * _ray(0.25 * lean, side)
    return [
        Bone("trousers", hip, np.array([0.02 * side, 0]), 0.06),
        Bone("shirt", hip + 0.04 * up, hip + 0.26 * up, 0.08),
        Bone("skin", neck, neck + 0.1 * up, 0.05),
        Bone("hair", neck + 0.13 * up, neck + 0.11 * up, 0.05),
        Bone("shirt", shoulder, hand, 0.034),
        Bone("skin", hand, hand + 0.04 * _ray(0.25 * lean, side), 0.026),
    ]


def _ray(angle: float, side: int) -> Floats:
    """Direction at an angle in degrees from straight down to one side."""
    turn = np.radians(angle)
    return np.array([side * np.sin(turn), np.cos(turn)])


def _capsule(ruler: Floats, start: Floats, end: Floats, radius: float) -> Floats:
    """How much of each pixel (H, W) a line with round ends covers."""
    along = end - start
    x, y = ruler[None] - start[0], ruler[:, None] - start[1]
    share = np.clip((x * along[0] + y * along[1]) / max(float(along @ along), 1e-9), 0, 1)
    return np.clip(radius + 0.5 - np.hypot(x - share * along[0], y - share * along[1]), 0, 1)


def _wall(rng: np.random.Generator) -> Floats:
    """Colours (H, W, 3) of a wall with upright streaks."""
    base = rng.uniform(0.45, 0.65) + rng.uniform(-0.04, 0.04, 3)
    streaks = np.zeros((_DRAWN, _DRAWN))
    for height, width, strength in ((16, 64, 0.05), (8, 16, 0.025), (64, 64, 0.015)):
        coarse = rng.normal(0, strength, (height, width))
        streaks += np.kron(coarse, np.ones((_DRAWN // height, _DRAWN // width)))
    return base + streaks[..., None]


def _colours(rng: np.random.Generator) -> dict[str, Floats]:
    dark = rng.uniform(0.12, 0.4, (2, 3))
    return {
        "shirt": dark[0],
        "trousers": dark[1],
        "skin": np.array([0.72, 0.55, 0.45]) * rng.uniform(0.7, 1.1),
        "hair": np.array([0.15, 0.12, 0.1]) * rng.uniform(0.6, 1.6),
    }


def drawn_people(count: int, length: int = SIDE, seed: int = 0) -> list[Clip]:
    """Return clips of drawn people; one action after the other is taken, and is the clip's label.

    Args:
        count: how many.
        length: frames of each.
        seed: decides what they look like.
    """
    return [
        Clip(f"drawn {number}", DrawnPerson(action, seed + number, length), label=action, texts=((action,),))
        for number, action in ((n, ACTIONS[n % len(ACTIONS)]) for n in range(count))
    ]
