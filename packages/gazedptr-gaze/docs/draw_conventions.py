"""Draws conventions.png: the frame of the camera, and how yaw and pitch of four gazes come out in it.

python draw_conventions.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gazedptr_gaze.data.conventions import gazehub_angles, official_angles, official_vectors
from gazedptr_gaze.data.normalisation import DISTANCE

GAZES = {"image right": (0.45, 0.0), "image left": (-0.45, 0.0), "image down": (0.0, 0.45), "image up": (0.0, -0.45)}
"""Official (yaw, pitch) in radians."""


def draw_frames(axes: Axes) -> None:
    """Draw camera, face and virtual camera as seen from above: x to the right, z upwards."""
    face = np.array([-160.0, 760.0])
    away = face / np.linalg.norm(face)
    virtual, across = face - DISTANCE * away, np.array([away[1], -away[0]])
    gaze = official_vectors((0.45, 0.0))[[0, 2]]
    for start, step, name, colour in (
        ((0, 0), (120, 0), "x", "tab:blue"),
        ((0, 0), (0, 120), "z", "tab:blue"),
        (virtual, 170 * across, "x, normalised", "tab:orange"),
        (virtual, 170 * away, "z, normalised: camera axis", "tab:orange"),
        (face, 260 * gaze, "gaze", "tab:red"),
    ):
        end = np.add(start, step)
        axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
        axes.annotate(name, end, (5, 4), textcoords="offset points", color=colour)
    axes.plot(*face, "o", ms=22, color="0.8")
    axes.plot([0, face[0]], [0, face[1]], ":", color="0.5")
    axes.annotate("600 mm", (face + virtual) / 2, (-48, 0), textcoords="offset points", color="0.4")
    axes.annotate("face; gaze origin in mm", face, (-70, 16), textcoords="offset points")
    axes.annotate("camera; y goes down, into the page", (0, 0), (-60, -18), textcoords="offset points")
    axes.set(xlim=(-360, 360), ylim=(-90, 900), aspect="equal", title="from above (mm)")
    axes.axis("off")


def draw_gazes(axes: Axes) -> None:
    """Draw four gazes as they look in an image, with their angles in both conventions."""
    axes.plot(0, 0, "o", ms=90, color="0.9")
    axes.plot([-0.07, 0.07], [-0.05, -0.05], "o", ms=9, color="0.35")
    for name, angles in GAZES.items():
        vector = official_vectors(angles)
        signs = [
            ", ".join({1: "+", -1: "-", 0: "0"}[int(np.sign(round(float(angle), 9)))] for angle in convert(vector))
            for convert in (official_angles, gazehub_angles)
        ]
        x, y = vector[:2]
        axes.annotate("", (x, y), (0.35 * x, 0.35 * y), arrowprops={"arrowstyle": "-|>", "color": "tab:red", "lw": 2})
        text = f"{name}\nofficial ({signs[0]})\ngazehub ({signs[1]})"
        axes.annotate(text, (1.12 * x, 1.12 * y), ha=_side(x, "left", "right"), va=_side(y, "top", "bottom"))
    axes.set(xlim=(-1.05, 1.05), ylim=(0.85, -0.85), aspect="equal", title="in the image: signs of (yaw, pitch)")
    axes.axis("off")


def _side(value: float, positive: str, negative: str) -> str:
    return "center" if abs(value) < 1e-9 else positive if value > 0 else negative


def main(path: Path) -> None:
    """Write the figure."""
    mpl.use("agg")
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_frames(left)
    draw_gazes(right)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main(Path(__file__).with_name("conventions.png"))
