"""Scans, labels and segments in files: each format as others write it, damage, and what is written back."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from point_files import lzf_compress, pcd_header, scan_values, write_pcd, write_ply

from csc_pretrain3d.data.classes import CLASS_MAPS, NUSCENES, SEMANTICKITTI, ClassMap
from csc_pretrain3d.data.formats import las, read_labels, read_scan, read_segments, write_labels, write_segments
from csc_pretrain3d.data.formats.lzf import decompress
from csc_pretrain3d.data.frame import Scan
from visioncore.errors import InputError
from visioncore.testing.fuzzing import Sample, fuzz
from visioncore.testing.refusals import refusal

Values = NDArray[np.float32]

HAS_LASPY = importlib.util.find_spec("laspy") is not None
needs_laspy = pytest.mark.skipif(not HAS_LASPY, reason="laspy is not installed")


@pytest.fixture
def values() -> Values:
    return scan_values()


@pytest.fixture
def scan(values: Values) -> Scan:
    labels = np.arange(len(values), dtype=np.int64) % 20
    return Scan(values[:, :3], values[:, 3], labels, labels * 3, "made")


def rows_of(values: Values, kind: str = "<f4", **more: Any) -> NDArray[Any]:
    """Return structured rows of x, y, z and intensity with further columns, in an order that is not the usual one."""
    columns = {"intensity": values[:, 3], "z": values[:, 2], "x": values[:, 0], "y": values[:, 1]}
    types = [(name, kind) for name in columns] + [(name, data.dtype.str, data.shape[1:]) for name, data in more.items()]
    rows = np.empty(len(values), types)
    for name, data in (columns | more).items():
        rows[name] = data
    return rows


def same(scan: Scan, values: Values) -> None:
    np.testing.assert_array_equal(scan.points, values[:, :3])
    np.testing.assert_array_equal(scan.intensity, values[:, 3])
    assert scan.points.dtype == scan.intensity.dtype == np.float32


def test_bin_of_kitti_and_nuscenes(tmp_path: Path, values: Values) -> None:
    values.tofile(tmp_path / "kitti.bin")
    same(read_scan(tmp_path / "kitti.bin"), values)
    ring = np.column_stack([values, np.arange(len(values), dtype=np.float32)])
    ring.tofile(tmp_path / "sweep.pcd.bin")
    same(read_scan(tmp_path / "sweep.pcd.bin"), values)
    ring.tofile(tmp_path / "five.bin")
    same(read_scan(tmp_path / "five.bin", columns=5), values)


def test_truncated_bin(tmp_path: Path, values: Values) -> None:
    path = tmp_path / "cut.bin"
    path.write_bytes(values.tobytes()[:-4])
    told = refusal(read_scan, path)
    assert "636 bytes are no whole number of rows of 4 float32 (16 bytes)" in told
    path.write_bytes(bytes(60))
    assert "rows of 5 would fit" in refusal(read_scan, path)


def test_empty_and_missing(tmp_path: Path) -> None:
    (tmp_path / "none.bin").touch()
    assert "empty" in refusal(read_scan, tmp_path / "none.bin")
    np.save(tmp_path / "none.npy", np.zeros((0, 4), np.float32))
    assert "the scan is empty; it must have at least one point" in refusal(read_scan, tmp_path / "none.npy")
    assert "no such file" in refusal(read_scan, tmp_path / "absent.pcd")
    (tmp_path / "a.txt").write_text("1 2 3")
    assert ".bin, .npy, .pcd, .ply, .las, .laz" in refusal(read_scan, tmp_path / "a.txt")


def test_points_that_are_nan(tmp_path: Path, values: Values) -> None:
    values[[3, 7], 1] = np.nan, np.inf
    values.tofile(tmp_path / "scan.bin")
    told = refusal(read_scan, tmp_path / "scan.bin")
    assert "2 of 40 points have coordinates that are NaN or infinite, the first is number 3" in told
    values[[3, 7], 1] = 0
    values[5, 3] = np.nan
    values.tofile(tmp_path / "scan.bin")
    assert "intensities are NaN" in refusal(read_scan, tmp_path / "scan.bin")


def test_map_coordinates(tmp_path: Path, values: Values) -> None:
    np.save(tmp_path / "utm.npy", values + np.array([500_000, 4_000_000, 0, 0]))
    told = refusal(read_scan, tmp_path / "utm.npy")
    assert "m from the origin (map coordinates?); subtract the position of the sensor" in told


def test_npy(tmp_path: Path, values: Values) -> None:
    np.save(tmp_path / "a.npy", values.astype(np.float64))
    same(read_scan(tmp_path / "a.npy"), values)
    np.save(tmp_path / "b.npy", rows_of(values))
    same(read_scan(tmp_path / "b.npy"), values)
    np.save(tmp_path / "c.npy", values[:, :3])
    with pytest.warns(UserWarning, match="no intensity"):
        assert not read_scan(tmp_path / "c.npy").intensity.any()
    np.save(tmp_path / "d.npy", values[:, :2])
    assert "(40, 2) float32; a scan is (P, 3 or more)" in refusal(read_scan, tmp_path / "d.npy")
    np.save(tmp_path / "e.npy", np.array([{}, {}]), allow_pickle=True)
    assert "no .npy file of numbers" in refusal(read_scan, tmp_path / "e.npy")


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
@pytest.mark.parametrize("kind", ["<f4", "<f8"])
def test_pcd(tmp_path: Path, values: Values, encoding: str, kind: str) -> None:
    more = {"normal": np.zeros((40, 3), np.float32), "label": np.arange(40, dtype=np.uint16)}
    path = write_pcd(tmp_path / "scan.pcd", rows_of(values, kind, **more), encoding)
    same(read_scan(path), values)
    np.testing.assert_array_equal(read_labels(path, 40).ids, np.arange(40))


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_ply(tmp_path: Path, values: Values, encoding: str) -> None:
    rows = rows_of(values, label=np.arange(40, dtype=np.int32), red=np.full(40, 200, np.uint8))
    path = write_ply(tmp_path / "scan.ply", rows, encoding)
    same(read_scan(path), values)
    np.testing.assert_array_equal(read_labels(path, 40).ids, np.arange(40))


def test_ply_with_cameras_before_its_points(tmp_path: Path, values: Values) -> None:
    path = write_ply(tmp_path / "scan.ply", rows_of(values), "ascii", "element camera 2\nproperty float f\n")
    path.write_bytes(path.read_bytes().replace(b"end_header\n", b"end_header\n1.5\n2.5\n"))
    same(read_scan(path), values)
    path = write_ply(
        tmp_path / "b.ply", rows_of(values), "binary_little_endian", "element camera 2\nproperty float f\n"
    )
    path.write_bytes(path.read_bytes().replace(b"end_header\n", b"end_header\n12345678"))
    same(read_scan(path), values)
    path = write_ply(tmp_path / "c.ply", rows_of(values), "ascii", "element strip 1\nproperty list uchar int at\n")
    assert "lists before or in its vertices" in refusal(read_scan, path)


@pytest.mark.parametrize("suffix", [".las", ".laz"])
@needs_laspy
def test_las(tmp_path: Path, scan: Scan, suffix: str) -> None:
    assert scan.labels is not None
    path = tmp_path / f"scan{suffix}"
    write_labels(path, scan, scan.labels, SEMANTICKITTI)
    again = read_scan(path)
    np.testing.assert_allclose(again.points, scan.points, atol=0.6e-4)
    np.testing.assert_array_equal(again.intensity, scan.intensity)
    np.testing.assert_array_equal(read_labels(path, 40).ids, scan.labels)
    import laspy

    content = laspy.read(path)
    np.testing.assert_array_equal(np.asarray(content["source_intensity"]), scan.intensity)
    np.testing.assert_array_equal(np.asarray(content.intensity), scan.intensity * 257)
    np.testing.assert_array_equal(np.asarray(content.red) // 257, SEMANTICKITTI.colours[scan.labels][:, 0])


@needs_laspy
def test_las_of_intensities_that_are_fractions(tmp_path: Path, scan: Scan) -> None:
    assert scan.labels is not None
    import laspy

    few = Scan(scan.points, (scan.intensity / 255).astype(np.float32))
    write_labels(tmp_path / "a.las", few, scan.labels, SEMANTICKITTI)
    np.testing.assert_array_equal(np.asarray(laspy.read(tmp_path / "a.las").intensity), scan.intensity * 257)
    np.testing.assert_array_equal(read_scan(tmp_path / "a.las").intensity, few.intensity)
    many = Scan(scan.points, scan.intensity + 70_000)
    write_labels(tmp_path / "b.las", many, scan.labels, SEMANTICKITTI)
    assert (np.asarray(laspy.read(tmp_path / "b.las").intensity) == 65535).all()
    np.testing.assert_array_equal(read_scan(tmp_path / "b.las").intensity, many.intensity)


@needs_laspy
def test_las_announces_more_than_it_holds(tmp_path: Path, scan: Scan) -> None:
    assert scan.labels is not None
    path = tmp_path / "scan.las"
    write_labels(path, scan, scan.labels, SEMANTICKITTI)
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    assert "truncated" in refusal(read_scan, path)
    path.write_bytes(content[:247] + struct.pack("<Q", 1_000_000) + content[255:])
    assert "announces" in refusal(read_scan, path)
    for place in (100, 243):
        path.write_bytes(content[:place] + struct.pack("<I", 1000) + content[place + 4 :])
        assert "announces" in refusal(read_scan, path)
    path.write_bytes(b"LASX" + content[4:])
    assert "begins with LASF" in refusal(read_scan, path)


@needs_laspy
def test_laz_announces_other_chunks_than_it_can_hold(tmp_path: Path, scan: Scan) -> None:
    assert scan.labels is not None
    path = tmp_path / "scan.laz"
    write_labels(path, scan, scan.labels, SEMANTICKITTI)
    content = path.read_bytes()
    (points,) = struct.unpack_from("<I", content, 96)
    (table,) = struct.unpack_from("<q", content, points)
    count = len(scan.points) + 2
    path.write_bytes(content[: table + 4] + struct.pack("<I", count) + content[table + 8 :])
    assert f"{count} chunks of points of 40 bytes" in refusal(read_scan, path)


def test_a_decoder_that_panics_is_damage() -> None:
    panic = type("PanicException", (BaseException,), {})

    class File:
        def read(self) -> None:
            raise panic("no such item")

    with pytest.raises(ValueError, match="no such item"):
        las._points(File())


@pytest.mark.parametrize("data", ["ascii", "binary", "binary_compressed"])
def test_pcd_announces_more_than_it_holds(tmp_path: Path, values: Values, data: str) -> None:
    path = write_pcd(tmp_path / "scan.pcd", rows_of(values), data)
    content = path.read_bytes()
    for count in (b"4000000000000", b"41"):
        path.write_bytes(content.replace(b"WIDTH 40", b"WIDTH " + count).replace(b"POINTS 40", b"POINTS " + count))
        assert "truncated or damaged" in refusal(read_scan, path)
    path.write_bytes(content[: len(content) // 2])
    assert "damaged" in refusal(read_scan, path)


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian"])
def test_ply_announces_more_than_it_holds(tmp_path: Path, values: Values, encoding: str) -> None:
    path = write_ply(tmp_path / "scan.ply", rows_of(values), encoding)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"vertex 40", b"vertex 4000000000000"))
    assert "truncated or damaged" in refusal(read_scan, path)
    path.write_bytes(content[:-200])
    assert "truncated or damaged" in refusal(read_scan, path)


def test_a_number_as_long_as_the_file(tmp_path: Path, values: Values) -> None:
    header = pcd_header(rows_of(values[:1]), "ascii").encode()
    (tmp_path / "a.pcd").write_bytes(header + b"1 2 3 " + b"4" * 100)
    assert "more than 64 digits" in refusal(read_scan, tmp_path / "a.pcd")


def test_lzf_bomb(tmp_path: Path, values: Values) -> None:
    packed = b"\x00a" + b"\xe0\xff\x00" * 400
    assert len(decompress(packed, 1 + 264 * 400)) == 105_601
    with pytest.raises(ValueError, match="do not give the announced 1000 bytes"):
        decompress(packed, 1000)
    rows = rows_of(values[:1])
    announced = pcd_header(rows, "binary_compressed").replace(" 1\nHEIGHT", " 100000000\nHEIGHT")
    announced = announced.replace("POINTS 1", "POINTS 100000000")
    body = struct.pack("<II", len(packed), 1_600_000_000) + packed
    (tmp_path / "bomb.pcd").write_bytes(announced.encode() + body)
    assert "announces 1.6 GB but it can hold" in refusal(read_scan, tmp_path / "bomb.pcd")


def test_lzf() -> None:
    rng = np.random.default_rng(0)
    for plain in (
        b"",
        b"a",
        b"abc" * 500,
        rng.bytes(700),
        np.repeat(rng.integers(0, 9, 90), 70).astype("<f4").tobytes(),
    ):
        packed = lzf_compress(plain)
        assert decompress(packed, len(plain)) == plain
    assert len(packed) < len(plain) / 20
    for bad in (b"\x05abc", b"\x20", b"\xe0", b"\x40\x00", b"\x00a\x20\x05"):
        with pytest.raises(ValueError, match="compressed data"):
            decompress(bad, 10)


def test_labels_of_every_kind(tmp_path: Path) -> None:
    ids, instances = np.array([10, 252, 0, 81, 40]), np.array([1, 65535, 0, 7, 0])
    (ids | instances << 16).astype("<u4").tofile(tmp_path / "a.label")
    raw = read_labels(tmp_path / "a.label", 5)
    np.testing.assert_array_equal(raw.ids, ids)
    np.testing.assert_array_equal(raw.instances, instances)
    ids.astype(np.uint8).tofile(tmp_path / "a.bin")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.bin", 5).ids, ids)
    np.savez_compressed(tmp_path / "a.npz", data=(ids * 1000 + [3, 2, 1, 0, 999]).astype(np.uint32))
    raw = read_labels(tmp_path / "a.npz", 5)
    np.testing.assert_array_equal(raw.ids, ids)
    np.testing.assert_array_equal(raw.instances, [3, 2, 1, 0, 999])
    np.save(tmp_path / "a.npy", ids.astype(np.float32))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.npy", 5).ids, ids)
    np.save(tmp_path / "b.npy", ids + 0.5)
    assert "not whole numbers" in refusal(read_labels, tmp_path / "b.npy", points=5)


def test_labels_of_another_length(tmp_path: Path) -> None:
    for name, kind in (("a.label", "<u4"), ("a.bin", "u1")):
        np.zeros(7, kind).tofile(tmp_path / name)
        told = refusal(read_labels, tmp_path / name, points=8)
        assert "holds 7 labels and its scan 8 points" in told
    (tmp_path / "b.label").write_bytes(bytes(30))
    assert "30 bytes are no whole number of labels of 4 bytes" in refusal(read_labels, tmp_path / "b.label", points=8)
    np.savez(tmp_path / "c.npz", other=np.zeros(8))
    assert "no .npz file with an array called data" in refusal(read_labels, tmp_path / "c.npz", points=8)


def test_unknown_raw_ids_are_listed() -> None:
    ids = np.array([10, 3, 40, 999, 3, -1])
    with pytest.raises(
        InputError, match=r"a\.label: 4 points have raw ids that SemanticKITTI does not know: -1, 3, 999"
    ):
        SEMANTICKITTI.classes_of(ids, "a.label")
    np.testing.assert_array_equal(SEMANTICKITTI.classes_of(np.array([[252, 10], [259, 0]]), ""), [[1, 1], [5, 0]])
    np.testing.assert_array_equal(
        NUSCENES.classes_of(np.arange(32, dtype=np.uint8), "")[[0, 17, 31, 30]], [0, 4, 0, 16]
    )


@pytest.mark.parametrize("classes", CLASS_MAPS.values(), ids=list(CLASS_MAPS))
def test_raw_ids_and_classes(classes: ClassMap) -> None:
    np.testing.assert_array_equal(classes.classes_of(classes.raw, ""), np.arange(len(classes)))
    assert len(np.unique(classes.colours, axis=0)) == len(classes)
    assert all(0 < thing < len(classes) for thing in classes.things)


def test_classes_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "classes.json"
    path.write_text(
        '{"classes": [{"name": "none", "ids": [0], "colour": [0, 0, 0]}, '
        '{"name": "tree", "ids": [7, 5], "colour": [0, 255, 0], "thing": true}]}'
    )
    classes = ClassMap.read(path)
    assert (classes.names, classes.things) == (("none", "tree"), (1,))
    np.testing.assert_array_equal(classes.classes_of(np.array([5, 0, 7]), ""), [1, 0, 1])
    np.testing.assert_array_equal(classes.raw, [0, 7])
    path.write_text(path.read_text().replace("[7, 5]", "[7, 0]"))
    assert "a raw id stands in two classes" in refusal(ClassMap.read, path)
    path.write_text('{"names": ["a"]}')
    assert 'must be {"classes"' in refusal(ClassMap.read, path)


def test_label_files_are_read_back(tmp_path: Path, scan: Scan) -> None:
    assert scan.labels is not None
    write_labels(tmp_path / "a.label", scan, scan.labels, SEMANTICKITTI)
    raw = read_labels(tmp_path / "a.label", 40)
    np.testing.assert_array_equal(SEMANTICKITTI.classes_of(raw.ids, ""), scan.labels)
    np.testing.assert_array_equal(raw.instances, scan.instances)
    write_labels(tmp_path / "a.npy", scan, scan.labels, SEMANTICKITTI)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.npy", 40).ids, scan.labels)
    write_labels(tmp_path / "a.ply", scan, scan.labels, SEMANTICKITTI)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.ply", 40).ids, scan.labels)
    same(read_scan(tmp_path / "a.ply"), np.column_stack([scan.points, scan.intensity]))


def test_labels_that_cannot_be_written(tmp_path: Path, scan: Scan) -> None:
    assert scan.labels is not None
    assert ".label, .npy, .ply, .las, .laz" in refusal(
        write_labels, tmp_path / "a.txt", scan=scan, labels=scan.labels, classes=SEMANTICKITTI
    )
    told = refusal(write_labels, tmp_path / "a.npy", scan=scan, labels=scan.labels, classes=NUSCENES)
    assert "labels are 0 to 19; there are 17 classes from 0" in told
    refusal(write_labels, tmp_path / "a.npy", scan=scan, labels=scan.labels[1:], classes=SEMANTICKITTI)
    assert not list(tmp_path.iterdir())


def test_segments(tmp_path: Path) -> None:
    ids = np.arange(6 * 9, dtype=np.int32).reshape(6, 9)
    for name, factor in (("a.png", 1), ("b.png", 1000), ("c.npy", 100_000)):
        write_segments(tmp_path / name, ids * factor)
        np.testing.assert_array_equal(read_segments(tmp_path / name, (6, 9)), ids * factor)
    ids.astype(np.uint8).tofile(tmp_path / "d_dino_mask.bin")
    np.testing.assert_array_equal(read_segments(tmp_path / "d_dino_mask.bin", (6, 9)), ids)
    told = refusal(read_segments, tmp_path / "d_dino_mask.bin", size=(6, 10))
    assert "54 bytes; one for each pixel of 6 x 10" in told
    assert "6 x 9 and the image is 9 x 6" in refusal(read_segments, tmp_path / "a.png", size=(9, 6))
    assert "the largest is 5300000" in refusal(write_segments, tmp_path / "e.png", ids=ids * 100_000)


def test_segments_with_a_palette(tmp_path: Path) -> None:
    from PIL import Image

    ids = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image = Image.fromarray(ids, "L")
    image.putpalette([value for index in range(12) for value in (255 - index, 0, index * 9)])
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_segments(tmp_path / "a.png", (3, 4)), ids)
    Image.fromarray(np.zeros((3, 4, 3), np.uint8)).save(tmp_path / "b.png")
    assert "a RGB image; a map of segments has one channel" in refusal(read_segments, tmp_path / "b.png", size=(3, 4))


def test_damaged_files(tmp_path: Path, values: Values, scan: Scan) -> None:
    assert scan.labels is not None
    rows = rows_of(values)
    paths = [write_pcd(tmp_path / f"{data}.pcd", rows, data) for data in ("ascii", "binary", "binary_compressed")]
    paths += [write_ply(tmp_path / f"{code}.ply", rows, code) for code in ("ascii", "binary_big_endian")]
    np.save(tmp_path / "a.npy", values)
    paths.append(tmp_path / "a.npy")
    if HAS_LASPY:
        for suffix in ("las", "laz"):
            write_labels(tmp_path / f"a.{suffix}", scan, scan.labels, SEMANTICKITTI)
            paths.append(tmp_path / f"a.{suffix}")
    samples = []
    for path in paths:
        (folder := tmp_path / f"of-{path.name}").mkdir()
        samples.append(Sample(path.rename(folder / path.name), read_scan, "read_scan"))
    found = [str(finding) for finding in fuzz(samples, tmp_path / "copies", seconds=20, most=60)]
    assert not found, "\n".join(found[:3])
