"""NIfTI in and out: axes and affine as nibabel has them, headers kept, damaged files refused."""

from __future__ import annotations

import gzip
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.medical import ScanReader, Volume
from visioncore.medical.nifti import write_nifti
from visioncore.medical.nifti_files import is_nifti, open_nifti
from visioncore.testing.refusals import refusal

nibabel: Any = import_module("nibabel")
read_volume = ScanReader().read

SAMPLES = Path(nibabel.__file__).parent / "tests" / "data"
"""What nibabel brings along."""

OBLIQUE = np.array([[0.1, -1.9, 0.5, 30], [0.7, 0.2, 1.5, -20], [-0.2, 0.3, 4.5, 7], [0, 0, 0, 1.0]])
"""Anisotropic, oblique, sheared: the nearest orientation is ALS."""


def write(path: Path, array: Any, affine: Any = OBLIQUE, kind: Any = nibabel.Nifti1Image) -> Path:
    nibabel.save(kind(array, affine), path)
    return path


def values(shape: tuple[int, ...] = (5, 4, 3), dtype: type = np.int16) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


refused = partial(refusal, read_volume)


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.float64, ">i2"])
def test_a_volume_is_read_slice_row_column(tmp_path: Path, name: str, kind: Any, dtype: Any) -> None:
    array = values(dtype=dtype)
    volume = read_volume(write(tmp_path / name, array, kind=kind))
    assert volume.voxels.shape == (3, 4, 5)
    assert volume.voxels.dtype == np.dtype(dtype).newbyteorder("=")
    assert volume.voxels.dtype.isnative
    np.testing.assert_array_equal(volume.voxels, array.transpose(2, 1, 0))
    np.testing.assert_allclose(volume.affine, OBLIQUE, atol=1e-5)
    assert volume.located
    assert volume.orientation == "ALS" == "".join(nibabel.aff2axcodes(OBLIQUE))
    assert volume.spacing == pytest.approx(tuple(nibabel.affines.voxel_sizes(OBLIQUE)[::-1]), rel=1e-5)
    assert volume.voxel_ml == pytest.approx(abs(np.linalg.det(OBLIQUE[:3, :3])) / 1000, rel=1e-5)


@pytest.mark.parametrize("name", ["anatomical.nii", "standard.nii.gz", "reoriented_anat_moved.nii"])
def test_samples_of_nibabel_turn_as_nibabel_turns_them(name: str) -> None:
    volume = read_volume(SAMPLES / name)
    image = nibabel.load(SAMPLES / name)
    np.testing.assert_allclose(volume.voxels, image.get_fdata().T, rtol=1e-6)
    assert volume.orientation == "".join(nibabel.aff2axcodes(image.affine))
    upright, canonical = volume.oriented("RAS"), nibabel.as_closest_canonical(image)
    np.testing.assert_allclose(upright.voxels, canonical.get_fdata().T, rtol=1e-6)
    np.testing.assert_allclose(upright.affine, canonical.affine, atol=1e-4)


def test_scaled_values_are_rescaled(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii", values())
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([2, -1024], np.float32).tobytes()  # scl_slope and scl_inter
    path.write_bytes(content)
    scaled = read_volume(path).voxels
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, values().transpose(2, 1, 0) * 2.0 - 1024)


@pytest.mark.parametrize(("unit", "millimetres"), [("mm", 1), ("unknown", 1), ("micron", 1e-3), ("meter", 1e3)])
def test_lengths_become_millimetres_and_go_back(tmp_path: Path, unit: str, millimetres: float) -> None:
    image = nibabel.Nifti1Image(values(dtype=np.uint8), OBLIQUE)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "scan.nii")
    volume = read_volume(tmp_path / "scan.nii")
    np.testing.assert_allclose(volume.affine[:3], OBLIQUE[:3] * millimetres, rtol=1e-5)
    write_nifti(tmp_path / "labels.nii", volume.voxels, volume)
    written = nibabel.load(tmp_path / "labels.nii")
    np.testing.assert_array_equal(written.affine, image.affine.astype(np.float32))
    assert written.header.get_xyzt_units()[0] == unit


def test_a_code_of_no_unit_means_millimetres(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(values(dtype=np.uint8), OBLIQUE)
    image.header["xyzt_units"] = 96 + 7
    nibabel.save(image, tmp_path / "scan.nii")
    np.testing.assert_allclose(read_volume(tmp_path / "scan.nii").affine, OBLIQUE, rtol=1e-5)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize(("sform", "qform"), [(1, 0), (2, 1), (0, 1), (4, 4)])
def test_other_values_keep_geometry_and_codes_to_the_bit(tmp_path: Path, kind: Any, sform: int, qform: int) -> None:
    image = kind(values(dtype=np.float32), None)
    rigid = np.diag([2.0, 3.0, 4.0, 1.0])
    rigid[:3, 3] = 0.1, -7.3, 1e3 / 3
    image.set_sform(rigid + (np.eye(4, k=1) * 0.3 if qform == 0 else 0), sform)
    image.set_qform(rigid, qform)
    image.header["descrip"], image.header["cal_max"] = b"of a scanner", 300
    nibabel.save(image, tmp_path / "scan.nii.gz")
    volume = read_volume(tmp_path / "scan.nii.gz")
    write_nifti(tmp_path / "deep" / "labels.nii.gz", (volume.voxels % 3).astype(np.uint8), volume)

    read, written = nibabel.load(tmp_path / "scan.nii.gz"), nibabel.load(tmp_path / "deep" / "labels.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), np.asarray(read.dataobj) % 3)
    np.testing.assert_array_equal(written.affine, read.affine)
    assert written.get_data_dtype() == np.uint8
    assert type(written) is kind
    for name in ("sform_code", "qform_code", "pixdim", "quatern_b", "qoffset_x", "srow_x", "xyzt_units", "descrip"):
        np.testing.assert_array_equal(written.header[name], read.header[name], err_msg=name)
    assert written.header["cal_max"] == 0


def test_a_turned_volume_is_written_where_it_lies(tmp_path: Path) -> None:
    volume = read_volume(write(tmp_path / "scan.nii", values(dtype=np.uint8)))
    turned = volume.oriented("LPS")
    write_nifti(tmp_path / "turned.nii", turned.voxels, turned)
    image = nibabel.as_closest_canonical(nibabel.load(tmp_path / "turned.nii"))
    expected = nibabel.as_closest_canonical(nibabel.load(tmp_path / "scan.nii"))
    np.testing.assert_array_equal(np.asarray(image.dataobj), np.asarray(expected.dataobj))
    np.testing.assert_allclose(image.affine, expected.affine, atol=1e-4)


def test_a_volume_that_was_no_nifti_gets_both_forms(tmp_path: Path) -> None:
    affine = np.diag([-2.0, -3.0, 4.0, 1.0])
    write_nifti(tmp_path / "labels.nii.gz", values(dtype=np.uint8), Volume(values(), affine, located=True))
    header = nibabel.load(tmp_path / "labels.nii.gz").header
    np.testing.assert_allclose(header.get_sform(), affine)
    np.testing.assert_allclose(header.get_qform(), affine, atol=1e-6)
    assert header.get_xyzt_units()[0] == "mm"


# channels, and extensions


def test_a_fourth_axis_may_be_channels(tmp_path: Path) -> None:
    read = ScanReader(channels=True).read
    for count, expected in ((3, [0, 1, 2]), (2, [0, 1, 0])):
        array = values((5, 4, 3, count))
        voxels = read(write(tmp_path / "scan.nii", array)).voxels
        np.testing.assert_array_equal(voxels, array.transpose(2, 1, 0, 3)[..., expected])
    assert read(write(tmp_path / "scan.nii", values((5, 4, 3, 1)))).voxels.shape == (3, 4, 5)
    assert "or give 2 or 3 of them" in refusal(read, write(tmp_path / "scan.nii", values((5, 4, 3, 4))))


def test_a_header_gets_an_extension(tmp_path: Path) -> None:
    place = read_volume(write(tmp_path / "scan.nii", values()))
    for content in (b"first", b"second"):
        write_nifti(tmp_path / "labels.nii.gz", place.voxels, place, extension=(0, content))
        (extension,) = nibabel.load(tmp_path / "labels.nii.gz").header.extensions
        assert (extension.get_code(), extension.content.rstrip(b"\0")) == (0, content)
        place = read_volume(tmp_path / "labels.nii.gz")
        np.testing.assert_array_equal(place.voxels, values().transpose(2, 1, 0))


# what is refused, and what is only told


@pytest.mark.parametrize(
    ("shape", "expected"), [((5, 4, 3, 1), (3, 4, 5)), ((5, 4, 3, 1, 1), (3, 4, 5)), ((5, 4), (1, 4, 5))]
)
def test_axes_of_one_are_no_axes(tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert read_volume(write(tmp_path / "scan.nii", values(shape))).voxels.shape == expected


def test_a_volume_over_time_is_refused(tmp_path: Path) -> None:
    assert "4-D, 5 x 4 x 3 x 2" in refused(write(tmp_path / "scan.nii.gz", values((5, 4, 3, 2))))
    assert "4-D" in refused(SAMPLES / "example4d.nii.gz")
    assert "5-D" in refused(write(tmp_path / "vectors.nii.gz", values((5, 4, 3, 1, 3))))


@pytest.mark.parametrize(("steps", "unit", "mm"), [((1, 1, 1), "unknown", 1), ((700, 800, 5), "micron", 0.001)])
def test_a_missing_affine_is_told(tmp_path: Path, steps: tuple[float, float, float], unit: str, mm: float) -> None:
    image = nibabel.Nifti1Image(values(dtype=np.uint8), None)
    image.header.set_zooms(steps)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "scan.nii")
    volume = read_volume(tmp_path / "scan.nii")
    assert "scan.nii: the header has neither sform nor qform" in volume.notes[0]
    assert not volume.located
    assert volume.voxel_ml is None
    assert volume.spacing == pytest.approx([step * mm for step in steps[::-1]])
    assert volume.oriented("LPS") is volume
    write_nifti(tmp_path / "labels.nii", volume.voxels, volume)
    header = nibabel.load(tmp_path / "labels.nii").header
    assert (header["sform_code"], header["qform_code"]) == (0, 0)
    assert header.get_zooms() == pytest.approx(steps)


def test_an_affine_is_no_reason_for_a_note(tmp_path: Path) -> None:
    assert read_volume(write(tmp_path / "scan.nii", values())).notes == ()


@pytest.mark.parametrize("broken", [np.diag([1.0, 0, 1, 1]), np.diag([1.0, np.nan, 1, 1]), np.ones((4, 4))])
def test_a_singular_affine_is_refused(tmp_path: Path, broken: np.ndarray) -> None:
    image = nibabel.Nifti1Image(values(), None)
    image.header.set_sform(broken, 1)
    nibabel.save(image, tmp_path / "scan.nii")
    assert "affine" in refused(tmp_path / "scan.nii")
    volume = ScanReader(placed=False).read(tmp_path / "scan.nii")
    assert not volume.located
    assert volume.notes == ()


@pytest.mark.parametrize("keep", [0.2, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: float) -> None:
    noise = np.random.default_rng(0).integers(0, 30000, (20, 20, 20)).astype(np.int16)
    for name in ("scan.nii.gz", "scan.nii"):
        path = write(tmp_path / name, noise)
        path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
        assert "truncated" in refused(path)


def test_damaged_bytes_in_a_gzip_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii.gz", np.random.default_rng(0).integers(0, 30000, (20, 20, 20)).astype(np.int16))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    path.write_bytes(content)
    assert "damaged" in refused(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_counted(tmp_path: Path, bad: float) -> None:
    array = values(dtype=np.float32)
    array[4, 2, 1] = array[1, 3, 2] = bad
    message = refused(write(tmp_path / "scan.nii.gz", array))
    assert "2 of 60 voxels" in message
    assert "slice 1, row 2, column 4" in message


def test_complex_and_coloured_voxels_are_refused(tmp_path: Path) -> None:
    assert "complex" in refused(write(tmp_path / "complex.nii", values().astype(np.complex64)))
    colours = np.zeros((5, 4, 3), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    assert "RGB" in refused(write(tmp_path / "colours.nii", colours))


def test_another_file_in_a_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.nii.gz"
    path.write_bytes(gzip.compress(b"not a volume " * 100))
    assert "not a NIfTI file" in refused(path)
    assert "not a NIfTI file" in refused(SAMPLES / "nifti1.hdr")


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_either_version_is_read_whatever_its_suffix(tmp_path: Path, name: str, kind: Any) -> None:
    path = write(tmp_path / name, values(), kind=kind)
    assert is_nifti(path.read_bytes()[:8])
    other = path.rename(tmp_path / ("a.nii" if name.endswith(".gz") else "a.nii.gz"))
    np.testing.assert_array_equal(read_volume(other).voxels, values().transpose(2, 1, 0))


def test_a_truncated_header_is_no_nifti(tmp_path: Path) -> None:
    assert not is_nifti(b"\x93NUMPY")
    path = write(tmp_path / "scan.nii", values())
    path.write_bytes(path.read_bytes()[:100])
    assert "not a NIfTI file; header and voxels must be in one .nii or .nii.gz file" in refused(path)


def test_a_checksum_that_does_not_hold_is_seen(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii.gz", values())
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    assert "CRC" in refused(path)


def test_what_is_refused_inside_stays_as_it_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii", values())
    with pytest.raises(InputError, match=r"^no volume$"), open_nifti(path):
        raise InputError("no volume")


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_the_same_values_are_always_the_same_bytes(tmp_path: Path, kind: Any) -> None:
    volume = read_volume(write(tmp_path / "scan.nii", values(dtype=np.uint8), kind=kind))
    for name in ("a.nii.gz", "b.NII.GZ", "c.nii"):
        write_nifti(tmp_path / name, volume.voxels, volume)
    packed = (tmp_path / "a.nii.gz").read_bytes()
    assert packed == (tmp_path / "b.NII.GZ").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "c.nii").read_bytes()
    assert packed[3:8] == bytes(5)  # neither name nor time in it
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nii.gz", "b.NII.GZ", "c.nii", "scan.nii"]


def test_channels_come_last(tmp_path: Path) -> None:
    volume = read_volume(write(tmp_path / "scan.nii.gz", values()))
    channels = np.random.default_rng(0).random((2, *volume.voxels.shape)).astype(np.float32)
    write_nifti(tmp_path / "p.nii.gz", channels, volume)
    image = nibabel.load(tmp_path / "p.nii.gz")
    np.testing.assert_array_equal(image.get_fdata(), channels.transpose(3, 2, 1, 0))
    np.testing.assert_array_equal(image.affine, nibabel.load(tmp_path / "scan.nii.gz").affine)


@pytest.mark.parametrize("slope", [0.0, np.nan])
def test_a_slope_that_is_none_scales_nothing(tmp_path: Path, slope: float) -> None:
    path = write(tmp_path / "scan.nii", values())
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([slope, -1024], np.float32).tobytes()
    path.write_bytes(content)
    np.testing.assert_array_equal(read_volume(path).voxels, values().transpose(2, 1, 0))


# places that nibabel and SimpleITK take differently, and headers that announce too much


def write_header(path: Path, **fields: Any) -> Path:
    """Write a file of 5 x 4 x 3 voxels, 2 x 3 x 4 mm, whose header has these fields; compressed by its suffix."""
    header = nibabel.Nifti1Header()
    header.set_data_shape((5, 4, 3))
    header.set_data_dtype(np.int16)
    header["magic"], header["vox_offset"], header["xyzt_units"] = b"n+1", 352, 2
    header["pixdim"][:4] = (1, 2, 3, 4)
    for name, value in fields.items():
        header[name] = value
    content = header.binaryblock + bytes(4) + values().tobytes(order="F")
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


TURN: dict[str, Any] = {"qform_code": 1, "quatern_b": 0.0, "quatern_c": 0.0, "quatern_d": 1.0, "qoffset_x": 5}
"""A turn by half about the axis upwards."""
TURNED = np.array([[-2, 0, 0, 5], [0, -3, 0, 0], [0, 0, 4, 0], [0, 0, 0, 1.0]])
BOTH = pytest.mark.parametrize("reader", [ScanReader(), ScanReader(placed=False)])


@BOTH
@pytest.mark.parametrize("length", [1 + 1e-6, 1 + 1e-5, 1.0002, 1.01])
def test_a_quaternion_that_is_too_long_is_made_right(tmp_path: Path, reader: ScanReader, length: float) -> None:
    volume = reader.read(write_header(tmp_path / "a.nii", **TURN | {"quatern_d": length}))
    np.testing.assert_allclose(volume.affine, TURNED, atol=1e-3)
    assert volume.located
    write_nifti(tmp_path / "b.nii", volume.voxels, volume)
    np.testing.assert_allclose(nibabel.load(tmp_path / "b.nii").affine, TURNED, atol=1e-3)


@BOTH
@pytest.mark.parametrize("row", [(0, 0, 0, 0), (np.nan, 0, 0, 0), (1, 0, 0, 0)])
def test_a_sform_that_is_none_gives_way_to_the_qform(tmp_path: Path, reader: ScanReader, row: Any) -> None:
    volume = reader.read(write_header(tmp_path / "a.nii", **TURN, sform_code=1, srow_x=row))
    np.testing.assert_allclose(volume.affine, TURNED, atol=1e-5)
    assert "the sform in the header is singular; the qform is taken" in volume.notes[0]


def test_both_places_are_those_that_simpleitk_takes(tmp_path: Path) -> None:
    sitk: Any = pytest.importorskip("SimpleITK")
    for fields in (TURN | {"quatern_d": 1.0002}, TURN | {"sform_code": 1}):
        path = write_header(tmp_path / "a.nii", **fields)
        image = sitk.ReadImage(str(path))
        affine = np.eye(4)
        affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
        affine[:3, 3] = image.GetOrigin()
        np.testing.assert_allclose(read_volume(path).affine, np.diag([-1, -1, 1, 1]) @ affine, atol=1e-4)


@pytest.mark.parametrize("step", [0.0, -4.0, np.nan])
def test_a_spacing_that_is_not_above_0_is_told(tmp_path: Path, step: float) -> None:
    steps: dict[str, Any] = {"pixdim": [1, 2, 3, step, 0, 0, 0, 0]}
    told = f"the spacing in the header is 2 x 3 x {step:g} (columns x rows x slices)"
    path = write_header(tmp_path / "a.nii", **TURN, **steps)
    assert told in refused(path)
    assert not ScanReader(placed=False).read(path).located
    rows: dict[str, Any] = {"srow_x": (2, 0, 0, 0), "srow_y": (0, 3, 0, 0), "srow_z": (0, 0, 4, 0)}
    volume = read_volume(write_header(tmp_path / "b.nii", **steps, sform_code=1, **rows))
    assert volume.spacing == pytest.approx((4, 3, 2))
    assert f"{told}; that of the sform is taken" in volume.notes[0]


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize(
    "fields", [{"dim": [3, 30000, 30000, 30000, 1, 1, 1, 1]}, {"vox_offset": 2e12}, {"dim": [3, -5, 4, 3, 1, 1, 1, 1]}]
)
def test_what_a_header_announces_is_bounded(tmp_path: Path, name: str, fields: dict[str, Any]) -> None:
    message = refused(write_header(tmp_path / name, **fields))
    assert "it can hold no more than" in message or "each axis must have some" in message


def test_the_limit_is_named_and_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_header(tmp_path / "a.nii.gz")
    monkeypatch.setenv("VISIONCORE_MOST_GB", "4e-7")
    told = "takes 472 bytes of memory, more than the limit of 4e-07 GB; if that is right, set VISIONCORE_MOST_GB to a"
    assert told in refused(path)
    monkeypatch.setenv("VISIONCORE_MOST_GB", "5e-7")
    assert read_volume(path).voxels.shape == (3, 4, 5)
    monkeypatch.setenv("VISIONCORE_MOST_GB", "lots")
    with pytest.raises(InputError, match="VISIONCORE_MOST_GB is 'lots'; it must be a number of gigabytes above 0"):
        read_volume(path)


def test_a_long_tail_in_a_gzip_is_not_read(tmp_path: Path) -> None:
    content = write_header(tmp_path / "a.nii").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content + bytes(1000)))
    assert read_volume(tmp_path / "a.nii.gz").voxels.shape == (3, 4, 5)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(content + bytes(2**21)))
    message = refused(tmp_path / "b.nii.gz")
    assert "more than 1,048,576 bytes follow the voxels; a NIfTI file ends with them" in message
