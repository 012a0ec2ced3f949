"""Gazes drawn on an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visioncore.extras import require

from .seen_face import SeenFace

BOX, ARROW, TEXT = (90, 200, 90), (255, 60, 30), (255, 255, 255)
"""RGB."""
LENGTH = 0.9
"""Of the arrow of a gaze across the line of sight, over the side of the face's box."""


def draw_gaze(
    image: NDArray[np.uint8],
    seen: SeenFace,
    vector: NDArray[np.floating],
    degrees: NDArray[np.floating],
    label: str,
) -> None:
    """Draw the box of a face, an arrow along its gaze, and its angles on an image (H, W, 3) of RGB, in place.

    Args:
        image: to be drawn on.
        seen: the face.
        vector: (3,) unit vector of the gaze in the frame of the camera; its part along the camera's axis is not seen.
        degrees: yaw and pitch, as they are told.
        label: a word behind them, such as the zone.
    """
    cv2 = require("cv2", "images")
    x0, y0, x1, y1 = (round(value) for value in seen.box)
    thick = max(1, round((x1 - x0) / 80))
    cv2.rectangle(image, (x0, y0), (x1, y1), BOX, thick)
    draw_arrow(image, seen, vector, ARROW)
    text = f"{degrees[0]:+.0f} {degrees[1]:+.0f} {label}".strip()
    size = max(0.4, (x1 - x0) / 260)
    x, y = max(x0, 0), max(y0 - 3 * thick, round(24 * size))
    # outlined by shifted copies: in OpenCV 5 thicker letters are wider too
    around = [(x + dx * thick, y + dy * thick) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    for place, colour in (*((each, (0, 0, 0)) for each in around), ((x, y), TEXT)):
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thick, cv2.LINE_AA)


def draw_arrow(
    image: NDArray[np.uint8], seen: SeenFace, vector: NDArray[np.floating], colour: tuple[int, int, int]
) -> None:
    """Draw an arrow from the middle of a face on an image (H, W, 3) of RGB, in place.

    Args:
        image: to be drawn on.
        seen: the face.
        vector: (3,) unit vector in the frame of the camera.
        colour: RGB.
    """
    cv2 = require("cv2", "images")
    x0, _, x1, _ = seen.box
    start = seen.face.landmarks.mean(axis=0)
    end = start + LENGTH * (x1 - x0) * np.asarray(vector)[:2]
    thick = 2 * max(1, round((x1 - x0) / 80))
    cv2.arrowedLine(image, _point(start), _point(end), colour, thick, cv2.LINE_AA, tipLength=0.2)


def _point(place: NDArray[np.floating]) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))
