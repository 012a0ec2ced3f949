"""The layout of a made-up street: which bodies stand where, of which material; every scene is another street."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .ray_casting import BOX, ELLIPSOID, Floats, Ints, Solids
from .street_builder import ADE20K, Builder
from .street_things import person, plant, pole, two_wheels, vehicle

ROAD = 11
"""The class of the ground where nothing lies on it."""
LENGTH = 70.0
"""Half the length of the street in metres; it runs along x."""


@dataclass(frozen=True)
class Street:
    """A street with all that a sensor sees of it.

    Attributes:
        solids: P bodies.
        label: (P + 1,) class of nuScenes, 1 to 16; the last row, here and below, is the ground.
        category: (P + 1,) ADE20K category, 1 to 150, 0 for none.
        instance: (P + 1,) number of the thing it is part of, from 1; 0 for what is no thing.
        colour: (P + 1, 3) RGB in [0, 1].
        reflectivity: (P + 1,) in [0, 1].
        windows: (P + 1,) whether there are windows in it.
        sun: (3,) direction to the sun, unit length.
        light: (3,) colour of the light.
        ambient: share of the light that comes from everywhere, in [0, 1].
        haze: share of the sight that is lost in 100 m, in [0, 1].
        gain: of the LiDAR, about 1.
        lane: y of the lane on which the vehicle drives, in metres.
        width: of the road, in metres.
    """

    solids: Solids
    label: Ints
    category: Ints
    instance: Ints
    colour: Floats
    reflectivity: Floats
    windows: NDArray[np.bool_]
    sun: Floats
    light: Floats
    ambient: float
    haze: float
    gain: float
    lane: float
    width: float


def make_street(seed: int, *, mislabelled: float = 0.0) -> Street:
    """Return the street of a seed.

    Args:
        seed: of the scene; equal seeds give equal streets.
        mislabelled: share of things that the segmenter takes for something else.
    """
    rng = np.random.default_rng([seed, 0])
    build = Builder(rng, mislabelled)
    width = rng.uniform(10.5, 15)
    walk = rng.uniform(1.8, 4)
    crossing = (rng.uniform(-40, 40), rng.uniform(7, 11)) if rng.random() < 0.5 else (0.0, 0.0)
    for side in (-1, 1):
        for begin, end in _stretches(crossing):
            _roadside(build, side, begin, end, width / 2, walk)
    _traffic(build, width)
    kind, centre, half, yaw, sparse, label, category, thing, colour, shine, windows = build.columns()
    ground = build.look(ROAD, 0.02)
    azimuth, elevation = rng.uniform(0, 2 * math.pi), rng.uniform(0.4, 1.2)
    flat = math.cos(elevation)
    return Street(
        solids=Solids(
            kind.astype(np.int64),
            *(value.astype(np.float32) for value in (centre, half, yaw, sparse)),
        ),
        label=np.append(label, ROAD).astype(np.int64),
        category=np.append(category, ADE20K[ROAD]).astype(np.int64),
        instance=np.append(thing, 0).astype(np.int64),
        colour=np.concatenate((colour, ground[0][None])).astype(np.float32),
        reflectivity=np.append(shine, ground[1]).astype(np.float32),
        windows=np.append(windows, False).astype(bool),
        sun=np.array([flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation)], np.float32),
        light=(rng.uniform(0.6, 1.35) * np.clip(1 + rng.normal(0, 0.12, 3), 0.6, 1.4)).astype(np.float32),
        ambient=float(rng.uniform(0.3, 0.75)),
        haze=float(rng.uniform(0, 0.5)),
        gain=float(math.exp(rng.normal(0, 0.3))),
        lane=-_lane(width),
        width=float(width),
    )


def _lane(width: float) -> float:
    """Return how far from the middle of the road one drives, past those who park."""
    return float(min(0.22 * width, width / 2 - 3.8))


def _stretches(crossing: tuple[float, float]) -> list[tuple[float, float]]:
    middle, gap = crossing
    ends = [(-LENGTH, middle - gap / 2), (middle + gap / 2, LENGTH)] if gap else [(-LENGTH, LENGTH)]
    return [(begin, end) for begin, end in ends if end - begin > 4]


def _roadside(build: Builder, side: int, begin: float, end: float, edge: float, walk: float) -> None:
    """Lay pavement and verge, and set on them what stands beside a road."""
    rng, middle, length = build.rng, (begin + end) / 2, end - begin
    height, verge = rng.uniform(0.1, 0.2), rng.uniform(1, 9)
    build.add(BOX, (middle, side * (edge + walk / 2), height / 2), (length, walk, height), 13, build.look(13, 0.03))
    outer = edge + walk
    lawn = (length, verge + 30, 0.12)
    build.add(BOX, (middle, side * (outer + lawn[1] / 2), 0.06), lawn, 14, build.look(14, 0.03))
    front = outer + verge
    place = begin + rng.uniform(0, 4)
    crowded = rng.uniform(0.35, 1)
    while place < end - 4:
        wide = float(min(rng.uniform(6, 22), end - place))
        if rng.random() < crowded:
            deep, high, back = rng.uniform(6, 14), rng.uniform(4, 18), rng.uniform(0, 2)
            centre = (place + wide / 2, side * (front + back + deep / 2), high / 2)
            build.add(BOX, centre, (wide, deep, high), 15, build.look(15), windows=True)
        elif rng.random() < 0.6:
            centre = (place + wide / 2, side * (front + 0.5), 0.6)
            build.add(BOX, centre, (wide, 0.8, 1.4), 16, build.look(16), sparse=0.1)
        place += wide + rng.exponential(1.5)
    for x in np.arange(begin + rng.uniform(1, 8), end, rng.uniform(9, 25)):
        pole(build, float(x), side * (edge + 0.4), height)
    for x in np.cumsum(rng.exponential(rng.uniform(5, 22), 12)) + begin:
        if x < end - 1:
            plant(build, float(x), side * float(rng.uniform(edge + walk * 0.7, front)))
    for x in rng.uniform(begin, end, rng.poisson(length / 22)):
        person(build, float(x), side * float(rng.uniform(edge + 0.6, outer)), height)
    for x in rng.uniform(begin, end, rng.poisson(length / 60)):
        two_wheels(build, float(x), side * (edge + 0.8), height, int(rng.choice([2, 6])))
    if rng.random() < 0.35:
        long = float(min(rng.uniform(6, 25), length))
        at = float(rng.uniform(begin + long / 2, end - long / 2))
        build.add(BOX, (at, side * (edge + 0.25), 0.45), (long, 0.3, 0.9), 1, build.look(1), thing=build.thing())
    x = begin + rng.uniform(0, 8)
    while x < end - 6:
        if rng.random() < 0.55:
            x += vehicle(build, float(x), side * (edge - 1.15), float(rng.normal(0, 0.03)), cars=0.88)
        x += rng.uniform(1.5, 9)


def _traffic(build: Builder, width: float) -> None:
    """Set vehicles on the lanes, not where the recording one drives, and cones."""
    rng = build.rng
    for side in (-1, 1):
        x = -LENGTH + rng.uniform(0, 25)
        while x < LENGTH - 14:
            if side > 0 or abs(x + 4) > 22:
                x += vehicle(build, float(x), side * _lane(width), float(rng.normal(0, 0.05)), cars=0.6)
            x += rng.uniform(8, 45)
    if rng.random() < 0.5:
        for x in rng.uniform(5, 30) + np.arange(rng.integers(3, 7)) * rng.uniform(1.5, 3):
            look = build.look(8)
            centre = (float(x), -0.45 * width, 0.35)
            build.add(ELLIPSOID, centre, (0.45, 0.45, 0.95), 8, look, thing=build.thing())
