"""MetaImage and NRRD in and out, with what SimpleITK passes over in their headers; and pairs of header and voxels."""

from __future__ import annotations

import gzip
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.files import partial_path
from visioncore.medical import ScanReader, Volume, write_like
from visioncore.medical.header_and_data import write_both
from visioncore.medical.sitk_images import write_with_sitk
from visioncore.testing.refusals import refusal

nibabel: Any = import_module("nibabel")
sitk: Any = pytest.importorskip("SimpleITK")

read = ScanReader().read
refused = partial(refusal, read)

DIRECTION = (0.0, 1, 0, -1, 0, 0, 0, 0, 1)
MHD = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "1 2 3",
    "ElementSpacing": "0.5 0.6 3",
    "DimSize": "4 3 2",
    "ElementType": "MET_SHORT",
    "ElementDataFile": "a.raw",
}
NRRD = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "4 3 2",
    "space directions": "(0.5,0,0) (0,0.6,0) (0,0,3)",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(1,2,3)",
    "data file": "a.raw",
}
AFFINE = np.array([[-0.5, 0, 0, -1], [0, -0.6, 0, -2], [0, 0, 3, 3], [0, 0, 0, 1]])


def values(shape: tuple[int, ...] = (2, 3, 4), dtype: Any = np.int16) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def write_mhd(folder: Path, **changes: str | None) -> Path:
    """Write a MetaImage header and its data; with other fields, those of None left out."""
    (folder / "a.raw").write_bytes(values().tobytes())
    fields = {**{name: value for name, value in MHD.items() if name not in changes}, **changes}
    if "ElementDataFile" not in changes:
        fields["ElementDataFile"] = fields.pop("ElementDataFile")  # which must be last
    (folder / "a.mhd").write_text("".join(f"{name} = {value}\n" for name, value in fields.items() if value is not None))
    return folder / "a.mhd"


def write_nhdr(folder: Path, **changes: str | None) -> Path:
    """Write an NRRD header and its data; names with _ for a space."""
    (folder / "a.raw").write_bytes(values().tobytes())
    fields = NRRD | {name.replace("_", " "): value for name, value in changes.items()}
    lines = [f"{name}: {value}\n" for name, value in fields.items() if value is not None]
    (folder / "a.nhdr").write_text("NRRD0004\n# a comment\n" + "".join(lines))
    return folder / "a.nhdr"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", [".mha", ".mhd", ".nrrd", ".nhdr"])
@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.float64, np.uint16, np.int32])
def test_a_volume_is_read_and_written_as_it_came(tmp_path: Path, suffix: str, packed: bool, dtype: Any) -> None:
    image = sitk.GetImageFromArray(values(dtype=dtype))
    image.SetSpacing((0.5, 0.6, 3))
    image.SetOrigin((1, 2, 3))
    image.SetDirection(DIRECTION)
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(image, str(path), useCompression=packed)
    volume = read(path)
    np.testing.assert_array_equal(volume.voxels, values())
    assert volume.voxels.dtype == dtype
    assert volume.located
    assert volume.notes == ()
    assert volume.spacing == pytest.approx((3, 0.6, 0.5))
    # columns lead to the front, rows to the left of the patient
    assert volume.orientation == "ALS"
    target = tmp_path / "out" / path.name
    write_like(target, volume.oriented("RAS").with_voxels(volume.oriented("RAS").voxels + 1), derivation="none")
    written = sitk.ReadImage(str(target))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written), values() + 1)
    assert written.GetPixelID() == image.GetPixelID()
    for ask in (sitk.Image.GetSpacing, sitk.Image.GetOrigin, sitk.Image.GetDirection):
        np.testing.assert_allclose(ask(written), ask(image), atol=1e-9)
    if suffix in (".mhd", ".nhdr"):
        assert {file.name for file in (tmp_path / "out").iterdir()} == {f"a{suffix}", "a.raw"}


@pytest.mark.parametrize(("unit", "mm"), [("mm", 1), ("m", 1000), ("cm", 10), ("um", 0.001), ("?", 1), ("metre", 1000)])
def test_lengths_become_millimetres(tmp_path: Path, unit: str, mm: float) -> None:
    for path in (
        write_mhd(tmp_path, DistanceUnits=unit),
        write_nhdr(tmp_path, space_units=" ".join([f'"{unit}"'] * 3)),
    ):
        np.testing.assert_allclose(read(path).affine, np.diag([mm, mm, mm, 1]) @ AFFINE)


def test_units_that_are_none_are_refused(tmp_path: Path) -> None:
    assert "lengths are in 'mile'" in refused(write_mhd(tmp_path, DistanceUnits="mile"))
    assert "lengths are in 'mile'" in refused(write_nhdr(tmp_path, space_units='"mile" "mile" "mile"'))
    assert "in several units, cm, mm" in refused(write_nhdr(tmp_path, space_units='"mm" "mm" "cm"'))


def test_the_intensity_function_is_applied(tmp_path: Path) -> None:
    fields = {"ElementToIntensityFunctionSlope": "2", "ElementToIntensityFunctionOffset": "-1024"}
    volume = read(write_mhd(tmp_path, **fields))
    assert volume.voxels.dtype == np.float32
    np.testing.assert_array_equal(volume.voxels, values() * 2.0 - 1024)
    write_like(tmp_path / "b.mhd", volume, derivation="none")
    np.testing.assert_array_equal(read(tmp_path / "b.mhd").voxels, volume.voxels)
    fields["ElementToIntensityFunctionSlope"] = "0"
    assert "the intensity function has the slope 0" in refused(write_mhd(tmp_path, **fields))


@pytest.mark.parametrize(
    "path",
    [
        partial(write_mhd, ElementSpacing=None),
        partial(write_mhd, TransformMatrix=None),
        partial(write_nhdr, space=None, space_origin=None, space_directions=None, spacings="0.5 0.6 3"),
        partial(write_nhdr, space="scanner-xyz"),
    ],
)
def test_a_header_that_gives_no_place_is_told(tmp_path: Path, path: Any) -> None:
    volume = read(path(tmp_path))
    assert not volume.located
    assert "the header does not say where the voxels lie" in volume.notes[0]
    assert ScanReader(placed=False).read(path(tmp_path)).notes == ()
    np.testing.assert_array_equal(volume.voxels, values())


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            partial(write_mhd, DimSize="4 3 200"),
            "its header announces 4,800 bytes but it can hold no",
        ),
        (
            partial(write_nhdr, sizes="4 3 200"),
            "its header announces 4,800 bytes but it can hold no",
        ),
        (partial(write_mhd, DimSize="4 -3 2"), "truncated or damaged"),
        (partial(write_nhdr, sizes=None), "truncated or damaged"),
        (partial(write_mhd, ElementSpacing="0.5 0 3"), "the spacing in the header is 0.5 x 0 x 3"),
        (partial(write_mhd, ElementSpacing="0.5 -0.5 3"), "each must be above 0"),
        (partial(write_mhd, ElementType="MET_OTHER"), "holds other voxels; they must be whole or real numbers"),
        (partial(write_nhdr, type="block"), "holds block voxels"),
        (partial(write_nhdr, encoding="hex"), "its encoding is hex; it must be raw or gzip"),
        (partial(write_mhd, ElementDataFile=None), "the MetaImage header is truncated or damaged"),
        (partial(write_mhd, ElementDataFile="b.raw"), "its voxels are in b.raw, which is not beside it"),
        (partial(write_mhd, ElementDataFile="../a.raw"), "they must be in one file beside the header"),
        (partial(write_nhdr, data_file="/a.raw"), "they must be in one file beside the header"),
        (partial(write_nhdr, data_file="a%02d.raw 1 2 1"), "they must be in one file beside the header"),
        (partial(write_mhd, ElementDataFile="LIST"), "they must be in one file beside the header"),
        (partial(write_mhd, BinaryData="False"), "its voxels are written in digits"),
        (partial(write_mhd, DimSize="four 3 2"), "the MetaImage file is truncated or damaged"),
    ],
)
def test_headers_that_cannot_be_are_refused(tmp_path: Path, path: Any, told: str) -> None:
    assert told in refused(path(tmp_path))


def test_axes_at_other_angles_are_not_written(tmp_path: Path) -> None:
    sheared = np.diag([1.0, 1, 5, 1])
    sheared[1, 2] = 1
    with pytest.raises(InputError, match=r"its axes are not at right angles, .* write NIfTI"):
        write_with_sitk(tmp_path / "a.mha", Volume(values(), sheared, located=True))
    assert not list(tmp_path.iterdir())


def test_simpleitk_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_mhd(tmp_path)

    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("visioncore.extras.importlib.import_module", missing)
    with pytest.raises(InputError, match=r'SimpleITK is not installed; run: pip install "visioncore\[sitk\]"'):
        read(path)


# pairs


@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair])
@pytest.mark.parametrize("named", ["a.hdr", "a.img"])
def test_a_pair_is_read_by_either_file_and_written_as_one(tmp_path: Path, kind: Any, named: str) -> None:
    image = kind(values((4, 3, 2)), np.diag([2.0, 3, 4, 1]))
    image.set_sform(np.diag([2.0, 3, 4, 1]), 1)
    nibabel.save(image, tmp_path / "a.img")
    volume = read(tmp_path / named)
    np.testing.assert_array_equal(volume.voxels, values((4, 3, 2)).T)
    assert volume.located
    assert volume.source == tmp_path / "a.hdr"
    write_like(tmp_path / "out" / "a.hdr", volume, derivation="none")
    written = nibabel.load(tmp_path / "out" / "a.hdr")
    assert type(written) is kind
    np.testing.assert_array_equal(np.asarray(written.dataobj), values((4, 3, 2)))
    np.testing.assert_array_equal(written.affine, image.affine)
    assert ScanReader().find(tmp_path / "out") == [tmp_path / "out" / "a.hdr"]
    assert ScanReader().find(tmp_path / "out" / "a.img") == [tmp_path / "out" / "a.hdr"]


def test_analyze_tells_no_front_from_back(tmp_path: Path) -> None:
    image = nibabel.Spm99AnalyzeImage(values((4, 3, 2)), None)
    image.header.set_zooms((2, 3, 4))
    nibabel.save(image, tmp_path / "a.img")
    (tmp_path / "a.mat").unlink(missing_ok=True)
    volume = read(tmp_path / "a.hdr")
    np.testing.assert_array_equal(volume.voxels, values((4, 3, 2)).T)
    assert not volume.located
    assert volume.spacing == (4, 3, 2)
    assert "the header is Analyze, which tells no front from back" in volume.notes[0]
    write_like(tmp_path / "out.hdr", volume, derivation="none")
    np.testing.assert_array_equal(np.asarray(nibabel.load(tmp_path / "out.hdr").dataobj), values((4, 3, 2)))


def test_a_pair_without_its_voxels_is_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Pair(values((4, 3, 2)), np.eye(4)), tmp_path / "a.img")
    content = (tmp_path / "a.img").read_bytes()
    (tmp_path / "a.img").write_bytes(content[:-1])
    assert "its header announces 48 bytes but it can hold no more than 47 bytes" in refused(tmp_path / "a.hdr")
    (tmp_path / "a.img").unlink()
    assert "beside each other in .hdr and .img" in refused(tmp_path / "a.hdr")


def test_a_pair_is_written_beside_under_a_name_that_the_next_call_clears(tmp_path: Path) -> None:
    header = tmp_path / "a.hdr"
    header.write_text("old")
    left = partial_path(header)
    left.mkdir()
    (left / "a.img").write_text("of a process that was killed")

    def write(path: Path) -> None:
        assert path == left / "a.hdr"
        path.write_text("new")
        assert not path.with_suffix(".img").exists()
        raise OSError("disk full")

    with pytest.raises(InputError, match="disk full"):
        write_both(header, write)
    assert [*tmp_path.iterdir()] == [header]
    assert header.read_text() == "old"


HEADERS = {
    ".mha": b"ObjectType = Image\nNDims = 3\nDimSize = 5 4 3\nElementSpacing = 1 1 1\nElementType = MET_SHORT\n",
    ".nrrd": b"NRRD0004\ntype: short\ndimension: 3\nsizes: 5 4 3\nendian: little\nencoding: raw\n",
}
ENDS = {".mha": b"ElementDataFile = LOCAL\n", ".nrrd": b"\n"}


@pytest.mark.parametrize(
    ("suffix", "lines", "told"),
    [
        (".mha", b"ElementDataFile : sub/o.raw\n", "its voxels are in sub/o.raw"),
        (".mha", b"ElementDataFile\n= sub/o.raw\n", "'ElementDataFile' is no line of it"),
        (".mha", b"NDims = 3\n", "the header has ndims twice"),
        (".nrrd", b"content: a\x85\x85\ndata file: sub/o.raw\n", "is no line of it"),
        (".nrrd", b"# c\rdata file: sub/o.raw\n", "is no line of it"),
        (".nrrd", b"# c\n" * 2**18 + b"data file: sub/o.raw\n", "has no end"),
    ],
)
def test_no_way_of_writing_a_header_leads_to_other_files(tmp_path: Path, suffix: str, lines: bytes, told: str) -> None:
    voxels = np.arange(60, dtype="<i2").tobytes()
    plain, other = tmp_path / f"plain{suffix}", tmp_path / f"other{suffix}"
    plain.write_bytes(HEADERS[suffix] + ENDS[suffix] + voxels)
    assert read(plain).voxels.size == 60
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "o.raw").write_bytes(bytes(120))
    other.write_bytes(HEADERS[suffix] + lines + ENDS[suffix] + voxels)
    assert told in refused(other)


@pytest.mark.parametrize(("suffix", "line"), [(".mha", b"NDims = 3"), (".nrrd", b"dimension: 3")])
def test_as_many_dimensions_as_sizes(tmp_path: Path, suffix: str, line: bytes) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(HEADERS[suffix].replace(line, line.replace(b"3", b"2")) + ENDS[suffix] + bytes(120))
    assert "it announces '2' dimensions and 3 sizes" in refused(path)


@pytest.mark.parametrize("suffix", [".mha", ".nrrd"])
@pytest.mark.parametrize("fault", ["cut", "end", "flipped", "short", "skip"])
def test_packed_voxels_that_are_damaged_are_refused(tmp_path: Path, suffix: str, fault: str) -> None:
    voxels = np.random.default_rng(0).integers(0, 99, (3, 40, 50), np.int16)
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path), True)
    assert np.array_equal(read(path).voxels, voxels)
    content = bytearray(path.read_bytes())
    if fault == "flipped":
        content[-2000] ^= 255
    elif fault == "short":
        content = content.replace(b"50 40 3", b"50 40 4")
    elif fault == "skip":
        content = content.replace(b"NDims", b"HeaderSize = 1\nNDims").replace(b"encoding:", b"byte skip: 1\nencoding:")
    path.write_bytes(content[: {"cut": -500, "end": -1}.get(fault)])
    assert ("is to be skipped" if fault == "skip" else "truncated or damaged") in refused(path)


@pytest.mark.parametrize("size", [b"", b"CompressedDataSize = 9\n", b"CompressedDataSize = 99999\n"])
def test_the_size_of_packed_voxels_must_be_right(tmp_path: Path, size: bytes) -> None:
    path = tmp_path / "a.mha"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((3, 4, 5), np.int16)), str(path), True)
    content = path.read_bytes()
    (line,) = (line + b"\n" for line in content.split(b"\n") if line.startswith(b"CompressedDataSize"))
    path.write_bytes(content.replace(line, size))
    told = refused(path)
    assert "CompressedDataSize is missing or wrong" in told or "the packed voxels are truncated" in told


def test_gzip_files_may_follow_one_another(tmp_path: Path) -> None:
    voxels = np.arange(60, dtype="<i2").tobytes()
    packed = gzip.compress(voxels[:50]) + gzip.compress(voxels[50:])
    (tmp_path / "a.nrrd").write_bytes(HEADERS[".nrrd"].replace(b"raw", b"gzip") + b"\n" + packed)
    assert np.array_equal(read(tmp_path / "a.nrrd").voxels.ravel(), np.arange(60))
