"""Copies of DICOM files with other values in them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .dicom_files import header_damage
from .dicom_frames import Frame
from .number_types import as_type

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Planes = Sequence[tuple[Frame, NDArray[Any]]]

_OF_OLD_PIXELS = (
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)
_LONGEST = 64
"""Characters of a series' description."""


def write_copy(source: Any, target: Path, planes: Planes, series: str, derivation: str) -> None:
    """Write a copy of a DICOM file with other values in it, as derived from it.

    Args:
        source: its whole data set, which is changed.
        target: the file to write.
        planes: every slice in it with its values (H, W), which are stored with the slope and the intercept,
            and in the number type and order of bytes, that the file has; not compressed.
        series: the SeriesInstanceUID of the copy.
        derivation: what was done and by what, see `writing.write_like`.

    Raises:
        InputError: if the header has something in it, or lacks something, so that it cannot be written.
        OSError: if the system refuses the write.
    """
    with header_damage(planes[0][0].file):
        content = _encoded(source, planes, series, derivation)
    target.write_bytes(content)


def _encoded(source: Any, planes: Planes, series: str, derivation: str) -> bytes:
    """Return the copy as bytes; arguments as for `write_copy`."""
    uids = import_module("pydicom.uid")
    kind = np.dtype(f"{'i' if source.PixelRepresentation else 'u'}{source.BitsAllocated // 8}")
    stored = np.empty((len(planes), *planes[0][1].shape), kind)
    for frame, plane in planes:
        slope, intercept = frame.rescaling
        stored[frame.number] = as_type((plane.astype(np.float64) - intercept) / slope, kind, int(source.BitsStored))
    little = source.original_encoding[1] is not False
    content = stored.astype(kind.newbyteorder("<" if little else ">")).tobytes()
    source.add_new("PixelData", "OB" if kind.itemsize == 1 else "OW", content + b"\0" * (len(content) % 2))
    for name in _OF_OLD_PIXELS:
        if name in source:
            del source[name]
    _mark_as_derived(source, series, derivation)
    source.file_meta = import_module("pydicom.dataset").FileMetaDataset()
    source.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian if little else uids.ExplicitVRBigEndian
    source.file_meta.MediaStorageSOPClassUID = source.SOPClassUID
    source.file_meta.MediaStorageSOPInstanceUID = source.SOPInstanceUID
    copy = BytesIO()
    source.save_as(copy, implicit_vr=False, little_endian=little, enforce_file_format=True)
    return copy.getvalue()


def _mark_as_derived(data: Any, series: str, derivation: str) -> None:
    """Give a data set an identity of its own, which the standard demands of changed images, and name its source."""
    uids = import_module("pydicom.uid")
    data.SOPClassUID = data.get("SOPClassUID") or uids.CTImageStorage
    if "SOPInstanceUID" in data:
        origin = import_module("pydicom.dataset").Dataset()
        origin.ReferencedSOPClassUID, origin.ReferencedSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
        data.SourceImageSequence = [origin]
    data.SOPInstanceUID, data.SeriesInstanceUID = uids.generate_uid(), series
    suffix = f" {derivation.split()[0].lower()}"
    described = str(data.get("SeriesDescription") or data.get("Modality") or "scan")
    data.SeriesDescription = described[: _LONGEST - len(suffix)] + suffix
    data.ImageType = ["DERIVED", *list(data.get("ImageType") or ["ORIGINAL", "PRIMARY"])[1:]]
    data.DerivationDescription = derivation
