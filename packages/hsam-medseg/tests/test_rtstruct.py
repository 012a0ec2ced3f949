"""RT structure sets: contours where the labels are, in the study of the scan."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.path import Path as Polygon
from outlined_series import CLASSES, OTHERWISE, SERIES, header_places, make_labels, pydicom, write_turned

from hsam_medseg import Predictor, Volume
from hsam_medseg.data.organ_colours import organ_colours
from hsam_medseg.data.scans import read_volume
from hsam_medseg.inference.predictor import predict_files
from hsam_medseg.inference.rtstruct import outlines, write_rtstruct
from visioncore.errors import InputError
from visioncore.testing.suites.base import files_in


@pytest.fixture(scope="module")
def scan() -> Volume:
    return read_volume(SERIES)


def inside(contours: Any, scan: Volume) -> np.ndarray[Any, Any]:
    """Return which voxels (D, H, W) an odd number of contours goes round."""
    found = np.zeros(scan.voxels.shape[:3], bool)
    to_index = np.linalg.inv(np.diag([-1, -1, 1, 1]) @ scan.affine)
    rows, columns = np.indices(found.shape[1:])
    centres = np.column_stack([columns.ravel(), rows.ravel()])
    for contour in contours:
        points = np.array(contour.ContourData, float).reshape(-1, 3)
        assert len(points) == contour.NumberOfContourPoints
        assert contour.ContourGeometricType == "CLOSED_PLANAR"
        column, row, index = (to_index @ np.column_stack([points, np.ones(len(points))]).T)[:3]
        np.testing.assert_allclose(index, index.round()[0], atol=1e-3)
        number = int(index.round()[0])
        origin: Any = scan.origin
        uid = origin.frames[number].header.SOPInstanceUID
        assert contour.ContourImageSequence[0].ReferencedSOPInstanceUID == uid
        odd = Polygon(np.column_stack([column, row])).contains_points(centres)
        found[number] ^= odd.reshape(found.shape[1:])
    return found


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "SPL"])
def test_contours_hold_the_voxels_of_the_labels(tmp_path: Path, scan: Volume, orientation: str) -> None:
    labels = make_labels(scan)
    write_rtstruct(tmp_path / "out" / "rt.dcm", labels.oriented(orientation), scan, CLASSES)
    file = pydicom.dcmread(tmp_path / "out" / "rt.dcm")
    assert [roi.ROIName for roi in file.StructureSetROISequence] == list(CLASSES)
    for label, roi in enumerate(file.ROIContourSequence, start=1):
        np.testing.assert_array_equal(inside(roi.ContourSequence, scan), labels.voxels == label)
        assert [part / 255 for part in roi.ROIDisplayColor] == pytest.approx(organ_colours([label])[label], abs=0.003)


@pytest.mark.parametrize("lying", OTHERWISE)
def test_patients_who_lie_otherwise_are_not_mirrored(tmp_path: Path, lying: str) -> None:
    """TotalSegmentator 2.18.0 writes prone scans mirrored, left for right."""
    turned = read_volume(write_turned(tmp_path / "series", OTHERWISE[lying]))
    labels = make_labels(turned)
    write_rtstruct(tmp_path / "rt.dcm", labels, turned, CLASSES)
    file = pydicom.dcmread(tmp_path / "rt.dcm")
    for label, places in header_places(labels, turned).items():
        points = np.concatenate([np.reshape(contour.ContourData, (-1, 3)).astype(float)
                                 for contour in file.ROIContourSequence[label - 1].ContourSequence])  # fmt: skip
        voxels = np.array(list(places))
        # outlines run midway between voxels of 0.49 mm, so that they reach further by half of one
        np.testing.assert_allclose(points.min(axis=0), voxels.min(axis=0), atol=0.25)
        np.testing.assert_allclose(points.max(axis=0), voxels.max(axis=0), atol=0.25)


def test_the_set_belongs_to_the_study(tmp_path: Path, scan: Volume) -> None:
    write_rtstruct(tmp_path / "rt.dcm", make_labels(scan), scan, CLASSES, ("left kidney",))
    file, source = pydicom.dcmread(tmp_path / "rt.dcm"), pydicom.dcmread(next(SERIES.iterdir()))
    assert (file.Modality, file.SOPClassUID.name) == ("RTSTRUCT", "RT Structure Set Storage")
    for name in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "PatientName"):
        assert file[name].value == source[name].value
    assert file.SeriesInstanceUID != source.SeriesInstanceUID
    assert [roi.ROIName for roi in file.StructureSetROISequence] == ["left kidney"]
    assert file.RTROIObservationsSequence[0].ReferencedROINumber == 1
    study = file.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    images = study.RTReferencedSeriesSequence[0].ContourImageSequence
    assert {image.ReferencedSOPInstanceUID for image in images} == {
        pydicom.dcmread(path).SOPInstanceUID for path in SERIES.iterdir()
    }


def test_outlines_have_no_points_on_straight_lines() -> None:
    (square,) = outlines(np.ones((5, 9), bool))
    assert len(square) == 8  # corners are cut, for a contour runs midway between voxels
    assert outlines(np.zeros((3, 3), bool)) == []


def test_the_command_writes_contours_of_dicom_alone(tmp_path: Path, tiny: Any) -> None:
    predictor = Predictor(tiny, "cpu", window="range", notify=print)
    predict_files([SERIES], predictor, tmp_path / "out", preview=False, rtstruct=True, say=print)
    assert files_in(tmp_path / "out") == ["CT5N.json", "CT5N.nii.gz", "CT5N_rtstruct.dcm"]
    np.save(tmp_path / "scan.npy", np.zeros((2, 8, 8), np.float32))
    said: list[str] = []
    summary = predict_files([tmp_path / "scan.npy"], predictor, tmp_path / "o", rtstruct=True, say=said.append)
    assert summary.exit_code == 1
    assert said[0].endswith("an RT structure set refers to DICOM files, and this scan is none; leave out --rtstruct")


def test_without_contourpy_nothing_is_begun(tmp_path: Path, tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        if name == "contourpy":
            raise ModuleNotFoundError("No module named 'contourpy'", name="contourpy")
        return import_module(name)

    monkeypatch.setattr("hsam_medseg.inference.rtstruct.import_module", missing)
    predictor = Predictor(tiny, "cpu", window="range", notify=print)
    with pytest.raises(InputError, match=r'needs contourpy; run: pip install "hsam-medseg\[rtstruct\]"'):
        predict_files([SERIES], predictor, tmp_path / "out", rtstruct=True)
    assert not (tmp_path / "out").exists()
