"""Labels as a DICOM RT structure set: closed contours on the slices of the series they were made from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError
from visioncore.files import atomic_path, writable_folder
from visioncore.medical import Volume
from visioncore.medical.dicom_geometry import LPS_TO_RAS

from ..data.organ_colours import organ_colours
from ..method import METHOD
from .dicom_seg import check_source, place_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
_STUDY = "1.2.840.10008.3.1.2.3.1"
"""Class of the study, by which a structure set refers to it."""
_COPIED = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("StudyInstanceUID", "StudyID", "StudyDate", "StudyTime"),
    *("AccessionNumber", "ReferringPhysicianName", "FrameOfReferenceUID"),
)
_SERIES_NUMBER = 901


def write_rtstruct(
    path: str | Path, labels: Volume, source: Volume, classes: Sequence[str], organs: Sequence[str] = ()
) -> None:
    """Write labels as an RT structure set in the study of ``source``, one structure for each class.

    Contours run midway between the voxels of an organ and those around it, in the planes of the slices. A hole is a
    contour inside another one: what lies within an even number of contours is outside.

    Args:
        path: the file, usually ``.dcm``.
        labels: (D, H, W) of whole numbers up to the number of classes, in the place of ``source`` whatever its
            orientation.
        source: a volume that was read from DICOM and says where it lies.
        classes: names of labels 1, 2, ...
        organs: those of them that get a structure; none for all.

    Raises:
        InputError: if contourpy is not installed; if ``source`` is not from DICOM, does not say where it lies, or lacks
            what a structure set needs; if ``labels`` lie elsewhere or have values beyond the classes.
    """
    path = Path(path)
    contouring()
    headers = check_source(source, "an RT structure set", "--rtstruct")
    placed = place_labels(path, labels, source, classes)
    chosen = [label for label, name in enumerate(classes, start=1) if name in organs or not organs]
    data = _data_set(headers)
    data.StructureSetROISequence, data.ROIContourSequence, data.RTROIObservationsSequence = [], [], []
    for number, (label, colour) in enumerate(organ_colours(chosen).items(), start=1):
        structure = _item(
            ROINumber=number,
            ReferencedFrameOfReferenceUID=data.FrameOfReferenceUID,
            ROIName=classes[label - 1][:64],
            ROIGenerationAlgorithm="AUTOMATIC",
        )
        contours = _item(
            ROIDisplayColor=[round(255 * part) for part in colour],
            ReferencedROINumber=number,
            ContourSequence=list(_contours(placed, source, label)),
        )
        observation = _item(
            ObservationNumber=number, ReferencedROINumber=number, RTROIInterpretedType="ORGAN", ROIInterpreter=""
        )
        data.StructureSetROISequence.append(structure)
        data.ROIContourSequence.append(contours)
        data.RTROIObservationsSequence.append(observation)
    writable_folder(path.parent)
    with atomic_path(path) as temporary:
        data.save_as(temporary, enforce_file_format=True)


def contouring() -> Any:
    """Return contourpy.

    Raises:
        InputError: if it is not installed; the message is the command that installs it.
    """
    try:
        return import_module("contourpy")
    except ModuleNotFoundError as error:
        raise InputError(
            f'an RT structure set needs {error.name}; run: pip install "{METHOD.name}[rtstruct]"'
        ) from error


def outlines(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Return closed outlines of a mask (H, W), each as points (column, row), without points on straight lines.

    A pixel's centre is inside an odd number of them if, and only if, it is in the mask.
    """
    padded = np.pad(mask, 1).astype(np.float64)
    found = []
    for line in contouring().contour_generator(z=padded).lines(0.5):
        points = line[:-1] - 1  # the last point is the first
        before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
        found.append(points[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]])
    return found


def _contours(labels: Volume, source: Volume, label: int) -> Iterator[Any]:
    """Yield the items of the contours of a label, slice by slice."""
    to_lps = LPS_TO_RAS @ labels.affine
    frames = source.origin.frames  # type: ignore[union-attr]
    for index, plane in enumerate(labels.voxels):
        mask = plane == label
        if not mask.any():
            continue
        frame = frames[index]
        image = _item(
            ReferencedSOPClassUID=frame.header.SOPClassUID, ReferencedSOPInstanceUID=frame.header.SOPInstanceUID
        )
        if int(frame.header.get("NumberOfFrames") or 1) > 1:
            image.ReferencedFrameNumber = frame.number + 1
        for points in outlines(mask):
            count = len(points)
            places = to_lps @ np.column_stack([points, np.full(count, index), np.ones(count)]).T
            yield _item(
                ContourImageSequence=[image],
                ContourGeometricType="CLOSED_PLANAR",
                NumberOfContourPoints=count,
                # as text of at most 16 letters
                ContourData=[f"{value:.4f}" for value in places[:3].T.ravel()],
            )


def _data_set(headers: Sequence[Any]) -> Any:
    """Return an empty structure set that refers to the images with these headers."""
    uids, dataset, first = import_module("pydicom.uid"), import_module("pydicom.dataset"), headers[0]
    data = dataset.Dataset()
    data.file_meta = dataset.FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = _STORAGE
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = uids.generate_uid()
    data.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
    for name in _COPIED:
        setattr(data, name, first.get(name, ""))
    data.SpecificCharacterSet = "ISO_IR 192"
    data.Modality, data.SeriesInstanceUID, data.SeriesNumber = "RTSTRUCT", uids.generate_uid(), _SERIES_NUMBER
    data.SeriesDescription = f"{METHOD.title} segmentation"
    data.Manufacturer, data.ManufacturerModelName, data.SoftwareVersions = METHOD.name, METHOD.title, METHOD.version
    data.OperatorsName, data.PositionReferenceIndicator, data.ApprovalStatus = "", "", "UNAPPROVED"
    data.StructureSetLabel = METHOD.title
    data.StructureSetDate, data.StructureSetTime = time.strftime("%Y%m%d"), time.strftime("%H%M%S")
    images = [
        _item(ReferencedSOPClassUID=header.SOPClassUID, ReferencedSOPInstanceUID=header.SOPInstanceUID)
        for header in headers
    ]
    series = _item(SeriesInstanceUID=first.SeriesInstanceUID, ContourImageSequence=images)
    study = _item(
        ReferencedSOPClassUID=_STUDY,
        ReferencedSOPInstanceUID=first.StudyInstanceUID,
        RTReferencedSeriesSequence=[series],
    )
    data.ReferencedFrameOfReferenceSequence = [
        _item(FrameOfReferenceUID=first.FrameOfReferenceUID, RTReferencedStudySequence=[study])
    ]
    return data


def _item(**values: Any) -> Any:
    item = import_module("pydicom.dataset").Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return item
