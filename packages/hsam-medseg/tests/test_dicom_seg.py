"""DICOM segmentations: every segment where its labels are, in the study of the scan."""

from __future__ import annotations

import shutil
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outlined_series import OTHERWISE, header_places, write_turned

from hsam_medseg.data.datasets import find_cases
from hsam_medseg.data.dicom_segmentations import find_segmentation, read_segmentation
from hsam_medseg.data.label_map import LabelMap
from hsam_medseg.data.label_names import label_names
from hsam_medseg.data.organ_colours import organ_colours
from hsam_medseg.data.prepare import Preparation, prepare
from hsam_medseg.data.references import read_labelled
from hsam_medseg.data.scans import read_volume
from hsam_medseg.data.slices import open_slices
from hsam_medseg.evaluation.protocols import evaluate
from hsam_medseg.inference.dicom_seg import cielab, write_dicom_seg
from visioncore.errors import InputError
from visioncore.medical import Volume

pydicom: Any = import_module("pydicom")

SERIES = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests" / "98892001" / "CT5N"
"""A sample of pydicom: five slices of 16 x 16, 2.5 mm apart."""
CLASSES = ("liver", "left kidney", "something else", "aorta")


@pytest.fixture
def scan() -> Volume:
    return read_volume(SERIES)


def make_labels(scan: Volume) -> Volume:
    voxels = np.zeros(scan.voxels.shape, np.uint8)
    voxels[1:4, 2:7, 3:12] = 1
    voxels[4, 10:, 12:] = 2
    voxels[0, 0, 5] = 3
    return scan.with_voxels(voxels)


def segment_places(path: Path) -> dict[int, set[tuple[float, ...]]]:
    """Return where each segment's pixels lie, (left, back, up) in mm, by the file's own headers."""
    file = pydicom.dcmread(path)
    shared = file.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    row_step, column_step = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    places: dict[int, set[tuple[float, ...]]] = {}
    frames = file.pixel_array.reshape(-1, file.Rows, file.Columns)
    for frame, pixels in zip(file.PerFrameFunctionalGroupsSequence, frames, strict=True):
        position = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for row, column in np.argwhere(pixels):
            point = position + column * column_step * cosines[0] + row * row_step * cosines[1]
            places.setdefault(number, set()).add(tuple(np.round(point, 2) + 0.0))
    return places


def label_places(labels: Volume) -> dict[int, set[tuple[float, ...]]]:
    places: dict[int, set[tuple[float, ...]]] = {}
    for number, row, column in np.argwhere(labels.voxels):
        right, front, up = (labels.affine @ [column, row, number, 1])[:3]
        value = int(labels.voxels[number, row, column])
        places.setdefault(value, set()).add(tuple(np.round([-right, -front, up], 2) + 0.0))
    return places


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "SPL"])
def test_segments_lie_where_the_labels_do(tmp_path: Path, scan: Volume, orientation: str) -> None:
    labels = make_labels(scan)
    write_dicom_seg(tmp_path / "out" / "seg.dcm", labels.oriented(orientation), scan, CLASSES)
    assert segment_places(tmp_path / "out" / "seg.dcm") == label_places(labels)


@pytest.mark.parametrize("lying", OTHERWISE)
def test_patients_who_lie_otherwise_are_not_mirrored(tmp_path: Path, lying: str) -> None:
    """TotalSegmentator 2.18.0 writes prone scans mirrored, left for right."""
    turned = read_volume(write_turned(tmp_path / "series", OTHERWISE[lying]))
    labels = make_labels(turned)
    write_dicom_seg(tmp_path / "seg.dcm", labels, turned, CLASSES)
    assert segment_places(tmp_path / "seg.dcm") == header_places(labels, turned) == label_places(labels)


def test_segments_are_named_and_belong_to_the_study(tmp_path: Path, scan: Volume) -> None:
    write_dicom_seg(tmp_path / "seg.dcm", make_labels(scan), scan, CLASSES)
    file, source = pydicom.dcmread(tmp_path / "seg.dcm"), pydicom.dcmread(next(SERIES.iterdir()))
    assert (file.Modality, file.SegmentationType) == ("SEG", "BINARY")
    assert file.StudyInstanceUID == source.StudyInstanceUID
    assert file.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert file.PatientID == source.PatientID
    assert file.SeriesInstanceUID != source.SeriesInstanceUID
    referenced = {item.ReferencedSOPInstanceUID for item in file.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert referenced == {pydicom.dcmread(path).SOPInstanceUID for path in SERIES.iterdir()}
    assert [segment.SegmentLabel for segment in file.SegmentSequence] == list(CLASSES)
    types = [segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning for segment in file.SegmentSequence]
    assert types == ["Liver", "Kidney", "Anatomical Structure", "Aorta"]


def test_both_kidneys_are_told_apart_by_a_modifier(tmp_path: Path, scan: Volume) -> None:
    write_dicom_seg(tmp_path / "seg.dcm", make_labels(scan), scan, ("liver", "kidney_left", "right kidney"))
    segments = pydicom.dcmread(tmp_path / "seg.dcm").SegmentSequence
    kinds = [segment.SegmentedPropertyTypeCodeSequence[0] for segment in segments]
    assert "SegmentedPropertyTypeModifierCodeSequence" not in kinds[0]
    sides = [kind.SegmentedPropertyTypeModifierCodeSequence for kind in kinds[1:]]
    assert [len(side) for side in sides] == [1, 1]
    assert [side[0].CodeValue for side in sides] == ["7771000", "24028007"]
    assert {kind.CodeMeaning for kind in kinds[1:]} == {"Kidney"}


def test_segments_have_the_colours_of_the_preview(tmp_path: Path, scan: Volume) -> None:
    write_dicom_seg(tmp_path / "seg.dcm", make_labels(scan), scan, CLASSES)
    segments = pydicom.dcmread(tmp_path / "seg.dcm").SegmentSequence
    colours = organ_colours(range(1, 5))
    assert [list(segment.RecommendedDisplayCIELabValue) for segment in segments] == list(map(cielab, colours.values()))
    # under D50: white has no hue, and red is L 54.29, a 80.81, b 69.89
    assert cielab((1, 1, 1)) == [65535, 32896, 32896]
    assert cielab((0, 0, 0)) == [0, 32896, 32896]
    red = [65535 * part for part in (0.5429, (80.81 + 128) / 255, (69.89 + 128) / 255)]
    np.testing.assert_allclose(cielab((1, 0, 0)), red, atol=10)


def test_some_organs_alone_are_numbered_from_one(tmp_path: Path, scan: Volume) -> None:
    labels = make_labels(scan)
    write_dicom_seg(tmp_path / "seg.dcm", labels, scan, CLASSES, ("something else", "liver"))
    file = pydicom.dcmread(tmp_path / "seg.dcm")
    assert [segment.SegmentLabel for segment in file.SegmentSequence] == ["liver", "something else"]
    places = label_places(labels)
    assert segment_places(tmp_path / "seg.dcm") == {1: places[1], 2: places[3]}


# as labels


@pytest.fixture
def segmentation(tmp_path: Path, scan: Volume) -> Path:
    write_dicom_seg(tmp_path / "labels" / "p1.dcm", make_labels(scan), scan, CLASSES)
    return tmp_path / "labels" / "p1.dcm"


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "SPL"])
def test_a_segmentation_is_read_where_it_lies(segmentation: Path, scan: Volume, orientation: str) -> None:
    turned = scan.oriented(orientation)
    labels = read_segmentation(segmentation, turned)
    np.testing.assert_array_equal(labels.voxels, make_labels(scan).oriented(orientation).voxels)
    assert label_names(labels) == dict(enumerate(CLASSES, start=1))


def test_a_data_set_may_have_segmentations_for_labels(tmp_path: Path, segmentation: Path, scan: Volume) -> None:
    shutil.copytree(SERIES, tmp_path / "images" / "p1")
    # by the names in the file, whatever the numbers
    evaluation = evaluate(tmp_path, segmentation.parent, labels=None)
    assert evaluation.organs == CLASSES
    assert evaluation.scores["dice_sound"][0, :3].tolist() == [1, 1, 1]
    (case,) = find_cases(tmp_path)
    _, labels = read_labelled(case, ("aorta", "kidney left", "liver"))
    assert np.unique(labels.voxels).tolist() == [0, 2, 3]
    preparation = Preparation(LabelMap(("kidney",), {0: 0, 2: 1}, others=True), "range")
    assert prepare(tmp_path, tmp_path / "out", preparation).exit_code == 0
    assert sum(len(classes) for classes in open_slices(tmp_path / "out").present()) == 1
    # a folder with this one file does as well
    (segmentation.parent / "p1").mkdir()
    segmentation.rename(segmentation.parent / "p1" / "seg")
    assert evaluate(tmp_path, segmentation.parent).scores["dice_sound"][0, 0] == 1


def test_a_map_of_all_segments_is_read(segmentation: Path, scan: Volume) -> None:
    file = pydicom.dcmread(segmentation)
    labels = make_labels(scan)
    file.SegmentationType, file.BitsAllocated, file.BitsStored, file.HighBit = "LABELMAP", 8, 8, 7
    frames = [group.PlanePositionSequence[0].ImagePositionPatient for group in file.PerFrameFunctionalGroupsSequence]
    firsts = [frames.index(place) for place in frames]
    kept = [number for number, first in enumerate(firsts) if number == first]
    groups = [file.PerFrameFunctionalGroupsSequence[number] for number in kept]
    heights = [float(group.PlanePositionSequence[0].ImagePositionPatient[2]) for group in groups]
    slices = [int(np.rint((height - scan.affine[2, 3]) / scan.affine[2, 2])) for height in heights]
    file.PerFrameFunctionalGroupsSequence = groups
    file.NumberOfFrames = len(kept)
    file.PixelData = labels.voxels[slices].tobytes()
    file.save_as(segmentation)
    np.testing.assert_array_equal(read_segmentation(segmentation, scan).voxels, labels.voxels)


def test_where_segments_overlap_the_later_one_is_seen(segmentation: Path, scan: Volume) -> None:
    file = pydicom.dcmread(segmentation)
    for group in file.PerFrameFunctionalGroupsSequence:
        identification = group.SegmentIdentificationSequence[0]
        if identification.ReferencedSegmentNumber == 3:
            group.PlanePositionSequence = file.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence
    frames = np.zeros_like(file.pixel_array)
    frames[:, 4, 4] = 1
    file.PixelData = np.packbits(frames.ravel(), bitorder="little").tobytes()
    file.save_as(segmentation)
    with pytest.warns(UserWarning, match="in 1 voxels segments overlap"):
        labels = read_segmentation(segmentation, scan)
    assert np.bincount(labels.voxels.ravel())[1:].tolist() == [2, 1, 1]


def test_segmentations_that_are_no_labels_of_a_scan_are_refused(
    tmp_path: Path, segmentation: Path, scan: Volume
) -> None:
    def changed(**values: Any) -> Path:
        file = pydicom.dcmread(segmentation)
        for name, value in values.items():
            setattr(file, name, value)
        file.save_as(tmp_path / "changed.dcm")
        return tmp_path / "changed.dcm"

    between = Volume(scan.voxels, scan.affine @ np.diag([1.1, 1, 1, 1]), True)
    small = Volume(scan.voxels[:2], scan.affine, True)
    for path, volume, complaint in (
        (segmentation, between, "between the voxels of"),
        (segmentation, small, "reaches outside"),
        (segmentation, Volume(scan.voxels), "does not say where"),
        (changed(SegmentationType="FRACTIONAL"), scan, "holds fractions"),
    ):
        with pytest.raises(InputError, match=complaint) as caught:
            read_segmentation(path, volume)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no segments"):
        read_segmentation(changed(SegmentSequence=[]), scan)
    file = pydicom.dcmread(segmentation)
    del file.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence
    file.save_as(segmentation)
    with pytest.raises(InputError, match="frame 2 does not say where it lies"):
        read_segmentation(segmentation, scan)
    assert find_segmentation(next(SERIES.iterdir())) is None
    assert find_segmentation(SERIES) is None


def test_frames_of_one_file_are_put_where_they_lie(tmp_path: Path) -> None:
    """An enhanced file whose frames lie in another order than they are stored in."""
    slices = [pydicom.dcmread(path) for path in sorted(SERIES.iterdir())]
    slices = [slices[number] for number in (3, 0, 4, 1, 2)]
    enhanced = deepcopy(slices[0])
    enhanced.NumberOfFrames = len(slices)
    enhanced.PixelData = b"".join(dataset.PixelData for dataset in slices)
    enhanced.SOPClassUID = enhanced.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"

    def group(source: Any, *names: str) -> Any:
        item = pydicom.Dataset()
        for name in names:
            setattr(item, name, source[name].value)
        return [item]

    enhanced.PerFrameFunctionalGroupsSequence = [pydicom.Dataset() for _ in slices]
    for item, dataset in zip(enhanced.PerFrameFunctionalGroupsSequence, slices, strict=True):
        item.PlanePositionSequence = group(dataset, "ImagePositionPatient")
    shared = pydicom.Dataset()
    shared.PlaneOrientationSequence = group(slices[0], "ImageOrientationPatient")
    shared.PixelMeasuresSequence = group(slices[0], "PixelSpacing", "SliceThickness")
    enhanced.SharedFunctionalGroupsSequence = [shared]
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        del enhanced[name]
    enhanced.save_as(tmp_path / "enhanced.dcm")

    scan = read_volume(tmp_path / "enhanced.dcm")
    np.testing.assert_array_equal(scan.voxels, read_volume(SERIES).voxels)
    labels = make_labels(scan)
    write_dicom_seg(tmp_path / "seg.dcm", labels, scan, CLASSES)
    assert segment_places(tmp_path / "seg.dcm") == label_places(labels)


def test_anonymous_files_will_do(tmp_path: Path, scan: Volume) -> None:
    for path in SERIES.iterdir():
        dataset = pydicom.dcmread(path)
        for name in ("PatientName", "PatientID", "StudyDate", "PatientBirthDate", "AccessionNumber"):
            if name in dataset:
                del dataset[name]
        dataset.save_as(tmp_path / path.name)
    anonymous = read_volume(tmp_path)
    write_dicom_seg(tmp_path / "seg.dcm", make_labels(anonymous), anonymous, CLASSES)
    assert segment_places(tmp_path / "seg.dcm") == label_places(make_labels(scan))
    origin: Any = anonymous.origin
    assert "PatientID" not in origin.headers[0]


def test_slices_of_a_tilted_gantry_are_segmented_where_they_lie(tmp_path: Path) -> None:
    for number, path in enumerate(sorted(SERIES.iterdir())):
        dataset = pydicom.dcmread(path)
        left, _, up = dataset.ImagePositionPatient
        # shifted to the back by as much as a gantry tilted by 11 degrees does
        dataset.ImagePositionPatient = [left, 100 + 0.2 * float(up), up]
        (tmp_path / "series").mkdir(exist_ok=True)
        dataset.save_as(tmp_path / "series" / f"{9 - number}.dcm")
    tilted = read_volume(tmp_path / "series")
    axes = tilted.affine[:3, :3] / np.linalg.norm(tilted.affine[:3, :3], axis=0)
    assert abs(axes[:, 1] @ axes[:, 2]) > 0.1
    labels = make_labels(tilted)
    write_dicom_seg(tmp_path / "seg.dcm", labels, tilted, CLASSES)
    assert segment_places(tmp_path / "seg.dcm") == label_places(labels)


def test_nothing_found_is_a_segmentation_too(tmp_path: Path, scan: Volume) -> None:
    write_dicom_seg(tmp_path / "seg.dcm", scan.with_voxels(np.zeros(scan.voxels.shape, np.uint8)), scan, CLASSES)
    assert segment_places(tmp_path / "seg.dcm") == {}


def test_other_scans_are_refused(tmp_path: Path, scan: Volume) -> None:
    path, labels = tmp_path / "seg.dcm", make_labels(scan)
    elsewhere = Volume(labels.voxels, labels.affine + np.eye(4, k=3), located=True)
    for wrong, source, complaint in (
        (
            labels,
            Volume(scan.voxels, scan.affine, located=True, source=Path("scan.nii")),
            r"scan\.nii: .* scan is none",
        ),
        (labels, Volume(scan.voxels), "this scan is none"),
        (elsewhere, scan, "do not lie where"),
        (Volume(labels.voxels[1:], labels.affine, located=True), scan, "do not lie where"),
        (labels.with_voxels(labels.voxels + 3), scan, "label 6 among the labels, but there are 4 classes"),
    ):
        with pytest.raises(InputError, match=complaint) as caught:
            write_dicom_seg(path, wrong, source, CLASSES)
        assert "\n" not in str(caught.value)
    assert not path.exists()


def test_headers_that_lack_too_much_are_refused(tmp_path: Path) -> None:
    shutil.copytree(SERIES, tmp_path / "series")
    for path in (tmp_path / "series").iterdir():
        dataset = pydicom.dcmread(path)
        del dataset.FrameOfReferenceUID
        dataset.save_as(path)
    scan = read_volume(tmp_path / "series")
    with pytest.raises(InputError, match="FrameOfReferenceUID"):
        write_dicom_seg(tmp_path / "seg.dcm", make_labels(scan), scan, CLASSES)


def test_without_highdicom_the_message_names_what_to_install(
    tmp_path: Path, scan: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        if name == "highdicom":
            raise ModuleNotFoundError("No module named 'highdicom'", name="highdicom")
        return import_module(name)

    monkeypatch.setattr("hsam_medseg.inference.dicom_seg.import_module", missing)
    with pytest.raises(InputError, match=r'pip install "hsam-medseg\[dicom-seg\]"'):
        write_dicom_seg(tmp_path / "seg.dcm", make_labels(scan), scan, CLASSES)
