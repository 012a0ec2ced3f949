"""Scans in several orientations, and layers of napari as far as its plug-in asks anything of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

SHAPE = (5, 6, 7)
"""Of the array in the file, (i, j, k)."""
_LPS = np.array([[-1.5, 0, 0, 40], [0, -2, 0, 50], [0, 0, 3, -60], [0, 0, 0, 1.0]])
_TILT = np.array([[1, 0, 0, 0], [0, np.cos(0.2), -np.sin(0.2), 0], [0, np.sin(0.2), np.cos(0.2), 0], [0, 0, 0, 1]])
AFFINES = {
    "LPS": _LPS,
    "RAS": np.diag([1.5, 2.0, 3.0, 1.0]) + np.eye(4, k=3) * 7,
    "PSR": np.array([[0, 0, 3.0, 5], [-1.5, 0, 0, 6], [0, 2, 0, 7], [0, 0, 0, 1]]),
    "oblique": _TILT @ _LPS,
}
"""nibabel's, by how columns, rows and slices run; of oblique slices, nearly LPS."""


def write_scan(path: Path, affine: NDArray[Any] | None, shape: tuple[int, ...] = SHAPE) -> Any:
    """Write a scan in which every voxel has a value of its own, and return nibabel's image."""
    image = nibabel.Nifti1Image(np.arange(np.prod(shape), dtype=np.int16).reshape(shape), affine)  # type: ignore[no-untyped-call]
    image.header["descrip"] = b"of the scan"
    nibabel.save(image, path)
    return image


@dataclass
class PlainLayer:
    """A layer as napari 0.9 has them: what `data_to_world` says is scale, then translation, then affine."""

    data: Any
    name: str = "scan"
    scale: Any = (1.0, 1.0, 1.0)
    translate: Any = (0.0, 0.0, 0.0)
    rotate: Any = None
    shear: Any = None
    affine: Any = field(default_factory=lambda: np.eye(4))
    units: Any = ("pixel",) * 3
    axis_labels: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)
    features: Any = field(default_factory=dict)
    colormap: Any = None
    rgb: bool = False

    def __post_init__(self) -> None:
        # as pint calls them
        self.units = tuple({"mm": "millimeter", "um": "micrometer"}.get(unit, unit) for unit in self.units)

    @property
    def ndim(self) -> int:
        return self.data.ndim - self.rgb

    def data_to_world(self, position: Any) -> Any:
        placed = np.array(position) * self.scale + self.translate
        return tuple((self.affine @ [*placed, 1])[:3])
