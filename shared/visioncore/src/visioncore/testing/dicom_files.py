"""DICOM files to test with: small CT slices, series and files of several frames, in known places."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

AXIAL = (1.0, 0, 0, 0, 1, 0)
ORIGIN = (-100.0, 37.5, 12.25)
"""Of the slice at position 0, in DICOM's axes, mm."""
SPACING = (0.8, 0.6)
"""Between rows, then between columns, mm."""

CT, ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"
EXPLICIT, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"


def place_of(position: float, orientation: Sequence[float]) -> list[float]:
    """Return the place in mm, in DICOM's axes, at a position along the normal of slices from `ORIGIN`."""
    normal = np.cross(orientation[:3], orientation[3:])
    return [*np.round(np.array(ORIGIN) + position * normal, 6).tolist()]


def write_slice(path: Path, pixels: NDArray[Any], syntax: str = EXPLICIT, **attributes: Any) -> Path:
    """Write a CT file with ``pixels`` (rows, columns) or (frames, rows, columns).

    Args:
        path: the file; folders are made.
        pixels: whole numbers of 8 or 16 bit.
        syntax: the transfer syntax, an uncompressed one or `RLE`.
        attributes: instead of, or besides, the usual ones; None leaves one out.
    """
    pydicom: Any = import_module("pydicom")
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = EXPLICIT
    bits = 8 * pixels.dtype.itemsize
    values = {
        "SOPClassUID": CT,
        "SOPInstanceUID": f"1.2.826.0.1.{sum(path.name.encode())}.{len(list(path.parent.glob('*')))}",
        "StudyInstanceUID": "1.2.826.0.2",
        "SeriesInstanceUID": "1.2.826.0.3",
        "FrameOfReferenceUID": "1.2.826.0.4",
        "Modality": "CT",
        "PatientName": "Doe^Jo",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "Rows": pixels.shape[-2],
        "Columns": pixels.shape[-1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
        **attributes,
        "PixelData": pixels.tobytes(),
    }
    for name, value in values.items():
        if value is not None:
            setattr(data, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    if syntax == RLE:
        data.compress(syntax, generate_instance_uid=False)
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path,
    positions: Sequence[float] = (0, 5, 10, 15),
    orientation: Sequence[float] = AXIAL,
    names: Sequence[str] = (),
    **attributes: Any,
) -> Path:
    """Write slices of 4 x 5 at positions in mm along their normal.

    Their pixels count on from 0 in each, and by 100 from slice to slice along the normal.

    Args:
        folder: where; it is made.
        positions: of the slices in the order of their files.
        orientation: direction cosines of columns and of rows.
        names: of the files; by default ``IM0000.dcm`` and so on.
        attributes: as for `write_slice`.
    """
    for number, position in enumerate(positions):
        pixels = (np.arange(20).reshape(4, 5) + 100 * sorted(positions).index(position)).astype(np.int16)
        place = {
            "ImagePositionPatient": place_of(position, orientation),
            "ImageOrientationPatient": list(orientation),
            "PixelSpacing": list(SPACING),
            "SliceThickness": 5,
            "InstanceNumber": number + 1,
        }
        write_slice(folder / (names[number] if names else f"IM{number:04d}.dcm"), pixels, **{**place, **attributes})
    return folder


def write_enhanced(
    path: Path,
    values: Sequence[int],
    positions: Sequence[float],
    slopes: Sequence[float],
    orientation: Sequence[float] = AXIAL,
) -> Path:
    """Write one file with a frame of 4 x 5 equal values at each position, rescaled with a slope of its own."""
    dataset: Any = import_module("pydicom").Dataset

    def group(**attributes: Any) -> Any:
        item = dataset()
        for name, value in attributes.items():
            setattr(item, name, value)
        return [item]

    frames = []
    for position, slope in zip(positions, slopes, strict=True):
        frames += group(
            PlanePositionSequence=group(ImagePositionPatient=place_of(position, orientation)),
            PixelValueTransformationSequence=group(RescaleSlope=slope, RescaleIntercept=0),
        )
    shared = group(
        PlaneOrientationSequence=group(ImageOrientationPatient=list(orientation)),
        PixelMeasuresSequence=group(PixelSpacing=list(SPACING), SliceThickness=5),
    )
    return write_slice(
        path,
        np.stack([np.full((4, 5), value, np.int16) for value in values]),
        SOPClassUID=ENHANCED_CT,
        NumberOfFrames=len(values),
        RescaleSlope=None,
        RescaleIntercept=None,
        PerFrameFunctionalGroupsSequence=frames,
        SharedFunctionalGroupsSequence=shared,
    )
