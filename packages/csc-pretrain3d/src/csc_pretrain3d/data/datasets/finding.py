"""Which data set a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from visioncore.errors import InputError

from .folder import LAYOUT, FolderFrames
from .frames import DataSet
from .kitti_object import KITTIObject
from .nuscenes import NuScenes
from .semantickitti import SemanticKITTI


def open_frames(
    data: str | Path,
    split: str | None = None,
    *,
    segments: str | Path | None = None,
    semantic: bool = True,
    labels: str | None = None,
    cameras: bool = True,
    own_segments: bool = True,
) -> DataSet:
    """Return the frames of a data set, which is recognised by its folders.

    Args:
        data: nuScenes (with ``v1.0-*``), SemanticKITTI (``sequences``), KITTI objects (``velodyne``), or a folder of
            one's own (``scans``, see `FolderFrames`).
        split: a part of it; None for ``train``, of KITTI objects and a folder for all.
        segments: a folder of segments; a folder of one's own has them inside.
        semantic: ids of segments mean the same category in every image.
        labels: ``panoptic`` for nuScenes, ``scribbles`` for SemanticKITTI; None for the usual ones.
        cameras: whether frames have cameras, which fine-tuning does not need.
        own_segments: whether those inside a folder of one's own are read, which may still be incomplete.

    Raises:
        InputError: if it is none of these, or something in it is bad.
    """
    folder = Path(data)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    options: dict[str, Any] = {"segments": segments, "semantic": semantic, "cameras": cameras}
    if any(folder.glob("v1.0-*")):
        _check(folder, labels, (None, "lidarseg", "panoptic"))
        return NuScenes(folder, split or "train", panoptic=labels == "panoptic", **options)
    if any((folder / place).is_dir() for place in ("sequences", "dataset/sequences", "raw/dataset/sequences")):
        _check(folder, labels, (None, "labels", "scribbles"))
        return SemanticKITTI(folder, split or "train", labels=labels or "labels", **options)
    _check(folder, labels, (None,))
    if (folder / "velodyne").is_dir():
        _check(folder, split, (None, "all"))
        return KITTIObject(folder, **options)
    if (folder / "scans").is_dir():
        _check(folder, segments, (None,))
        return FolderFrames(folder, split or "all", semantic=semantic, cameras=cameras, segments=own_segments)
    raise InputError(
        f"{folder}: no data set; nuScenes has v1.0-trainval in it, SemanticKITTI sequences, KITTI velodyne, and a "
        f"folder of your own {LAYOUT}"
    )


def _check(folder: Path, given: object, known: tuple[object, ...]) -> None:
    if given not in known:
        raise InputError(f"{folder}: {given} means nothing for this data set; leave it out")
