#!/usr/bin/env bash
# dicompyler-core's get_dvh with interpolation_resolution, meant to make a dose-volume histogram finer, moves the dose against
# the structure: by half a pixel of the dose grid, in rows and in columns, however fine the resolution. Without it the mean dose
# is exact here. use_structure_extents=True does not change it.
#
#   dose grid of 4 mm, 0.5 Gy more with each mm; a square of 20 mm about a point that gets 40 Gy: mean dose
#   interpolation_resolution       none     2 mm     1 mm     0.5 mm
#   dose growing to the left        40       39       39        39
#   dose growing to the back        40       39       39        39
#   dose growing to the head        40       40       40        40
#
# Seen with dicompyler-core 0.5.6. Resample the dose yourself (SimpleITK), and leave interpolation_resolution out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dicompyler-core==0.5.6 pydicom==2.4.5 numpy==2.3.5 matplotlib==3.11.2 \
  scikit-image==0.26.0 six==1.17.0
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
from dicompylercore import dvhcalc
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

PIXEL, STEP, COUNT = 4.0, 3.0, 40


def dataset(modality, identifier):
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.is_little_endian, made.is_implicit_VR = True, False
    made.SOPClassUID, made.SOPInstanceUID, made.Modality = identifier, generate_uid(), modality
    return made


def dose_grid(slope):
    """A dose in Gy of slope @ (x, y, z)."""
    made = dataset("RTDOSE", "1.2.840.10008.5.1.4.1.1.481.2")
    made.NumberOfFrames = made.Rows = made.Columns = COUNT
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit = 15
    made.PixelSpacing, made.ImagePositionPatient = [PIXEL, PIXEL], [0, 0, 0]
    made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    made.GridFrameOffsetVector = [index * STEP for index in range(COUNT)]
    made.DoseUnits, made.DoseType, made.DoseSummationType, made.DoseGridScaling = "GY", "PHYSICAL", "PLAN", 0.01
    z, y, x = np.meshgrid(*[np.arange(COUNT) * step for step in (STEP, PIXEL, PIXEL)], indexing="ij")
    made.PixelData = np.round((slope[0] * x + slope[1] * y + slope[2] * z) / 0.01).astype("<u2").tobytes()
    return made


def structure(x, y, slices):
    made = dataset("RTSTRUCT", "1.2.840.10008.5.1.4.1.1.481.3")
    roi, drawn, observed = Dataset(), Dataset(), Dataset()
    roi.ROINumber, roi.ROIName = 1, "square"
    drawn.ReferencedROINumber, drawn.ROIDisplayColor, drawn.ContourSequence = 1, [255, 0, 0], []
    observed.ReferencedROINumber, observed.RTROIInterpretedType = 1, "ORGAN"
    for z in slices:
        contour = Dataset()
        corners = [(x + i, y + j, z) for i, j in ((-10.1, -10.1), (10.1, -10.1), (10.1, 10.1), (-10.1, 10.1))]
        contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(corners)
        contour.ContourData = np.ravel(corners).tolist()
        drawn.ContourSequence.append(contour)
    made.StructureSetROISequence, made.ROIContourSequence, made.RTROIObservationsSequence = [roi], [drawn], [observed]
    return made


print("dicompyler-core", version("dicompyler-core"))
square = structure(80, 80, np.arange(69, 92, STEP))  # its centre is (80, 80, 79.5)
for name, slope, shift in (("left", (0.5, 0, 0), 1), ("back", (0, 0.5, 0), 1), ("head", (0, 0, 40 / 79.5), 0)):
    dose = dose_grid(slope)
    plain = dvhcalc.get_dvh(square, dose, 1).mean
    fine = [
        dvhcalc.get_dvh(square, dose, 1, interpolation_resolution=step, use_structure_extents=extents).mean
        for step in (2.0, 1.0, 0.5)
        for extents in (False, True)
    ]
    print(f"growing to the {name}: mean dose {plain:.2f} Gy, interpolated", " ".join(f"{mean:.2f}" for mean in fine))
    assert abs(plain - 40) < 0.02, "without interpolation it is another dose now"
    assert np.allclose(fine, 40 - shift, atol=0.03), "the dose is moved otherwise now"
assert 0.5 * PIXEL / 2 == 1
PY
