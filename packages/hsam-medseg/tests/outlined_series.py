"""A scan of pydicom's own, and labels whose outlines are not simple."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from hsam_medseg import Volume

pydicom: Any = import_module("pydicom")
SERIES = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests" / "98892001" / "CT5N"
CLASSES = ("liver", "left kidney", "nothing")


def make_labels(scan: Volume) -> Volume:
    """A blob with a hole, an island in it and a corner that touches; and one at the edge of the slices."""
    voxels = np.zeros(scan.voxels.shape, np.uint8)
    voxels[1:4, 2:9, 3:12] = 1
    voxels[2, 4:8, 5:10] = 0
    voxels[2, 5, 6] = voxels[2, 9, 12] = 1
    voxels[4, 13:, 11:] = 2
    return scan.with_voxels(voxels)
