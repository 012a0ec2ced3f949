"""Faces by MediaPipe's ``.task`` file: 478 points, of which the corners and the irises count, without mediapipe."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, one_line
from visioncore.files import check_regular

from ..data.head_pose import FACE_AND_NOSE
from .face_mesh import CORNERS, MESH_MARGIN, NOSE
from .faces import Face
from .tflite import BlazeFace, TFLite, back, installed, square, warped

__all__ = ["TaskFinder"]

Floats = NDArray[np.floating]

CELLS = ((16, 2), (8, 6))
POINTS = 478
IRISES = (468, 473)
"""Points at the centres of the right and the left iris."""
MOST_BYTES = 50_000_000
"""Of a network in the file; the published ones have 3 million at most."""


class TaskFinder:
    """Finds faces that fill a good part of an image, or of its middle, with the irises.

    Args:
        path: the file, such as face_landmarker.task.
        least_score: detections and meshes of lower scores are no faces.

    Raises:
        InputError: if the file is another, or ai-edge-litert is not installed.
    """

    def __init__(self, path: str | Path, least_score: float = 0.5) -> None:
        self.least_score = least_score
        if not installed():
            raise InputError('ai_edge_litert is not installed; run: pip install "gazedptr-gaze[faces]"')
        path = Path(path)
        detector, self._mesh = (
            TFLite(content, f"{path}, {name}")
            for name, content in _members(path, "face_detector.tflite", "face_landmarks_detector.tflite").items()
        )
        self._detect = BlazeFace(detector, CELLS, least_score)

    def __call__(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces in an image (H, W, 3) of RGB, the surest first."""
        boxes = self._detect(image)
        if not boxes:
            # the detector does not see faces that are smaller than a sixth of its image
            height, width = image.shape[:2]
            top, left = height // 4, width // 4
            boxes = self._detect(np.ascontiguousarray(image[top : height - top, left : width - left]))
            for box in boxes:
                box[[0, *range(2, 8)]] += [left, top]
        found = (self._face(image, box) for box in boxes)
        return [face for face in found if face]

    def _face(self, image: NDArray[np.uint8], box: Floats) -> Face | None:
        into = square(box[0], box[3] - box[2], MESH_MARGIN * box[1].max(), self._mesh.side)
        raw, flag, *_ = self._mesh(warped(image, into, self._mesh.side))
        score = float(1 / (1 + np.exp(-flag.ravel()[0])))
        if score < self.least_score:
            return None
        points = back(raw.reshape(POINTS, 3)[:, :2], into)
        return Face(points[[*CORNERS, NOSE]], score, points[list(IRISES)], FACE_AND_NOSE)


def _members(path: Path, *names: str) -> dict[str, bytes]:
    check_regular(path)
    try:
        with ZipFile(path) as archive:
            if (largest := max((archive.getinfo(name).file_size for name in names), default=0)) > MOST_BYTES:
                raise InputError(f"{path}: a network of {largest:,} bytes; those of a face landmarker are smaller")
            return {name: archive.read(name) for name in names}
    except (OSError, BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path}: not MediaPipe's face_landmarker.task ({one_line(error)})") from error
