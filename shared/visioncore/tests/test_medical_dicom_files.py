"""DICOM: which files are, which series is meant, what headers say of a slice, and pixels as they are stored."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.medical.dicom_files import choose_series, header_damage, is_dicom, modalities, read_headers, read_pixels
from visioncore.medical.dicom_frames import Frame, frames_of, in_order
from visioncore.testing.refusals import refusal

pydicom: Any = import_module("pydicom")
SAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"
AXIAL = [1, 0, 0, 0, 1, 0]


refused = partial(refusal, read_pixels)


# files


def test_dicom_is_known_by_its_mark_or_its_suffix(tmp_path: Path) -> None:
    for name in ("marked", "DICOMDIR"):
        (tmp_path / name).write_bytes(bytes(128) + b"DICM")
    for name in ("old.IMA", "notes.txt", "short"):
        (tmp_path / name).write_text("short")
    (tmp_path / "folder.dcm").mkdir()
    assert [path.name for path in sorted(tmp_path.iterdir()) if is_dicom(path)] == ["marked", "old.IMA"]
    assert not is_dicom(tmp_path / "none.dcm")


def test_headers_come_in_the_order_of_names(tmp_path: Path) -> None:
    for name, sample in (("im10", "CT_small"), ("im9", "MR_small"), ("im11", "rtplan")):
        (tmp_path / name).write_bytes((SAMPLES / f"{sample}.dcm").read_bytes())
    (tmp_path / "notes.txt").write_text("of the radiologist")
    headers = read_headers(tmp_path)
    assert [file.name for file in headers] == ["im9", "im10", "im11"]
    assert all("PixelData" not in header for header in headers.values())
    assert modalities(headers) == "CT, MR, RTPLAN"
    assert modalities(read_headers(tmp_path / "notes.txt")) == "no DICOM file"
    assert list(read_headers(tmp_path / "im9")) == [tmp_path / "im9"]


def test_one_series_is_chosen_of_several(tmp_path: Path) -> None:
    headers: dict[Path, Any] = {
        Path("a"): {"SeriesInstanceUID": "1.2", "SeriesDescription": "scout", "Modality": "CT"},
        Path("b"): {"SeriesInstanceUID": "1.3", "Modality": "CT", "NumberOfFrames": "4"},
        Path("c"): {"SeriesInstanceUID": "1.3", "Modality": "CT"},
        Path("d"): {},
    }
    listed = r"1\.2 \(scout, 1 slice\); 1\.3 \(CT, 5 slices\); without UID \(no description, 1 slice\)$"
    assert list(choose_series(tmp_path, headers, "1.3")) == [Path("b"), Path("c")]
    with pytest.raises(InputError, match=f"holds 3 series; choose one by its UID: {listed}"):
        choose_series(tmp_path, headers, None)
    with pytest.raises(InputError, match=rf"no series 1\.4 in it; there is {listed}"):
        choose_series(tmp_path, headers, "1.4")
    alone = {Path("a"): headers[Path("a")]}
    assert choose_series(tmp_path, alone, None) == alone


# pixels


def test_pixels_of_one_slice_of_several_and_in_colour() -> None:
    assert read_pixels(SAMPLES / "MR_small.dcm").shape == (1, 64, 64)
    assert read_pixels(SAMPLES / "examples_rgb_color.dcm").shape == (1, 240, 320, 3)
    assert read_pixels(SAMPLES / "SC_rgb_rle_2frame.dcm").shape == (2, 100, 100, 3)


def test_a_file_that_names_no_syntax_has_the_default_one(tmp_path: Path) -> None:
    path = tmp_path / "old.dcm"
    data = pydicom.dcmread(SAMPLES / "MR_small_implicit.dcm")
    data.preamble, data.file_meta = None, pydicom.dataset.FileMetaDataset()
    data.save_as(path, implicit_vr=True, little_endian=True)
    assert path.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_pixels(path), read_pixels(SAMPLES / "MR_small_implicit.dcm"))


def test_damage_is_told_in_one_line(tmp_path: Path) -> None:
    content = (SAMPLES / "MR_small.dcm").read_bytes()
    (tmp_path / "short.dcm").write_bytes(content[:-3000])
    assert "the pixels are missing, damaged or of an unusual kind (" in refused(tmp_path / "short.dcm")
    (tmp_path / "shorter.dcm").write_bytes(content[:142])
    assert "the DICOM file is truncated or damaged (" in refused(tmp_path / "shorter.dcm")
    with (
        pytest.raises(InputError, match=r"scan: the DICOM header is damaged \(could not .* 'a\.b'\); export it again$"),
        header_damage(Path("scan")),
    ):
        float("a.b")
    with pytest.raises(InputError, match=r"^known$"), header_damage(Path("scan")):
        raise InputError("known")


def test_compressed_pixels_name_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = import_module("pydicom.pixels").get_decoder("1.2.840.10008.1.2.4.80")
    monkeypatch.setattr(type(decoder), "is_available", property(lambda found: found.UID != decoder.UID))
    told = refused(SAMPLES / "MR_small_jpeg_ls_lossless.dcm")
    assert "JPEG-LS Lossless" in told
    assert told.endswith('run: pip install "visioncore[dicom-compressed]"')


# slices


def test_a_frame_speaks_for_itself_before_its_file_does() -> None:
    header: dict[str, Any] = {
        "NumberOfFrames": 3,
        "PerFrameFunctionalGroupsSequence": [
            {"PlanePositionSequence": [{"ImagePositionPatient": [0, 0, 5]}]},
            {"PixelValueTransformationSequence": [{"RescaleSlope": 2}]},
        ],
        "SharedFunctionalGroupsSequence": [{"PixelValueTransformationSequence": [{"RescaleSlope": 3}]}],
        "RescaleSlope": 4,
        "RescaleIntercept": -1024,
        "ImagePositionPatient": [0, 0, 7],
    }
    frames = frames_of({Path("a"): header})
    assert [frame.number for frame in frames] == [0, 1, 2]
    assert [frame.get("RescaleSlope") for frame in frames] == [3, 2, 3]
    assert [frame.get("RescaleIntercept") for frame in frames] == [-1024] * 3
    assert [None if (place := frame.position) is None else place[2] for frame in frames] == [5, None, None]
    assert Frame(Path("a"), {**header, "NumberOfFrames": 1}, 1).get("ImagePositionPatient") == [0, 0, 7]


def slices(heights: list[float | None], **attributes: Any) -> list[Frame]:
    values = {"ImageOrientationPatient": AXIAL, **attributes}
    places = [{} if height is None else {"ImagePositionPatient": [3, 4, height]} for height in heights]
    return [Frame(Path(f"{number}.dcm"), {**values, **place}) for number, place in enumerate(places)]


def test_slices_lie_in_order_along_their_normal() -> None:
    frames = slices([10, 0, 5, 5])
    ordered, heights = in_order(frames[::-1])
    assert [frame.file.stem for frame in ordered] == ["1", "2", "3", "0"]
    assert heights is not None
    assert heights.tolist() == [0, 5, 5, 10]
    # looked at from the other side, and with cosines that are not of length 1
    ordered, heights = in_order(slices([10, 0, 5], ImageOrientationPatient=[2, 0, 0, 0, -1, 0]))
    assert [frame.file.stem for frame in ordered] == ["0", "2", "1"]
    assert heights is not None
    assert heights.tolist() == [-10, -5, 0]


@pytest.mark.parametrize(("heights", "orientation"), [([5, None, 0], AXIAL), ([5, 3, 0], None)])
def test_slices_of_unknown_place_go_by_their_numbers(heights: list[float | None], orientation: Any) -> None:
    frames = slices(heights, ImageOrientationPatient=orientation)
    for frame, number in zip(frames, (10, 9, 9), strict=True):
        frame.header["InstanceNumber"] = number
    ordered, unknown = in_order(frames)
    assert [frame.file.stem for frame in ordered] == ["1", "2", "0"]
    assert unknown is None
