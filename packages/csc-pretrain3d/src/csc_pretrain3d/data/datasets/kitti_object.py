"""Frames of KITTI's object benchmark: a scan and the left colour camera, without labels of points."""

from __future__ import annotations

from pathlib import Path

from visioncore.errors import InputError
from visioncore.files import natural_key

from ..classes import SEMANTICKITTI
from ..formats import find_segments, read_scan
from ..frame import Camera, Frame, Scan
from .kitti_calibration import read_calibration

_IMAGES = "image_2"


class KITTIObject:
    """The frames of a folder with ``velodyne``, ``image_2`` and ``calib``; each is a scene of its own.

    Args:
        root: such as ``training``.
        segments: a folder with ``<frame>.png`` for each image; None for none.
        semantic: ids of these segments mean the same category in every image.
        cameras: whether frames have cameras.

    Raises:
        InputError: if there is no scan.
    """

    classes = SEMANTICKITTI

    def __init__(
        self, root: str | Path, *, segments: str | Path | None = None, semantic: bool = True, cameras: bool = True
    ) -> None:
        self.root, self.segments = Path(root), Path(segments) if segments is not None else None
        self.semantic, self.cameras = semantic and segments is not None, cameras
        self.names = [path.stem for path in sorted((self.root / "velodyne").glob("*.bin"), key=natural_key)]
        self.scenes = self.names
        if not self.names:
            raise InputError(f"{self.root}: no scan in velodyne; name the folder training or testing of KITTI")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Frame:
        """Return a scan and its camera.

        Raises:
            InputError: if a file is missing or bad.
        """
        name = self.names[index]
        scan = read_scan(self.root / "velodyne" / f"{name}.bin")
        scan = Scan(scan.points, scan.intensity, name=name)
        return Frame(scan, [self._camera(name)] if self.cameras else [], name, self.semantic)

    def _camera(self, name: str) -> Camera:
        image, calibration = self.root / _IMAGES / f"{name}.png", read_calibration(self.root / "calib" / f"{name}.txt")
        camera = Camera(_IMAGES, image, *calibration, key=name)
        return camera if self.segments is None else find_segments(self.segments, camera)
