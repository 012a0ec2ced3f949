"""Labels as a DICOM segmentation object of the series they were made from."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from visioncore.errors import InputError
from visioncore.files import atomic_path, writable_folder
from visioncore.medical import Volume
from visioncore.medical.dicom_geometry import LPS_TO_RAS
from visioncore.medical.dicom_series import DicomSeries

from ..data.label_names import name_words
from ..data.organ_colours import organ_colours
from ..method import METHOD

# attributes that must be in a file but may be empty; whoever makes data anonymous takes them out all the same
_MAY_BE_EMPTY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("AccessionNumber", "StudyID", "StudyDate", "StudyTime"),
)
_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
_SQUARE = 1e-4
"""How far from right angles axes may be for highdicom, as a cosine."""
_SERIES_NUMBER = 900
_TO_XYZ = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
"""Of linear sRGB to XYZ under D50, the white that DICOM's colours are relative to."""


def write_dicom_seg(
    path: str | Path, labels: Volume, source: Volume, classes: Sequence[str], organs: Sequence[str] = ()
) -> None:
    """Write labels as a DICOM segmentation (binary, one segment for each class) in the study of ``source``.

    Segments are called by their class; those whose name is a SNOMED term that DICOM uses carry its code, and others
    that of an anatomical structure. A side, as in left kidney, is a modifier of the code. The recommended colours are
    those of the preview.

    Args:
        path: the file, usually ``.dcm``.
        labels: (D, H, W) of whole numbers up to the number of classes, in the place of ``source`` whatever its
            orientation.
        source: a volume that was read from DICOM and says where it lies.
        classes: names of labels 1, 2, ...
        organs: those of them that get a segment, numbered from 1; none for all.

    Raises:
        InputError: if highdicom is not installed; if ``source`` is not from DICOM, does not say where it lies, or
            lacks what a segmentation needs; if ``labels`` lie elsewhere or have values beyond the classes.
    """
    path = Path(path)
    highdicom, concepts = libraries()
    datasets = check_source(source)
    placed = place_labels(path, labels, source, classes)
    method = highdicom.AlgorithmIdentificationSequence(
        name=METHOD.title, version=METHOD.version, family=concepts.DCM.ArtificialIntelligence
    )
    chosen = [label for label, name in enumerate(classes, start=1) if name in organs or not organs]
    colours = organ_colours(chosen)
    segments = []
    for number, label in enumerate(chosen, start=1):
        name = classes[label - 1]
        segment = highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name[:64],
            segmented_property_category=concepts.SCT.AnatomicalStructure,
            segmented_property_type=_concept(concepts, name),
            algorithm_type="AUTOMATIC",
            algorithm_identification=method,
        )
        segment.RecommendedDisplayCIELabValue = cielab(colours[label])
        if sides := [side for side in ("Left", "Right") if side.lower() in name_words(name)]:
            (kind,) = segment.SegmentedPropertyTypeCodeSequence
            kind.SegmentedPropertyTypeModifierCodeSequence = [
                highdicom.sr.CodedConcept.from_code(getattr(concepts.SCT, side)) for side in sides
            ]
        segments.append(segment)
    numbers = np.zeros(len(classes) + 1, placed.voxels.dtype)
    numbers[chosen] = np.arange(1, len(chosen) + 1)
    placed = placed.with_voxels(numbers[placed.voxels])
    try:
        with warnings.catch_warnings():
            # of values in the source that are not as the standard has them, which readers forgive
            warnings.simplefilter("ignore")
            segmentation = highdicom.seg.Segmentation(
                source_images=[_completed(dataset) for dataset in datasets],
                pixel_array=_as_highdicom(highdicom, placed, datasets),
                segmentation_type="BINARY",
                segment_descriptions=segments,
                series_instance_uid=highdicom.UID(),
                series_number=_SERIES_NUMBER,
                sop_instance_uid=highdicom.UID(),
                instance_number=1,
                manufacturer=METHOD.name,
                manufacturer_model_name=METHOD.title,
                software_versions=METHOD.version,
                device_serial_number="none",
                series_description=f"{METHOD.title} segmentation",
            )
    except (AttributeError, ValueError, TypeError, LookupError) as error:
        raise InputError(
            f"{source.source}: the DICOM headers lack what a segmentation refers to ({error}); write NIfTI"
        ) from error
    writable_folder(path.parent)
    with atomic_path(path) as temporary:
        segmentation.save_as(temporary)


def place_labels(path: Path, labels: Volume, source: Volume, classes: Sequence[str]) -> Volume:
    """Return labels in the orientation of their scan.

    Raises:
        InputError: if they lie elsewhere, or have values beyond the classes.
    """
    placed = labels.oriented(source.orientation)
    if placed.voxels.shape != source.voxels.shape[:3] or not np.allclose(placed.affine, source.affine, atol=1e-3):
        raise InputError(f"{path}: the labels do not lie where {source.source} does; they must be of this very scan")
    if (highest := int(placed.voxels.max())) > len(classes):
        raise InputError(f"{path}: label {highest} among the labels, but there are {len(classes)} classes")
    return placed


def check_source(source: Volume, what: str = "a DICOM segmentation", option: str = "--dicom-seg") -> Sequence[Any]:
    """Return the data sets of a scan that a segmentation, or what else is named, can refer to.

    Raises:
        InputError: if it is not from DICOM, or does not say where it lies, or what it is called.
    """
    if not isinstance(source.origin, DicomSeries):
        raise InputError(f"{source.name}: {what} refers to DICOM files, and this scan is none; leave out {option}")
    datasets = source.origin.headers
    missing = next((name for name in _NEEDED for dataset in datasets if name not in dataset), None)
    if missing or not source.located:
        lacks = missing or "the place of its slices"
        raise InputError(f"{source.name}: the headers lack {lacks}, which {what} refers to")
    return datasets


def libraries() -> tuple[Any, Any]:
    """Return highdicom and pydicom's terms by code.

    Raises:
        InputError: if highdicom is not installed; the message is the command that installs it.
    """
    try:
        return import_module("highdicom"), import_module("pydicom.sr.codedict").codes
    except ModuleNotFoundError as error:
        raise InputError(
            f'a DICOM segmentation needs {error.name}; run: pip install "{METHOD.name}[dicom-seg]"'
        ) from error


def cielab(colour: tuple[float, float, float]) -> list[int]:
    """Return a colour, sRGB (red, green, blue) in [0, 1], as DICOM stores it: CIELab under D50 in 16 bit each."""
    stored = np.asarray(colour, np.float64)
    linear = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    x, y, z = _TO_XYZ @ linear / _TO_XYZ.sum(axis=1)  # relative to white
    fx, fy, fz = (np.cbrt(t) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29 for t in (x, y, z))
    parts = ((116 * fy - 16) / 100, (500 * (fx - fy) + 128) / 255, (200 * (fy - fz) + 128) / 255)
    return [round(65535 * min(max(float(part), 0.0), 1.0)) for part in parts]


def _concept(concepts: Any, name: str) -> Any:
    """Return the SNOMED concept of an organ, such as ``Liver`` for liver and ``Kidney`` for left kidney."""
    words = [word.capitalize() for word in name.replace("_", " ").split()]
    sides = {"Left", "Right"}
    for keyword in ("".join(words), "".join(word for word in words if word not in sides)):
        if hasattr(concepts.SCT, keyword):
            return getattr(concepts.SCT, keyword)
    return concepts.SCT.AnatomicalStructure


def _completed(dataset: Any) -> Any:
    """Return a data set with all attributes that a segmentation copies, empty where they were removed."""
    missing = [name for name in _MAY_BE_EMPTY if name not in dataset]
    if not missing:
        return dataset
    completed = deepcopy(dataset)
    for name in missing:
        setattr(completed, name, "")
    return completed


def _as_highdicom(highdicom: Any, labels: Volume, datasets: Sequence[Any]) -> Any:
    """Return labels as highdicom's own volume: its affine maps slice, row, column to DICOM's axes.

    Slices of a tilted gantry make no such volume, for its axes are at right angles; they are given as an array in the
    order of their files.
    """
    array = labels.voxels.astype(np.uint8 if labels.voxels.max() < 256 else np.uint16)
    affine = (LPS_TO_RAS @ labels.affine)[:, [2, 1, 0, 3]]
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if np.abs(axes.T @ axes - np.eye(3)).max() > _SQUARE and len(datasets) == len(array):
        return array
    return highdicom.Volume(
        array=array,
        affine=affine,
        coordinate_system="PATIENT",
        frame_of_reference_uid=datasets[0].FrameOfReferenceUID,
    )
