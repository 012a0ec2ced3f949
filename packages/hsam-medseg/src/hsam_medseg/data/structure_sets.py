"""DICOM RT structure sets as labels: closed contours, filled on the slices of a scan."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError, damage
from visioncore.medical import Volume
from visioncore.medical.dicom_geometry import LPS_TO_RAS
from visioncore.medical.dicom_series import DicomSeries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.float64]

STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
"""Class of structure sets."""
_APART = 0.25
"""Voxels that a contour may lie beside its slice, and be uneven."""
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_AGAIN = "; export it again"


def structure_names(path: Path, data: Any) -> dict[int, str]:
    """Return the names of the structures of a data set, by their numbers.

    Raises:
        InputError: if it is damaged, or has none that labels can be numbered by.
    """
    with damage(path, "the RT structure set is damaged", _AGAIN):
        names = {int(item.ROINumber): str(item.ROIName) for item in data.get("StructureSetROISequence") or ()}
    if not names or min(names) < 1 or max(names) > 65535:
        raise InputError(f"{path}: it has no structures numbered from 1 to 65535{_AGAIN}")
    return names


def fill_structures(path: Path, data: Any, scan: Volume) -> NDArray[np.unsignedinteger[Any]]:
    """Return the structures of a data set as labels (D, H, W), their numbers, on the grid of a scan.

    A voxel is inside where an odd number of contours goes round its centre, as holes are written. Where structures
    overlap, that of the higher number is seen, with a warning. Points and open lines are passed over. Nothing is filled
    between slices; that a structure has contours on every second slice or fewer is warned of.

    Args:
        path: the file, for messages.
        data: its data set.
        scan: (D, H, W), or (D, H, W, 3) for RGB; it says where it lies.

    Raises:
        InputError: if it is damaged, or of a series in another frame of reference than the scan's, or contours do not
            lie on planes of the scan's voxels, or reach outside.
    """
    names = structure_names(path, data)
    _check_series(path, data, scan)
    labels = np.zeros(scan.voxels.shape[:3], np.min_scalar_type(max(names)))
    with damage(path, "the RT structure set is damaged", _AGAIN):
        contours = {int(item.ReferencedROINumber): list(_closed(item)) for item in data.get("ROIContourSequence") or ()}
    to_voxel = np.asarray(np.linalg.inv(scan.affine) @ LPS_TO_RAS, np.float64)
    overlapping = 0
    for number in sorted(set(contours) & set(names)):
        inside = np.zeros(labels.shape, bool)
        planes: dict[int, set[int]] = {}
        for points in contours[number]:
            axis, plane, outline = _placed(path, names[number], points, to_voxel, scan)
            view = np.moveaxis(inside, axis, 0)[plane]
            view ^= filled(outline, view.shape)
            planes.setdefault(axis, set()).add(plane)
        if any(len(there) > 2 and np.diff(sorted(there)).min() > 1 for there in planes.values()):
            warnings.warn(f"{path}: {names[number]} has no contours on every slice; none are filled in", stacklevel=2)
        overlapping += int(np.count_nonzero(labels[inside]))
        labels[inside] = number
    if overlapping:
        warnings.warn(
            f"{path}: in {overlapping} voxels structures overlap; that of the higher number is taken", stacklevel=2
        )
    return labels


def filled(outline: Points, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which pixels (H, W) have their centres inside a closed outline of points (row, column).

    Of centres on the outline itself those count that lie on an upper or a left side.
    """
    height, width = shape
    flips = np.zeros((height, width + 1), np.int64)
    for (row, column), (next_row, next_column) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        (top, bottom) = sorted((row, next_row))
        rows = np.arange(max(0, int(np.ceil(top))), min(height, int(np.ceil(bottom))))
        if len(rows):
            crossed = column + (rows - row) * (next_column - column) / (next_row - row)
            np.add.at(flips, (rows, np.ceil(crossed).astype(int).clip(0, width)), 1)
    return np.asarray(np.cumsum(flips, axis=1)[:, :width] % 2 == 1)


def _check_series(path: Path, data: Any, scan: Volume) -> None:
    """Compare the series that structures were drawn on with that of a scan, as far as both are named.

    In one frame of reference the structures of another series lie in their place, but it may show another breath or
    phase: this is a warning.
    """
    if not isinstance(scan.origin, DicomSeries):
        return
    header = scan.origin.headers[0]
    own, series = (str(header.get(name) or "") for name in ("FrameOfReferenceUID", "SeriesInstanceUID"))
    with damage(path, "the RT structure set is damaged", _AGAIN):
        frames = {str(item.get("ReferencedFrameOfReferenceUID") or "") for item in data.StructureSetROISequence}
        drawn_on = {
            str(named.SeriesInstanceUID)
            for frame in data.get("ReferencedFrameOfReferenceSequence") or ()
            for study in frame.get("RTReferencedStudySequence") or ()
            for named in study.get("RTReferencedSeriesSequence") or ()
        }
    there = f"series {', '.join(sorted(drawn_on))}" if drawn_on else "another series"
    if own and frames - {own, ""}:
        raise InputError(
            f"{path}: drawn on {there}, in another frame of reference than {scan.name} (series {series}); give the "
            "scan that it was drawn on"
        )
    if drawn_on and series not in drawn_on:
        warnings.warn(f"{path}: drawn on {there}, not on {scan.name} (series {series})", stacklevel=3)


def _closed(item: Any) -> Iterator[Points]:
    for contour in item.get("ContourSequence") or ():
        if str(contour.ContourGeometricType) in _CLOSED:
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            if len(points) > 2:
                yield points


def _placed(
    path: Path, name: str, points: Points, to_voxel: NDArray[np.float64], scan: Volume
) -> tuple[int, int, Points]:
    """Return the axis across a contour, the plane that it lies in, and its points (row, column) in that plane."""
    voxels = (np.column_stack([points, np.ones(len(points))]) @ to_voxel.T)[:, 2::-1]
    flat = np.ptp(voxels, axis=0)
    axis = int(flat.argmin())
    centre = float(voxels[:, axis].mean())
    plane = round(centre)
    if flat[axis] > _APART or abs(centre - plane) > _APART:
        raise InputError(f"{path}: contours of {name} lie between the slices of {scan.name}; it must be of this scan")
    shape = np.array(scan.voxels.shape[:3])
    outline = np.delete(voxels, axis, axis=1)
    # half a voxel beyond the last centres is still the scan
    if not 0 <= plane < shape[axis] or (outline < -1).any() or (outline > np.delete(shape, axis)).any():
        raise InputError(f"{path}: contours of {name} reach outside {scan.name}; it must be of this scan")
    return axis, plane, outline
