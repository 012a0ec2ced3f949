#!/usr/bin/env bash
# TotalSegmentator's DICOM outputs (dicom_seg, dicom_rtstruct) mirror a segmentation left to right where the rows of the scan run
# from the patient's left to the right, direction (-1, 0, 0), as they do in prone scans: an organ of the right side is written
# on the left one. Where only the columns run the other way, an RTSTRUCT is mirrored along the body. The NIfTI, of which it
# makes them, is right.
#
#   an organ at x -18 (right), y -16 (front), z -9 mm     dicom_seg       dicom_rtstruct
#   supine  (1, 0, 0, 0, 1, 0)                           -18 -16 -9        -18 -16 -9
#   prone   (-1, 0, 0, 0, -1, 0)                          18 -16 -9         18 -16 -9
#   flipped (1, 0, 0, 0, -1, 0)                          -18 -16 -9        -18 -16  9
#
# Seen with TotalSegmentator 2.18.0. Convert its NIfTI yourself (highdicom) wherever ImageOrientationPatient is not 1 0 0 0 1 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps TotalSegmentator==2.18.0
"$folder/venv/bin/pip" install --quiet torch==2.15.0 dicom2nifti==2.6.2 rt_utils==1.2.7 highdicom==0.28.2 pydicom==3.0.2 \
  nibabel==5.4.2 numpy==2.3.5 requests tqdm
cd "$folder"
export HOME="$folder" # it writes a configuration there
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pydicom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from totalsegmentator.dicom_io import dcm_to_nifti, save_mask_as_dicomseg, save_mask_as_rtstruct

ROWS, COLUMNS, SLICES, PIXEL, STEP = 40, 48, 20, 2.0, 3.0
ORGAN = ((-28, -8), (-26, -6), (-22, 2))  # mm to the left, to the back, up


def write_series(folder, row, column):
    """A CT whose only content is the organ, as a box given in the coordinates of the patient."""
    folder.mkdir()
    row, column = np.array(row, float), np.array(column, float)
    normal = np.cross(row, column)
    extents = ((row, COLUMNS, PIXEL), (column, ROWS, PIXEL), (normal, SLICES, STEP))
    corner = -sum(direction * step * (count - 1) / 2 for direction, count, step in extents)
    study, series, frame = (generate_uid() for _ in range(3))
    for index in range(SLICES):
        position = corner + normal * STEP * index
        places = position + np.arange(COLUMNS)[:, None] * PIXEL * row + np.arange(ROWS)[:, None, None] * PIXEL * column
        inside = np.all([(places[..., i] > low) & (places[..., i] < high) for i, (low, high) in enumerate(ORGAN)], axis=0)
        image = pydicom.Dataset()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = CTImageStorage
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame
        image.Modality, image.ImageType, image.Manufacturer = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"], "none"
        image.PatientName, image.PatientID, image.StudyID = "a^b", "1", "1"
        image.StudyDate, image.StudyTime, image.SeriesNumber, image.InstanceNumber = "20200101", "120000", 1, index + 1
        for name in ("PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName"):
            setattr(image, name, "")
        image.PositionReferenceIndicator = ""
        image.ImagePositionPatient, image.ImageOrientationPatient = position.tolist(), [*row.tolist(), *column.tolist()]
        image.PixelSpacing, image.SliceThickness = [PIXEL, PIXEL], STEP
        image.Rows, image.Columns, image.SamplesPerPixel, image.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
        image.RescaleIntercept, image.RescaleSlope = 0, 1
        image.PixelData = np.where(inside, 100, -1000).astype("<i2").tobytes()
        image.save_as(folder / f"{index:03}.dcm", enforce_file_format=True)


print("TotalSegmentator", version("TotalSegmentator"))
for name, row, column, seg_expected, contour_expected in (
    ("supine", (1, 0, 0), (0, 1, 0), (-18, -16, -9), (-18, -16, -9)),
    ("prone", (-1, 0, 0), (0, -1, 0), (18, -16, -9), (18, -16, -9)),
    ("flipped", (1, 0, 0), (0, -1, 0), (-18, -16, -9), (-18, -16, 9)),
):
    scan = Path(name)
    write_series(scan, row, column)
    dcm_to_nifti(scan, Path(f"{name}.nii.gz"))
    nifti = nibabel.load(f"{name}.nii.gz")
    mask = (nifti.get_fdata() > 0).astype(np.uint8)
    centre = nibabel.affines.apply_affine(nifti.affine, np.argwhere(mask)).mean(axis=0) * (-1, -1, 1)
    assert np.allclose(centre, (-18, -16, -9)), "the NIfTI is elsewhere"
    save_mask_as_dicomseg(mask, {1: "liver"}, scan, Path(f"{name}-seg.dcm"), nifti.affine)
    volume = highdicom.seg.segread(f"{name}-seg.dcm").get_volume(segment_numbers=[1], combine_segments=True)
    seg = volume.map_indices_to_reference(np.argwhere(volume.array > 0)).mean(axis=0)
    save_mask_as_rtstruct(mask, {1: "liver"}, str(scan), Path(f"{name}-contours.dcm"))
    contours = pydicom.dcmread(f"{name}-contours.dcm").ROIContourSequence[0].ContourSequence
    points = np.concatenate([np.reshape(contour.ContourData, (-1, 3)).astype(float) for contour in contours])
    contour = (points.min(axis=0) + points.max(axis=0)) / 2
    print(f"{name}: NIfTI {centre.round()}, dicom_seg {seg.round()}, dicom_rtstruct {contour.round()}")
    assert np.allclose(seg, seg_expected, atol=0.6), "a DICOM segmentation is elsewhere now"
    assert np.allclose(contour, contour_expected, atol=1.1), "the contours are elsewhere now"
PY
