"""How drawn people move: the joints of a body, as a function of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, radians, sin
from typing import NamedTuple

import numpy as np

Point = tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """Angles in degrees from hanging down, outwards or forwards; what is first belongs to the side that acts.

    Attributes:
        shoulders: of the upper arms.
        elbows: of the forearms, on top of that.
        hips: of the thighs.
        knees: of the shins, on top of that.
        lean: of the torso, forwards.
        hop: above the ground, in heights of the body.
        front: seen from the front; otherwise from the side.
    """

    shoulders: Point = (8, 8)
    elbows: Point = (6, 6)
    hips: Point = (4, 4)
    knees: Point = (0, 0)
    lean: float = 0
    hop: float = 0
    front: bool = True


class Bone(NamedTuple):
    """A thick line of the body, in heights of the body from the ground below its middle; down is positive."""

    part: str
    start: Point
    end: Point


def _up(time: float) -> float:
    """Return 0 at whole times and 1 between them."""
    return (1 - cos(2 * pi * time)) / 2


def _turn(time: float) -> float:
    return sin(2 * pi * time)


def _clap(time: float) -> Pose:
    return Pose(shoulders=(28 + 30 * _up(time),) * 2, elbows=(-95 - 25 * _up(time + 0.5),) * 2)


def _march(time: float) -> Pose:
    one, other = max(_turn(time), 0), max(-_turn(time), 0)
    return Pose(
        (-20 * _turn(time), 20 * _turn(time)), (40, 40), (85 * one, 85 * other), (-85 * one, -85 * other), front=False
    )


def _walk(time: float) -> Pose:
    swing = 27 * _turn(time)
    bend = (-28 * max(_turn(time + 0.25), 0), -28 * max(_turn(time + 0.75), 0))
    return Pose((-swing, swing), (18, 18), (swing, -swing), bend, lean=3, front=False)


def _punch(time: float) -> Pose:
    one, other = max(_turn(time), 0), max(-_turn(time), 0)
    arms = (35 + 55 * one, 35 + 55 * other)
    return Pose(arms, (100 - 95 * one, 100 - 95 * other), (14, -14), (-10, -10), lean=5, front=False)


def _squat(time: float) -> Pose:
    down = _up(time)
    return Pose((10 + 75 * down,) * 2, (5, 5), (95 * down,) * 2, (-115 * down,) * 2, lean=30 * down, front=False)


def _jump(time: float) -> Pose:
    down, air = max(_turn(time), 0), max(-_turn(time), 0)
    return Pose(
        (150 * air - 25 * down,) * 2, (10, 10), (60 * down,) * 2, (-90 * down,) * 2, 25 * down, 0.14 * air, False
    )


def _jack(time: float) -> Pose:
    out = _up(time)
    return Pose((10 + 158 * out,) * 2, (8 + 8 * out,) * 2, (3 + 20 * out,) * 2, hop=0.05 * abs(_turn(time)))


class Motion(NamedTuple):
    """An action of drawn people."""

    pose: Callable[[float], Pose]
    cycles: Point
    """How many repetitions a clip has, at least and at most."""
    once: bool = False
    """The clip begins where the motion does."""


MOTIONS: dict[str, Motion] = {
    "bending forward": Motion(
        lambda t: Pose(
            (5 + 20 * _up(t),) * 2, (5, 5), (12 * _up(t),) * 2, (-18 * _up(t),) * 2, 105 * _up(t), front=False
        ),
        (0.9, 1.2),
        once=True,
    ),
    "waving one hand": Motion(lambda t: Pose((100 + 55 * _up(t), 8), (12 + 35 * _up(t), 6)), (1.5, 4)),
    "waving both hands": Motion(lambda t: Pose((92 + 62 * _up(t),) * 2, (5 + 35 * _up(t),) * 2), (1.5, 4)),
    "doing jumping jacks": Motion(_jack, (2, 5)),
    "clapping hands": Motion(_clap, (2, 6)),
    "lifting both arms": Motion(lambda t: Pose((8 + 165 * _up(t),) * 2), (0.9, 1.2), once=True),
    "walking": Motion(_walk, (1.5, 4)),
    "marching with high knees": Motion(_march, (1.5, 4)),
    "kicking with a leg": Motion(
        lambda t: Pose((-25 * _up(t), 25), (20, 20), (88 * _up(t), 0), (-12, 0), lean=-10 * _up(t), front=False),
        (1.5, 3.5),
    ),
    "punching": Motion(_punch, (2, 5)),
    "squatting": Motion(_squat, (1, 3)),
    "jumping up": Motion(_jump, (1.5, 3.5)),
}
"""Label -> how one moves."""


def skeleton(action: str, time: float, side: int, sway: np.ndarray) -> list[Bone]:
    """Return the bones of a body, those behind first.

    Args:
        action: one of `MOTIONS`.
        time: in repetitions of the motion.
        side: 1 or -1: which side acts, or where one faces.
        sway: (2,), small shares of the angles of arms and legs that are this body's own.
    """
    pose = MOTIONS[action].pose(time)
    signs = (side, -side) if pose.front else (side, side)
    arms, legs = (1 + float(share) for share in sway)
    lean = side * radians(pose.lean) if not pose.front else 0.0
    half = (0.1, 0.05) if pose.front else (0.015, 0.01)
    limbs = []
    for place, sign in enumerate(signs):
        out = 1 if place == 0 else -1
        hip = (side * out * half[1], 0.0)
        knee = _from(hip, 0.245, sign * pose.hips[place] * legs)
        ankle = _from(knee, 0.235, sign * (pose.hips[place] * legs + pose.knees[place]))
        limbs.append((out, sign, hip, knee, ankle))
    lift = -pose.hop - max(ankle[1] for *_, ankle in limbs) - 0.03
    neck = (0.3 * sin(lean), lift - 0.3 * cos(lean))
    head = (neck[0] + 0.1 * sin(lean * 0.8), neck[1] - 0.1 * cos(lean * 0.8))
    hair = (head[0] - (0 if pose.front else side * 0.02), head[1] - 0.025)
    bones, front = [], []
    for place, (out, sign, hip, knee, ankle) in enumerate(limbs):
        hip, knee, ankle = (_moved(point, lift) for point in (hip, knee, ankle))
        toe = (ankle[0] + sign * 0.035, ankle[1] + 0.01)
        bones += [Bone("leg", hip, knee), Bone("leg", knee, ankle), Bone("foot", ankle, toe)]
        shoulder = (neck[0] + side * out * half[0] * cos(lean) - 0.02 * sin(lean), neck[1] + 0.03)
        elbow = _from(shoulder, 0.16, sign * pose.shoulders[place] * arms)
        wrist = _from(elbow, 0.15, sign * (pose.shoulders[place] * arms + pose.elbows[place]))
        hand = _from(wrist, 0.035, sign * (pose.shoulders[place] * arms + pose.elbows[place]))
        front.append([Bone("arm", shoulder, elbow), Bone("arm", elbow, wrist), Bone("hand", wrist, hand)])
    top = (neck[0] - 0.07 * sin(lean), neck[1] + 0.07 * cos(lean))
    torso = Bone("chest", top, (0.0, lift - 0.03))
    behind, before = ([], [*front[0], *front[1]]) if pose.front else (front[1], front[0])
    return [*behind, *bones, torso, Bone("head", head, (head[0], head[1] + 0.02)), Bone("hair", hair, hair), *before]


def _from(start: Point, length: float, angle: float) -> Point:
    return start[0] + length * sin(radians(angle)), start[1] + length * cos(radians(angle))


def _moved(point: Point, down: float) -> Point:
    return point[0], point[1] + down
