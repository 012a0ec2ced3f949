"""Where the object is that an image shows in place of a foreground: it may have grown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from visioncore.extras import require

from .areas import Mask, Pixels, box_of, covered, inside, opaque
from .colours import to_lab

Finder = Callable[[Pixels, Pixels, str], Mask]
"""An image (H, W, 3), the foreground (H, W, 4) that was given and its name -> the mask of the object found there."""
TOLERANCE = 10.0
"""Distance in CIELAB up to which two pixels are of one surface."""


def grown_mask(image: Pixels, foreground: Pixels, tolerance: float = TOLERANCE) -> Mask:
    """Return the object of a small drawing: the foreground, and what grows out of it in the same colours.

    A pixel outside is part of the object if its colour is that of the nearest opaque pixel of the foreground, as the
    image shows it, and such pixels lead to the foreground. A scene that has the colour of the foreground's edge is
    taken for growth, so the numbers are to be read beside those of the plain paste, which cannot grow.

    Args:
        image: (H, W, 3) RGB.
        foreground: (H, W, 4) RGB with straight alpha, of the same size.
        tolerance: distance in CIELAB.

    Raises:
        InputError: if the foreground is empty.
    """
    given = covered(foreground)
    box_of(given)
    cv2 = require("cv2", "images")
    core = opaque(foreground) if opaque(foreground).any() else given
    lab = to_lab(image)
    _, labels = cv2.distanceTransformWithLabels(
        (~core).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((int(labels.max()) + 1, 3), np.float32)
    colours[labels[core]] = lab[core]
    alike = np.linalg.norm(lab - colours[labels], axis=2) <= tolerance
    _, parts = cv2.connectedComponents((alike | given).astype(np.uint8), connectivity=4)
    return np.asarray(np.isin(parts, np.unique(parts[given])))


def by_colours(image: Pixels, foreground: Pixels, name: str) -> Mask:
    """Return the object of a small drawing, see `grown_mask`; the name does not matter."""
    return grown_mask(image, foreground)


class SegmentAnything:
    """The object that Segment Anything finds, asked with the foreground's box and its innermost points.

    Args:
        predictor: ``SamPredictor`` of the package segment-anything.
        points: how many are given.
    """

    def __init__(self, predictor: Any, points: int = 3) -> None:
        self._predictor, self._points = predictor, points

    def __call__(self, image: Pixels, foreground: Pixels, name: str = "") -> Mask:
        """Return the mask (H, W) of the object; the name does not matter.

        Raises:
            InputError: if the foreground is empty.
        """
        mask = inside(foreground)
        left, top, right, bottom = box_of(mask)
        self._predictor.set_image(np.ascontiguousarray(image))
        points = innermost(mask, self._points)
        masks, *_ = self._predictor.predict(
            point_coords=points.astype(np.float64),
            point_labels=np.ones(len(points), np.int64),
            box=np.array([left, top, right - 1, bottom - 1], np.float64),
            multimask_output=False,
        )
        return np.asarray(masks[0], bool)


def innermost(mask: Mask, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return points (n, 2), x and y, of a mask: the one that is farthest from its outside, then from those before."""
    cv2 = require("cv2", "images")
    left_over = np.pad(mask, 1).astype(np.uint8)
    points = []
    for _ in range(count):
        distances = cv2.distanceTransform(left_over, cv2.DIST_L2, 5)
        y, x = np.unravel_index(int(distances.argmax()), distances.shape)
        if not distances[y, x]:
            break
        points.append((int(x) - 1, int(y) - 1))
        left_over[y, x] = 0
    return np.array(points, np.int64).reshape(-1, 2)
