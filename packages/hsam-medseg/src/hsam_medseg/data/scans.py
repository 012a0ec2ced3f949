"""Scans as this method takes them: in every format, and with a warning where they do not say where they lie."""

from __future__ import annotations

import warnings
from pathlib import Path

from visioncore.medical import ScanReader, Volume

__all__ = ["SCANS", "Volume", "read_volume"]

SCANS = ScanReader(channels=True)
"""Finds scans and reads them."""


def read_volume(
    path: str | Path, *, series: str | None = None, labels: bool = False, skip_damaged: bool = False
) -> Volume:
    """Read a scan, whatever it is stored as, see `visioncore.medical.ScanReader.read`.

    Where a NIfTI or DICOM header does not say where the voxels lie, there is a warning.

    Args:
        path: a file or a folder.
        series: which series to read from a DICOM folder of several; for nothing else.
        labels: read the labels in the file instead.
        skip_damaged: go on without slices of a DICOM series that are damaged, with a warning.

    Raises:
        InputError: if it cannot be read.
    """
    volume = SCANS.read(path, series=series, labels=labels, skip_damaged=skip_damaged)
    for note in volume.notes:
        warnings.warn(note, stacklevel=2)
    return volume
