"""RT structure sets as labels: our own, those of others, and such as cannot be."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outlined_series import CLASSES, SERIES, make_labels, pydicom

from hsam_medseg import Volume
from hsam_medseg.data.datasets import Case, read_case
from hsam_medseg.data.references import names_in, read_labelled
from hsam_medseg.data.scans import read_volume
from hsam_medseg.data.structure_sets import filled
from hsam_medseg.inference.rtstruct import write_rtstruct
from visioncore.errors import InputError
from visioncore.medical.nifti import write_nifti


@pytest.fixture(scope="module")
def scan() -> Volume:
    return read_volume(SERIES)


@pytest.fixture
def labels(scan: Volume) -> Volume:
    return make_labels(scan)


@pytest.fixture
def structures(tmp_path: Path, labels: Volume, scan: Volume) -> Path:
    write_rtstruct(tmp_path / "rt" / "structures.dcm", labels, scan, CLASSES)
    return tmp_path / "rt" / "structures.dcm"


def changed(path: Path, change: Any) -> Path:
    data = pydicom.dcmread(path)
    change(data)
    data.save_as(path)
    return path


def read(path: Path) -> np.ndarray[Any, Any]:
    _, found = read_case(Case("a", SERIES, path))
    assert found is not None
    return found.voxels


@pytest.mark.parametrize("folder", [False, True])
def test_what_was_written_is_read(structures: Path, labels: Volume, folder: bool) -> None:
    path = structures.parent if folder else structures
    assert names_in(path) == {1: "liver", 2: "left kidney", 3: "nothing"}
    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(read(path), labels.voxels)
    _, found = read_labelled(Case("a", SERIES, path), ("kidney_left", "liver"))
    np.testing.assert_array_equal(found.voxels, np.array([0, 2, 1])[labels.voxels])


def test_a_scan_in_another_format_and_orientation(
    structures: Path, labels: Volume, scan: Volume, tmp_path: Path
) -> None:
    turned = scan.oriented("PSR")  # so that slices of the series are no slices of the file
    write_nifti(tmp_path / "scan.nii.gz", turned.voxels, turned)
    _, found = read_case(Case("a", tmp_path / "scan.nii.gz", structures))
    assert found is not None
    np.testing.assert_array_equal(found.oriented(scan.orientation).voxels, labels.voxels)


def test_other_contours(structures: Path, labels: Volume) -> None:
    def change(data: Any) -> None:
        for contour in data.ROIContourSequence[1].ContourSequence:
            contour.ContourGeometricType = "OPEN_PLANAR"
        del data.ROIContourSequence[2].ContourSequence
        data.ROIContourSequence[0].ContourSequence[0].ContourGeometricType = "CLOSEDPLANAR_XOR"

    np.testing.assert_array_equal(read(changed(structures, change)), np.where(labels.voxels == 1, 1, 0))


def test_overlaps_and_sparse_slices_are_told(structures: Path, labels: Volume) -> None:
    def change(data: Any) -> None:
        one, two = data.ROIContourSequence[:2]
        two.ContourSequence.append(one.ContourSequence[0])

    with pytest.warns(UserWarning, match=r"in 63 voxels structures overlap; that of the higher number is taken"):
        assert (read(changed(structures, change))[1] == 2).sum() == 63


def test_contours_on_every_second_slice_are_told(scan: Volume, tmp_path: Path) -> None:
    voxels = np.zeros(scan.voxels.shape, np.uint8)
    voxels[::2, 3:6, 3:6] = 1
    write_rtstruct(tmp_path / "rt.dcm", scan.with_voxels(voxels), scan, ("liver",))
    with pytest.warns(UserWarning, match="liver has no contours on every slice; none are filled in"):
        np.testing.assert_array_equal(read(tmp_path / "rt.dcm"), voxels)


def damaged(data: Any) -> None:
    data.ROIContourSequence[0].ContourSequence[0].ContourData = ["1", "2"]


def between(data: Any) -> None:
    data.ROIContourSequence[0].ContourSequence[0].ContourData = shifted(data, (0, 0, 4))


def outside(data: Any) -> None:
    data.ROIContourSequence[0].ContourSequence[0].ContourData = shifted(data, (-500, 0, 0))


def unnamed(data: Any) -> None:
    del data.StructureSetROISequence


def shifted(data: Any, by: tuple[float, float, float]) -> list[str]:
    points = np.array(data.ROIContourSequence[0].ContourSequence[0].ContourData, float).reshape(-1, 3) + by
    return [f"{value:.4f}" for value in points.ravel()]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (damaged, "structures.dcm: the RT structure set is damaged"),
        (between, "contours of liver lie between the slices of .*CT5N"),
        (outside, "contours of liver reach outside .*CT5N"),
        (unnamed, "it has no structures numbered from 1"),
    ],
)
def test_what_cannot_be_labels_is_told(structures: Path, change: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read(changed(structures, change))


def test_structures_of_a_series_in_another_place_are_refused(structures: Path, scan: Volume) -> None:
    """Their contours may well fit the slices; the same numbers mean other places in another frame of reference."""

    def change(data: Any) -> None:
        for item in data.StructureSetROISequence:
            item.ReferencedFrameOfReferenceUID = "1.2.3"
        of_series(data).SeriesInstanceUID = "1.2.4"

    with pytest.raises(
        InputError, match=rf"drawn on series 1.2.4, in another frame of reference than {SERIES}"
    ) as told:
        read(changed(structures, change))
    assert scan.origin is not None
    assert str(scan.origin.headers[0].SeriesInstanceUID) in str(told.value)
    assert "\n" not in str(told.value)


def test_structures_of_another_series_in_the_same_place_are_told(structures: Path, labels: Volume) -> None:
    def change(data: Any) -> None:
        of_series(data).SeriesInstanceUID = "1.2.4"

    with pytest.warns(UserWarning, match=r"drawn on series 1.2.4, not on .*CT5N"):
        np.testing.assert_array_equal(read(changed(structures, change)), labels.voxels)


def test_structures_that_do_not_say_what_they_were_drawn_on(structures: Path, labels: Volume) -> None:
    def change(data: Any) -> None:
        del data.ReferencedFrameOfReferenceSequence
        for item in data.StructureSetROISequence:
            del item.ReferencedFrameOfReferenceUID

    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(read(changed(structures, change)), labels.voxels)


def of_series(data: Any) -> Any:
    (frame,) = data.ReferencedFrameOfReferenceSequence
    return frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]


def test_a_scan_without_a_place(structures: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", np.zeros((5, 16, 16), np.float32))
    with pytest.raises(InputError, match="does not say where"):
        read_case(Case("a", tmp_path / "scan.npy", structures))


def test_filling_against_another_rule() -> None:
    from matplotlib.path import Path as Polygon

    rng = np.random.default_rng(0)
    rows, columns = np.indices((24, 30))
    for count in (3, 5, 12):
        outline = rng.uniform(-2, 32, (count, 2))  # it may cross itself and reach beyond
        expected = np.zeros((24, 30), int)
        for (a, b), (c, d) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
            across = (a <= rows) != (c <= rows)
            with np.errstate(divide="ignore", invalid="ignore"):
                expected += across & (columns >= b + (rows - a) * (d - b) / (c - a))
        np.testing.assert_array_equal(filled(outline, (24, 30)), expected % 2 == 1)
    triangle = np.array([[2.3, 3.1], [20.4, 5.2], [9.7, 27.6]])
    inside = Polygon(triangle).contains_points(np.column_stack([rows.ravel(), columns.ravel()]))
    np.testing.assert_array_equal(filled(triangle, (24, 30)).ravel(), inside)
