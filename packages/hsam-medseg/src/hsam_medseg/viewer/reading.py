"""Files and folders -> layers: scans, labels that name themselves, and the bundled sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import as_file, files
from pathlib import Path

from visioncore.medical import ScanReader

from ..data.label_names import label_names
from ..data.scans import read_volume
from ..method import METHOD, PACKAGE
from .layers import LayerData, image_layer, labels_layer

_FORMATS = ScanReader(formats=("NIfTI", "DICOM"))


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return `read` for a NIfTI or DICOM file, or a folder of DICOM files; None for what napari should read itself."""
    if not isinstance(path, str):
        return None
    return read if Path(path).exists() and _FORMATS.knows(Path(path)) else None


def read(path: str) -> list[LayerData]:
    """Read a scan, or labels whose names are in the header, as a layer.

    Raises:
        InputError: if it cannot be read.
    """
    volume = read_volume(path)
    names = label_names(volume) if volume.voxels.ndim == 3 and volume.voxels.dtype.kind in "ui" else {}
    return [labels_layer(volume, names) if names else image_layer(volume)]


def read_sample() -> list[LayerData]:
    """Read the bundled synthetic scan as a layer."""
    assert METHOD.sample is not None
    with as_file(files(PACKAGE) / METHOD.sample.path) as path:
        return read(str(path))
