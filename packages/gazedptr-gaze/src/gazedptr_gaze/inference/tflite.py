"""Networks in TensorFlow Lite files, and the squares of an image that they look at."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, one_line
from visioncore.extras import require

__all__ = ["BlazeFace", "TFLite", "installed", "square", "warped"]

Floats = NDArray[np.floating]

OVERLAP = 0.3
"""Share of their union from which on two detections are one face."""


def installed() -> bool:
    """Return whether there is what runs these networks."""
    return importlib.util.find_spec("ai_edge_litert") is not None


class TFLite:
    """A network of one image in a TensorFlow Lite file.

    Args:
        content: of the file.
        name: what it is called in errors.

    Raises:
        InputError: if it is no such network.
    """

    def __init__(self, content: bytes, name: str) -> None:
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._run: Any = Interpreter(model_content=content, num_threads=2)
            self._run.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{name}: not a TensorFlow Lite network ({one_line(error)})") from error
        given = self._run.get_input_details()[0]
        self._input = given["index"]
        self.side = int(given["shape"][1])
        """Of the square images that it takes, in pixels."""
        self._outputs = [each["index"] for each in self._run.get_output_details()]

    def __call__(self, image: Floats) -> list[Floats]:
        """Return the outputs, each without the axis of the batch, for an image (S, S, 3)."""
        self._run.set_tensor(self._input, image[None].astype(np.float32))
        self._run.invoke()
        return [self._run.get_tensor(index)[0].copy() for index in self._outputs]


class BlazeFace:
    """The detector of faces (Bazarevsky et al., "BlazeFace", 2019).

    Args:
        network: takes an image with values from -1 to 1.
        cells: (cells of a side, anchors in each) of the grids, in the order of the outputs.
        least_score: detections of lower scores are no faces.
    """

    def __init__(self, network: TFLite, cells: tuple[tuple[int, int], ...], least_score: float) -> None:
        self._network, self.least_score = network, least_score
        grids = []
        for count, each in cells:
            where = (np.arange(count) + 0.5) / count
            grids.append(np.stack(np.meshgrid(where, where), axis=-1).reshape(-1, 1, 2).repeat(each, axis=0))
        self._anchors = np.concatenate(grids)

    def __call__(self, image: NDArray[np.uint8]) -> list[Floats]:
        """Return faces as points (8, 2) in pixels: centre, size, right eye, left eye, nose, mouth, ears."""
        height, width = image.shape[:2]
        side, small = max(height, width), self._network.side
        into = np.array([[1, 0, (side - width) / 2], [0, 1, (side - height) / 2]]) * (small / side)
        raw, scores = self._network(2 * warped(image, into, small) - 1)
        points = raw.reshape(-1, 8, 2) / small
        points[:, [0, *range(2, 8)]] += self._anchors
        points *= side
        points[:, [0, *range(2, 8)]] -= [(side - width) / 2, (side - height) / 2]
        sure = 1 / (1 + np.exp(-scores.ravel().clip(-50, 50)))
        kept: list[Floats] = []
        for candidate in np.argsort(-sure):
            if sure[candidate] < self.least_score:
                break
            if all(_shared(points[candidate], other) < OVERLAP for other in kept):
                kept.append(points[candidate])
        return kept


def square(centre: Floats, along: Floats, size: float, side: int) -> Floats:
    """Return the map (2, 3) of a turned square of an image to an upright one of ``side`` pixels."""
    direction = along / np.linalg.norm(along) * (side / size)
    turn = np.array([[direction[0], direction[1]], [-direction[1], direction[0]]])
    return np.column_stack([turn, (side - 1) / 2 - turn @ centre])


def warped(image: NDArray[np.uint8], into: Floats, side: int) -> Floats:
    """Return an image through a map, with values from 0 to 1."""
    cv2 = require("cv2", "images")
    factor = np.linalg.norm(into[0, :2])
    if factor < 0.5:  # without aliasing
        image = cv2.blur(image, (round(0.5 / factor) * 2 + 1,) * 2)
    small: Floats = cv2.warpAffine(image, into, (side, side), flags=cv2.INTER_LINEAR).astype(np.float32) / 255
    return small


def back(points: Floats, into: Floats) -> Floats:
    """Return points (N, 2) of a square in the image that it was warped from by the map ``into``."""
    inverse: Floats = require("cv2", "images").invertAffineTransform(into)
    return points @ inverse[:, :2].T + inverse[:, 2]


def _shared(a: Floats, b: Floats) -> float:
    """Return the share of two boxes' union that they have in common."""
    low = np.maximum(a[0] - a[1] / 2, b[0] - b[1] / 2)
    high = np.minimum(a[0] + a[1] / 2, b[0] + b[1] / 2)
    common = float((high - low).clip(0).prod())
    return common / (float(a[1].prod() + b[1].prod()) - common)
