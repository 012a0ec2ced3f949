"""SemanticKITTI, and ScribbleKITTI, which has other labels for the same scans."""

from __future__ import annotations

from pathlib import Path

from visioncore.errors import InputError, some
from visioncore.files import natural_key

from ..classes import SEMANTICKITTI
from ..formats import find_segments, read_labels, read_scan
from ..frame import Camera, Frame, Scan
from .kitti_calibration import read_calibration

SPLITS = {
    "train": ("00", "01", "02", "03", "04", "05", "06", "07", "09", "10"),
    "val": ("08",),
    "test": tuple(f"{number}" for number in range(11, 22)),
}
"""Sequences of each split."""

_PLACES = (".", "dataset", "raw/dataset")
_IMAGES = "image_2"


class SemanticKITTI:
    """The scans of a split, in the order of their sequences.

    Args:
        root: with ``sequences``, or ``dataset/sequences``.
        split: ``train`` (19 130 scans), ``val`` (4071), ``test``, or a sequence such as ``08``.
        labels: ``labels``, or ``scribbles`` for ScribbleKITTI.
        segments: a folder with ``<sequence>/<scan>.png`` for each image of the left colour camera; None for none.
        semantic: ids of these segments mean the same category in every image.
        cameras: whether frames have cameras.

    Raises:
        InputError: if there is no such data or split.
    """

    classes = SEMANTICKITTI

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        *,
        labels: str = "labels",
        segments: str | Path | None = None,
        semantic: bool = True,
        cameras: bool = True,
    ) -> None:
        self.labels, self.segments = labels, Path(segments) if segments is not None else None
        self.semantic, self.cameras = semantic and segments is not None, cameras
        places = [Path(root) / place / "sequences" for place in _PLACES]
        found = next((place for place in places if place.is_dir()), None)
        if found is None:
            raise InputError(f"{root}: has no folder sequences; name the folder that holds it")
        sequences = SPLITS.get(split, (split,))
        folders = [found / sequence / "velodyne" for sequence in sequences]
        self.scans = [path for folder in folders for path in sorted(folder.glob("*.bin"), key=natural_key)]
        if not self.scans:
            raise InputError(f"{found}: no scan of {split} in it, which is in {some(sequences)}")
        self.scenes = [path.parents[1].name for path in self.scans]
        self.names = [f"{scene}-{path.stem}" for scene, path in zip(self.scenes, self.scans, strict=True)]

    def __len__(self) -> int:
        return len(self.scans)

    def __getitem__(self, index: int) -> Frame:
        """Return a scan with its labels, and the left colour camera where its images are there.

        Raises:
            InputError: if a file is missing or bad.
        """
        path = self.scans[index]
        sequence = path.parents[1]
        scan = read_scan(path)
        labels = instances = None
        if (sequence / self.labels).is_dir():
            label_path = sequence / self.labels / f"{path.stem}.label"
            if not label_path.is_file():
                raise InputError(f"{label_path}: no such labels, which other scans of the sequence have")
            raw = read_labels(label_path, len(scan))
            labels, instances = self.classes.classes_of(raw.ids, label_path), raw.instances
        scan = Scan(scan.points, scan.intensity, labels, instances, self.names[index])
        seen = [self._camera(sequence, path.stem)] if self.cameras and (sequence / _IMAGES).is_dir() else []
        return Frame(scan, seen, sequence.name, self.semantic)

    def _camera(self, sequence: Path, stem: str) -> Camera:
        calibration = read_calibration(sequence / "calib.txt")
        key = f"{sequence.name}/{stem}"
        camera = Camera(_IMAGES, sequence / _IMAGES / f"{stem}.png", *calibration, key=key)
        return camera if self.segments is None else find_segments(self.segments, camera)
