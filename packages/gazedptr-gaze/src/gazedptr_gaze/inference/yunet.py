"""Faces by YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023), which OpenCV runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, one_line
from visioncore.extras import require
from visioncore.files import check_regular

from ..data.head_pose import FIVE_POINTS
from .faces import Face

__all__ = ["YuNetFinder"]

SIDES = (640, 1280)
"""To which the longer side of an image is resized: first the one, and the other if no face is found."""
OVERLAP = 0.3


class YuNetFinder:
    """Finds faces, also many small ones, with the centres of the eyes, the tip of the nose, the corners of the mouth.

    Args:
        path: its weights, such as yunet_n_640_640.onnx.
        least_score: detections of lower scores are no faces.

    Raises:
        InputError: if the file is another.
    """

    def __init__(self, path: str | Path, least_score: float = 0.7) -> None:
        cv2 = require("cv2", "images")
        path = Path(path)
        check_regular(path)
        try:
            self._detector = cv2.FaceDetectorYN.create(str(path), "", (320, 320), least_score, OVERLAP)
            self._detector.detect(np.zeros((320, 320, 3), np.uint8))
        except cv2.error as error:
            raise InputError(f"{path}: OpenCV cannot run this as YuNet ({one_line(error.err)})") from error

    def __call__(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces in an image (H, W, 3) of RGB, the surest first."""
        cv2 = require("cv2", "images")
        height, width = image.shape[:2]
        for side in SIDES:
            factor = side / max(height, width)
            size = (max(round(width * factor), 1), max(round(height * factor), 1))
            way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
            self._detector.setInputSize(size)
            _, rows = self._detector.detect(cv2.resize(image[..., ::-1], size, interpolation=way))
            if rows is not None:
                # a row is a box, five points, a score
                scale = np.array([width / size[0], height / size[1]])
                points = (rows[:, 4:14].reshape(-1, 5, 2).astype(np.float64) + 0.5) * scale - 0.5
                return [Face(five, float(row[14]), model=FIVE_POINTS) for five, row in zip(points, rows, strict=True)]
        return []
