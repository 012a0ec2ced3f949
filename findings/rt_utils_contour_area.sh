#!/usr/bin/env bash
# rt-utils writes an RT structure set whose contours run through the centres of an organ's outermost pixels, not along
# their outer edges: by its contours an organ is half a pixel smaller all round, and what is one pixel wide has no area at
# all. Its own reader gives the mask back exactly, so nobody notices; a planning system takes the contour as the organ.
#
#   pixels of 1x1 mm:  square of 4x4     16 mm2 in the mask   9 in its contour
#                      disk, radius 8   197                 174
#                      ring             108                  74 (its outer contour less that of its hole)
#                      row of 15         15                   0, a "CLOSED_PLANAR" contour of two points
#
# Seen with rt-utils 1.2.7, pydicom 3.0.2, OpenCV 5.0.0.93. Volumes and dose statistics of small organs need contours
# along the pixels' edges, or midway to the next pixel.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet rt-utils==1.2.7 pydicom==3.0.2 opencv-python==5.0.0.93 shapely==2.2.0 numpy==2.4.6
mkdir "$folder/ct"
cd "$folder"
venv/bin/python - <<'PY'
import warnings

warnings.simplefilter("ignore")
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from rt_utils import RTStructBuilder
from shapely.geometry import Polygon

SIDE, SLICES = 32, 3
study, series, frame = (generate_uid() for _ in range(3))
for number in range(SLICES):
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID, image.Modality = CTImageStorage, generate_uid(), "CT"
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame
    image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = "made up", "1", "", ""
    image.StudyDate, image.StudyTime, image.StudyID, image.AccessionNumber = "20200101", "000000", "1", ""
    image.ReferringPhysicianName, image.SeriesNumber, image.InstanceNumber = "", 1, number + 1
    image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
    image.PixelSpacing, image.SliceThickness, image.Rows, image.Columns = [1, 1], 1, SIDE, SIDE
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 1
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
    image.RescaleSlope, image.RescaleIntercept = 1, 0
    image.PixelData = np.zeros((SIDE, SIDE), np.int16).tobytes()
    image.save_as(f"ct/{number}.dcm", enforce_file_format=True)

y, x = np.mgrid[:SIDE, :SIDE]
inside = lambda low, high: (low <= y) & (y < high) & (low <= x) & (x < high)
shapes = {
    "square": inside(5, 9),
    "disk": (y - 15) ** 2 + (x - 15) ** 2 <= 64,
    "ring": inside(8, 20) & ~inside(11, 17),
    "row": (y == 10) & (5 <= x) & (x < 20),
}
builder = RTStructBuilder.create_new(dicom_series_path="ct")
masks = {}
for name, shape in shapes.items():
    masks[name] = np.zeros((SIDE, SIDE, SLICES), bool)
    masks[name][..., 1] = shape
    builder.add_roi(mask=masks[name], name=name)
builder.save("structures.dcm")

back = RTStructBuilder.create_from(dicom_series_path="ct", rt_struct_path="structures.dcm")
found, points = {}, {}
for name, structure in zip(shapes, pydicom.dcmread("structures.dcm").ROIContourSequence):
    assert (back.get_roi_mask_by_name(name) == masks[name]).all(), "its own reader gives the mask back"
    rings = [np.array(each.ContourData, float).reshape(-1, 3)[:, :2] for each in structure.ContourSequence]
    assert all(each.ContourGeometricType == "CLOSED_PLANAR" for each in structure.ContourSequence)
    areas = sorted((Polygon(ring).area if len(ring) > 2 else 0.0 for ring in rings), reverse=True)
    found[name] = (int(masks[name].sum()), areas[0] - sum(areas[1:]))
    points[name] = [len(ring) for ring in rings]
print(found, points["row"])
assert found == {"square": (16, 9.0), "disk": (197, 174.0), "ring": (108, 74.0), "row": (15, 0.0)}, "behaviour changed"
assert points["row"] == [2], "behaviour changed"
PY
echo "as described"
