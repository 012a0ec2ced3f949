"""The things that stand in a made-up street: vehicles, poles, plants, people, bicycles."""

from __future__ import annotations

import math

import numpy as np

from .ray_casting import BOX, CYLINDER, ELLIPSOID
from .street_builder import POLE, Builder

_SIZES = {4: (4.4, 1.8, 1.5), 10: (7.5, 2.4, 3.0), 3: (11.0, 2.6, 3.2), 9: (8.0, 2.4, 3.4), 5: (5.5, 2.4, 2.9)}


def vehicle(build: Builder, x: float, y: float, yaw: float, *, cars: float) -> float:
    """Set a car, or else a truck, bus, trailer or construction vehicle, and return its length."""
    rng = build.rng
    label = 4 if rng.random() < cars else int(rng.choice([10, 3, 9, 5], p=[0.4, 0.25, 0.15, 0.2]))
    long, wide, high = np.array(_SIZES[label]) * rng.uniform(0.85, 1.15, 3)
    look, thing, centre = build.look(label, 0.2 if label == 4 else 0.1), build.thing(), x + long / 2

    def part(along: float, low: float, top: float, share: float, across: float = 1.0) -> None:
        place = (centre + along * long * math.cos(yaw), y + along * long * math.sin(yaw), (low + top) / 2)
        size = (share * long, across * wide, top - low)
        build.add(BOX, place, size, label, look, yaw=yaw, thing=thing, windows=low > 0.5 and label in (3, 4))

    if label == 4:
        part(0, 0.25, 0.58 * high, 1)
        part(-0.05, 0.58 * high, high, rng.uniform(0.45, 0.6), 0.86)
    elif label == 10:
        part(0.38, 0.35, 0.8 * high, 0.24)
        part(-0.12, 0.6, high, 0.7)
    elif label == 3:
        part(0, 0.3, 0.35 * high, 1)
        part(0, 0.35 * high, high, 1, 0.98)
    elif label == 9:
        part(0, 0.9, high, 1)
        part(-0.3, 0.1, 0.9, 0.2)
    else:
        part(0, 0.2, 1.1, 0.8)
        part(-0.15, 1.1, high, 0.4, 0.7)
        part(0.45, 0.9, 1.4, 0.3, 0.25)
    return float(long)


def pole(build: Builder, x: float, y: float, base: float) -> None:
    colour, shine, _ = build.look(15)
    look, high = (np.clip(0.6 * colour, 0, 1), shine, POLE), build.rng.uniform(3, 8)
    thick = build.rng.uniform(0.14, 0.3)
    build.add(CYLINDER, (x, y, base + high / 2), (thick, thick, high), 15, look)
    if build.rng.random() < 0.4:
        plate = (np.clip(build.rng.uniform(0, 1, 3), 0.1, 0.9), 0.9, POLE)
        build.add(BOX, (x, y, base + build.rng.uniform(2.2, 2.8)), (0.06, 0.7, 0.7), 15, plate)


def plant(build: Builder, x: float, y: float) -> None:
    rng, look = build.rng, build.look(16)
    if rng.random() < 0.3:
        size = rng.uniform((0.8, 0.8, 0.7), (2.2, 2.2, 1.6))
        build.add(ELLIPSOID, (x, y, 0.3 + size[2] / 3), size, 16, look, sparse=0.15)
        return
    trunk, crown = rng.uniform(1.6, 3.2), rng.uniform((2, 2, 2.4), (5, 5, 5.5))
    bark = (np.array([0.32, 0.25, 0.18]) * rng.uniform(0.7, 1.2), look[1], look[2])
    build.add(CYLINDER, (x, y, trunk / 2), (0.3, 0.3, trunk + 0.8), 16, bark)
    build.add(ELLIPSOID, (x, y, trunk + 0.42 * crown[2]), crown, 16, look, sparse=0.3)


def person(build: Builder, x: float, y: float, base: float) -> None:
    look, thing = build.look(7, 0.25), build.thing()
    high = build.rng.uniform(1.5, 1.9)
    legs = (np.clip(look[0] * build.rng.uniform(0.4, 0.9), 0, 1), look[1], look[2])
    build.add(CYLINDER, (x, y, base + 0.25 * high), (0.34, 0.34, 0.5 * high), 7, legs, thing=thing)
    build.add(ELLIPSOID, (x, y, base + 0.66 * high), (0.42, 0.52, 0.46 * high), 7, look, thing=thing)
    skin = (np.array([0.75, 0.58, 0.48]) * build.rng.uniform(0.5, 1.1), look[1], look[2])
    build.add(ELLIPSOID, (x, y, base + 0.93 * high), (0.22, 0.22, 0.26), 7, skin, thing=thing)


def two_wheels(build: Builder, x: float, y: float, base: float, label: int) -> None:
    look, thing, yaw = build.look(label), build.thing(), float(build.rng.normal(0, 0.3))
    size = np.array((1.7, 0.12, 0.7) if label == 2 else (2.0, 0.45, 0.8)) * build.rng.uniform(0.9, 1.1)
    build.add(BOX, (x, y, base + 0.15 + size[2] / 2), size, label, look, yaw=yaw, thing=thing)
    build.add(BOX, (x, y, base + 0.95), (0.35, 0.5, 0.12), label, look, yaw=yaw, thing=thing)
