#!/usr/bin/env bash
# DicomRTTool fills the contours of RT structure sets on pixels rounded from their points, border included: organs are too large by
# up to a pixel along each axis. In a coronal series the contours of all slices fall into the first one, and nothing is told.
#
#   voxels of 1 mm, contours along pixel edges on 3 slices    true   axial series   coronal series (all in slice 0)
#   square of 5x5                                               75   108            36
#   ring, 12x12 less 6x6                                       324   360            120
#   rectangle of 6x16                                          288   357            119
#
# Seen with DicomRTTool 6.2.0, pydicom 3.0.2 and SimpleITK 2.5.7.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet DicomRTTool==6.2.0 pydicom==3.0.2 SimpleITK==2.5.7 numpy==2.4.6
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
import logging
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from DicomRTTool.ReaderWriter import DicomReaderWriter
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
SIDE, SLICES = 32, 5


def items(**values):
    dataset = Dataset()
    for name, value in values.items():
        setattr(dataset, name, value)
    return dataset


def patient(study, kind):
    dataset = items(
        SOPClassUID=kind, SOPInstanceUID=generate_uid(), StudyInstanceUID=study, PatientName="made up", PatientID="1",
        PatientBirthDate="", PatientSex="", StudyDate="20200101", StudyTime="000000", StudyID="1", AccessionNumber="",
        ReferringPhysicianName="",
    )
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def rectangle(left, right, top, bottom):
    """Corners (column, row) along the outer edges of pixels; right and bottom are outside."""
    return [(x - 0.5, y - 0.5) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]


ORGANS = {
    "square": ([rectangle(5, 10, 5, 10)], 25),
    "ring": ([rectangle(8, 20, 8, 20), rectangle(11, 17, 11, 17)], 108),
    "rectangle": ([rectangle(4, 10, 12, 28)], 96),
}


def voxels(series, rows_go, slices_go):
    """Voxels of each organ and the slices that they are in, as read, for a series of this orientation."""
    folder = Path(series)
    (folder / "images").mkdir(parents=True)
    study, uid, frame = (generate_uid() for _ in range(3))
    along = np.array([1.0, 0, 0]), np.array(rows_go, float)
    images = []
    for number in range(SLICES):
        image = patient(study, CTImageStorage)
        image.Modality, image.SeriesInstanceUID, image.FrameOfReferenceUID = "CT", uid, frame
        image.SeriesNumber, image.InstanceNumber = 1, number + 1
        image.ImagePositionPatient = list(np.array(slices_go, float) * number)
        image.ImageOrientationPatient = [*along[0], *along[1]]
        image.PixelSpacing, image.SliceThickness, image.Rows, image.Columns = [1, 1], 1, SIDE, SIDE
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 1
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
        image.RescaleSlope, image.RescaleIntercept = 1, 0
        image.PixelData = np.zeros((SIDE, SIDE), np.int16).tobytes()
        image.save_as(folder / "images" / f"{number}.dcm", enforce_file_format=True)
        images.append(items(ReferencedSOPClassUID=CTImageStorage, ReferencedSOPInstanceUID=image.SOPInstanceUID))
    structures = patient(study, RTStructureSetStorage)
    structures.Modality, structures.SeriesInstanceUID, structures.SeriesNumber = "RTSTRUCT", generate_uid(), 2
    structures.StructureSetLabel, structures.StructureSetDate, structures.StructureSetTime = "made up", "", ""
    referred = items(SeriesInstanceUID=uid, ContourImageSequence=images)
    referred = items(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID=study, RTReferencedSeriesSequence=[referred]
    )
    structures.ReferencedFrameOfReferenceSequence = [items(FrameOfReferenceUID=frame, RTReferencedStudySequence=[referred])]
    regions, contours, observed = [], [], []
    for number, (name, (outlines, _)) in enumerate(ORGANS.items(), 1):
        regions.append(
            items(ROINumber=number, ReferencedFrameOfReferenceUID=frame, ROIName=name, ROIGenerationAlgorithm="MANUAL")
        )
        drawn = []
        for slice_ in (1, 2, 3):
            for outline in outlines:
                points = [x * along[0] + y * along[1] + np.array(slices_go) * slice_ for x, y in outline]
                drawn.append(
                    items(
                        ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=len(outline),
                        ContourData=[float(value) for point in points for value in point],
                        ContourImageSequence=[images[slice_]],
                    )
                )
        contours.append(items(ROIDisplayColor=[255, 0, 0], ReferencedROINumber=number, ContourSequence=drawn))
        observed.append(
            items(ObservationNumber=number, ReferencedROINumber=number, RTROIInterpretedType="ORGAN", ROIInterpreter="")
        )
    structures.StructureSetROISequence, structures.ROIContourSequence = regions, contours
    structures.RTROIObservationsSequence = observed
    structures.save_as(folder / "structures.dcm", enforce_file_format=True)
    reader = DicomReaderWriter(Contour_Names=list(ORGANS), arg_max=False, verbose=False)
    reader.walk_through_folders(str(folder))
    reader.get_images_and_mask()
    found = {}
    for number, name in enumerate(ORGANS, 1):
        mask = reader.mask[..., number] > 0
        found[name] = int(mask.sum()), np.unique(np.nonzero(mask)[0]).tolist()
    return found


print("DicomRTTool", version("DicomRTTool"), {name: 3 * area for name, (_, area) in ORGANS.items()})
axial, coronal = voxels("axial", (0, 1, 0), (0, 0, 1)), voxels("coronal", (0, 0, -1), (0, 1, 0))
print("axial", axial)
print("coronal", coronal)
assert axial == {name: (count, [1, 2, 3]) for name, count in zip(ORGANS, (108, 360, 357))}, "filled another way now"
assert coronal == {name: (count, [0]) for name, count in zip(ORGANS, (36, 120, 119))}, "coronal series are read now"
PY
