"""CT slices: the published layout, what is refused in it, and how scans become slices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clip_denoising.data import prepare as ct_prepare
from clip_denoising.data.ct_slices import find_doses, find_full_dose, patient_of, read_slice
from clip_denoising.data.hounsfield import to_hu, to_unit
from clip_denoising.data.noise import Noise
from clip_denoising.data.patches import Patches
from clip_denoising.data.prepare import find_patients, prepare
from visioncore.errors import InputError
from visioncore.medical.arrays import write_npy


def volume(seed: int = 0, slices: int = 3, side: int = 20) -> Any:
    return np.random.default_rng(seed).integers(-1024, 2000, (slices, side, side + 4)).astype(np.float32)


def silent(line: str) -> None:
    raise AssertionError(f"nothing was to be told: {line}")


def write_slices(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        np.save(folder / name, np.full((6, 8), 0.25, np.float32))


def test_stored_values_are_hounsfield_units_shifted_and_scaled() -> None:
    hu = np.array([-3024.0, -1024, 0, 1024, 3072, 4000])
    stored = to_unit(hu)
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored[1:5], [0, 0.25, 0.5, 1])
    np.testing.assert_array_equal(to_hu(stored), hu)  # nothing is clipped


# the published layout


def test_slices_are_paired_by_patient_and_index(tmp_path: Path) -> None:
    write_slices(tmp_path, [f"{p}_{i}_{d}.npy" for p in ("L067", "L506") for i in (2, 10) for d in ("input", "target")])
    pairs = find_doses(tmp_path)
    assert [pair.noisy.name for pair in pairs] == [
        "L067_2_input.npy", "L067_10_input.npy", "L506_2_input.npy", "L506_10_input.npy"
    ]  # fmt: skip
    assert all(pair.clean.name == pair.noisy.name.replace("input", "target") for pair in pairs)
    assert [path.name for path in find_full_dose(tmp_path, ["L506"])] == ["L506_2_target.npy", "L506_10_target.npy"]
    assert patient_of(pairs[0].clean) == "L067"


def test_slices_without_a_partner_are_listed(tmp_path: Path) -> None:
    write_slices(tmp_path, ["A_1_input.npy", "A_1_target.npy", "A_2_input.npy", "A_3_target.npy"])
    with pytest.raises(InputError, match=r"1 slices have no partner \*_target\.npy: A_2_input\.npy"):
        find_doses(tmp_path)
    (tmp_path / "A_2_input.npy").unlink()
    with pytest.raises(InputError, match=r"1 slices have no partner \*_input\.npy: A_3_target\.npy"):
        find_doses(tmp_path)
    assert len(find_full_dose(tmp_path)) == 2


def test_missing_patients_and_other_names_are_refused(tmp_path: Path) -> None:
    write_slices(tmp_path, ["A_1_target.npy"])
    with pytest.raises(InputError, match=r"no slice of B, C at this dose; .*; patients there are A"):
        find_full_dose(tmp_path, ["A", "C", "B"])
    with pytest.raises(InputError, match=r"no slice at this dose; they are named <patient>_<index>_input\.npy"):
        find_doses(tmp_path)
    write_slices(tmp_path, ["A_01_target.npy"])
    with pytest.raises(InputError, match="is the same slice"):
        find_full_dose(tmp_path)
    write_slices(tmp_path / "others", ["other.npy"])
    with pytest.raises(InputError, match=r"other\.npy: slices are named"):
        find_full_dose(tmp_path / "others")


def test_slices_become_patches_of_one_channel(tmp_path: Path) -> None:
    np.save(tmp_path / "A_0_target.npy", to_unit(volume()[0]).astype(np.float64))
    source = Patches(find_full_dose(tmp_path), Noise("gaussian", 5.0), patch=16, read=read_slice)
    sample = source.sample(0, np.random.default_rng(0))
    assert sample["clean"].shape == (1, 16, 16)
    assert sample["clean"].dtype == torch.float32
    residual = source.centre(0)["noisy"] - source.centre(0)["clean"]
    assert residual.std() * 4096 == pytest.approx(80.3, rel=0.1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((4, 4), np.nan), "values that are not finite"),
        (np.full((4, 4), np.inf), "values that are not finite"),
        (np.full((4, 4), -1000), "are Hounsfield units, it seems"),
        (np.full((2, 4, 4), 0.5), r"holds \(2, 4, 4\) float64; a slice is \(rows, columns\)"),
        (np.full((4, 0), 0.5), "a slice is"),
        (np.full((4, 4), 0.5j), "a slice is"),
    ],
)
def test_slices_that_are_none(tmp_path: Path, values: Any, message: str) -> None:
    np.save(tmp_path / "A_0_input.npy", values)
    with pytest.raises(InputError, match=message):
        read_slice(tmp_path / "A_0_input.npy")


def test_files_that_are_damaged_or_hold_objects(tmp_path: Path) -> None:
    path = tmp_path / "A_0_input.npy"
    np.save(path, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(InputError, match="not an npy file of numbers, or damaged"):
        read_slice(path)
    np.save(path, np.zeros((20, 20)))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not an npy file of numbers, or damaged"):
        read_slice(path)


# preparation


def test_scans_become_slices(tmp_path: Path) -> None:
    full, quarter = volume(1), volume(2)
    full[0, 0, :5] = -3024  # outside of the field of view
    for name, hu in (("full_1mm", full), ("quarter_1mm", quarter), ("full_3mm", volume(3))):
        (tmp_path / "scans" / "L067").mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "scans" / "L067" / f"{name}.npy", hu)
    with pytest.raises(InputError, match=r"of patient L067 one scan .* full_1mm\.npy, .*name the slice thickness"):
        prepare(tmp_path / "scans", tmp_path / "out")
    summary = prepare(tmp_path / "scans", tmp_path / "out", thickness="1mm", say=silent)
    assert summary.done == [tmp_path / "out" / "L067.json"]
    pairs = find_doses(tmp_path / "out")
    assert len(pairs) == 3
    expected = np.maximum(full, -1024)
    for pair, noisy, clean in zip(pairs, quarter, expected, strict=True):
        np.testing.assert_array_equal(to_hu(read_slice(pair.noisy)[..., 0]), noisy)
        np.testing.assert_array_equal(to_hu(read_slice(pair.clean)[..., 0]), clean)
        assert np.load(pair.clean).dtype == np.float32
    assert json.loads((tmp_path / "out" / "L067.json").read_text())["slices"] == 3


def test_what_is_done_is_not_done_again_and_other_scans_are_refused(tmp_path: Path) -> None:
    (tmp_path / "scans" / "A").mkdir(parents=True)
    for name in ("full_1mm", "full_3mm"):
        np.save(tmp_path / "scans" / "A" / f"{name}.npy", volume())
    prepare(tmp_path / "scans", tmp_path / "out", thickness="1mm", say=silent)
    before = (tmp_path / "out" / "A_0_target.npy").stat().st_mtime_ns
    summary = prepare(tmp_path / "scans", tmp_path / "out", thickness="1mm", say=silent)
    assert summary.skipped == [tmp_path / "out" / "A.json"]
    assert (tmp_path / "out" / "A_0_target.npy").stat().st_mtime_ns == before
    said: list[str] = []
    summary = prepare(tmp_path / "scans", tmp_path / "out", thickness="3mm", say=said.append)
    assert "name another folder, or remove it" in said[0]
    assert summary.exit_code == 1


def test_what_is_half_done_is_done_again_but_not_of_another_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scans" / "A").mkdir(parents=True)
    for name in ("full_1mm", "full_3mm"):
        np.save(tmp_path / "scans" / "A" / f"{name}.npy", volume())

    def killed(path: Path, values: Any) -> None:
        if path.name == "A_2_target.npy":
            raise InputError("the disk is full")
        write_npy(path, values)

    monkeypatch.setattr(ct_prepare, "write_npy", killed)
    assert prepare(tmp_path / "scans", tmp_path / "out", thickness="1mm", say=lambda line: None).exit_code == 1
    monkeypatch.undo()
    said: list[str] = []
    assert prepare(tmp_path / "scans", tmp_path / "out", thickness="3mm", say=said.append).exit_code == 1
    assert "name another folder, or remove it" in said[0]
    assert len(prepare(tmp_path / "scans", tmp_path / "out", thickness="1mm", say=silent).done) == 1
    assert len(find_full_dose(tmp_path / "out")) == 3


def test_a_follow_up_is_not_of_low_dose(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    for name in ("full", "follow-up_full"):
        np.save(tmp_path / "A" / f"{name}.npy", volume())
    with pytest.raises(InputError, match="of patient A one scan with 'full' in its name and at most one"):
        find_patients(tmp_path)
    (tmp_path / "A" / "follow-up_full.npy").rename(tmp_path / "A" / "LowDose.npy")
    assert [each.quarter for each in find_patients(tmp_path)] == [tmp_path / "A" / "LowDose.npy"]


def test_doses_are_told_by_the_names_below_the_patient(tmp_path: Path) -> None:
    for name in ("full/Low Dose Images/1.npy", "full/Full Dose Images/1.npy", "low-quality-hospital/scan/1.npy"):
        (tmp_path / name).parent.mkdir(parents=True)
        np.save(tmp_path / name, volume())
    patients = find_patients(tmp_path)
    assert [(each.patient, each.quarter is not None) for each in patients] == [
        ("full", True),
        ("low-quality-hospital", False),
    ]
    assert patients[0].full.parent.name == "Full Dose Images"
    np.save(tmp_path / "P.npy", volume())
    assert find_patients(tmp_path)[-1].patient == "P" or find_patients(tmp_path)[0].patient == "P"


def test_pairs_of_different_shape_fail_and_the_others_are_prepared(tmp_path: Path) -> None:
    for patient, slices in (("A", 2), ("B", 3)):
        (tmp_path / "scans" / patient).mkdir(parents=True)
        np.save(tmp_path / "scans" / patient / "full.npy", volume())
        np.save(tmp_path / "scans" / patient / "quarter.npy", volume(slices=slices))
    said: list[str] = []
    summary = prepare(tmp_path / "scans", tmp_path / "out", say=said.append)
    assert len(said) == 1
    assert "has another shape (slices, rows, columns) than" in said[0]
    assert [path.name for path in summary.done] == ["B.json"]
    assert len(find_doses(tmp_path / "out")) == 3


def test_a_dicom_series_becomes_slices_from_bottom_to_top(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    stored = np.random.default_rng(0).integers(0, 2000, (3, 12, 10)).astype(np.int16)
    stored[1, 0, 0] = -2000  # padding, as in the Mayo files
    folder = tmp_path / "scans" / "L001" / "full_1mm"
    folder.mkdir(parents=True)
    for number, height in enumerate((2.0, 0.0, 1.0)):  # not in the order of their names
        meta = pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        data = pydicom.dataset.FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        data.Modality, data.SeriesInstanceUID, data.InstanceNumber = "CT", "1.2.3", number + 1
        data.Rows, data.Columns, data.SamplesPerPixel = 12, 10, 1
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.PhotometricInterpretation = "MONOCHROME2"
        data.RescaleSlope, data.RescaleIntercept = 1, -1024
        data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, height], [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness = [1, 1], 1
        data.PixelData = stored[int(height)].tobytes()
        data.save_as(folder / f"{number}.IMA", enforce_file_format=True)
    prepare(tmp_path / "scans", tmp_path / "out", say=silent)
    for index, path in enumerate(find_full_dose(tmp_path / "out")):
        expected = np.where(stored[index] == -2000, 0, stored[index]) / np.float32(4096)
        np.testing.assert_array_equal(np.load(path), expected)
