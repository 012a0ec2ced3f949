"""Metadata of images: kept where a format holds it, told where it does not; however long it is."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from visioncore.images import Image, image_size, read_image, write_image
from visioncore.images.png import chunk, metadata_chunks
from visioncore.images.sixteen_bit import encode_png
from visioncore.testing.refusals import refusal

PIXELS = np.random.default_rng(0).integers(0, 256, (14, 22, 3)).astype(np.uint8)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="%d" dc:title="a photo"/></x:xmpmeta>'
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
COLOUR = (
    (b"cICP", bytes([9, 16, 0, 1])),
    (b"gAMA", struct.pack(">I", 45455)),
    (b"cHRM", struct.pack(">8I", *range(8))),
)


def described(deep: bool) -> Image:
    pixels = PIXELS.astype(np.uint16) * 257 if deep else PIXELS
    return Image(pixels, icc=PROFILE, xmp=XMP % 1, dpi=(300.0, 150.0), colour=COLOUR)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".bmp"])
def test_metadata_is_kept_or_its_loss_is_told(tmp_path: Path, suffix: str, deep: bool) -> None:
    lost = {
        ".png": set(),
        ".tif": {"colour tags"},
        ".jpg": {"colour tags"},
        ".webp": {"colour tags", "resolution"},
        ".bmp": {"colour profile", "XMP", "colour tags"},
    }[suffix]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        write_image(tmp_path / f"a{suffix}", described(deep))
    assert {each for warning in told for each in str(warning.message).partition(": ")[2].split(", ")} == lost
    back = read_image(tmp_path / f"a{suffix}")
    assert back.icc == (None if "colour profile" in lost else PROFILE)
    assert back.xmp == (None if "XMP" in lost else XMP % 1)
    assert back.colour == (() if "colour tags" in lost else COLOUR)
    if "resolution" in lost:
        assert back.dpi is None
    else:
        assert back.dpi == pytest.approx((300, 150), abs=0.1)


def test_the_colours_of_another_writers_png_are_kept(tmp_path: Path) -> None:
    plain = encode_png(PIXELS.astype(np.uint16))
    extra = chunk(b"sRGB", b"\1") + chunk(b"pHYs", struct.pack(">IIB", 2, 1, 0))
    (tmp_path / "a.png").write_bytes(plain[:33] + extra + plain[33:])
    write_image(tmp_path / "b.png", read_image(tmp_path / "a.png"))
    assert extra in (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_the_orientation_in_xmp_is_applied_once(tmp_path: Path, suffix: str) -> None:
    tag = b"rdf" if suffix == ".tif" else XMP % 6
    if suffix == ".png":
        content = encode_png(PIXELS.astype(np.uint16))
        (tmp_path / "a.png").write_bytes(content[:33] + metadata_chunks(None, None, tag, (10, 20), ()) + content[33:])
    else:
        options: dict[str, Any] = {"tiffinfo": {274: 6}} if suffix == ".tif" else {"xmp": tag}
        Pillow.fromarray(PIXELS).save(tmp_path / f"a{suffix}", dpi=(10, 20), lossless=True, **options)
    assert image_size(tmp_path / f"a{suffix}") == (22, 14)
    back = read_image(tmp_path / f"a{suffix}")
    assert back.pixels.shape == (22, 14, 3)
    if suffix != ".webp":
        assert back.dpi == pytest.approx((20, 10), abs=0.1)
    write_image(tmp_path / f"b{suffix}", back)
    assert image_size(tmp_path / f"b{suffix}") == (22, 14)
    assert back.xmp == (None if suffix == ".tif" else XMP % 1)


@pytest.mark.parametrize("deep", [False, True])
def test_long_texts_and_profiles_of_png_do_not_cost_the_image(tmp_path: Path, deep: bool) -> None:
    profile = PROFILE + bytes(3_000_000)
    text = XMP % 1 + b" " * 3_000_000
    image = described(deep)
    write_image(tmp_path / "a.png", Image(image.pixels, icc=profile, xmp=text))
    content = (tmp_path / "a.png").read_bytes()

    comments = b"".join(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3_000_000))) for _ in range(30))
    (tmp_path / "a.png").write_bytes(content[:33] + comments + content[33:])
    back = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(back.pixels, image.pixels)
    assert (back.icc, back.xmp) == (profile, text)
    assert image_size(tmp_path / "a.png") == (14, 22)


def test_a_damaged_profile_is_left_out_with_a_note(tmp_path: Path) -> None:
    content = encode_png(PIXELS.astype(np.uint16))
    (tmp_path / "a.png").write_bytes(content[:33] + chunk(b"iCCP", b"name\0\0no zlib") + content[33:])
    with pytest.warns(UserWarning, match=r"a\.png: damaged colour profile is left out"):
        assert read_image(tmp_path / "a.png").icc is None


def test_descriptions_too_long_for_jpeg_do_not_cost_the_image(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x010E] = "x" * 70_000
    with pytest.warns(UserWarning, match="JPEG files cannot hold all metadata; left out: EXIF, XMP"):
        write_image(tmp_path / "a.jpg", Image(PIXELS, exif=exif.tobytes(), xmp=b"x" * 70_000))
    assert read_image(tmp_path / "a.jpg").exif is None


# rows that are not there


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 2}, {"subsampling": 2}])
def test_a_jpeg_whose_rows_end_early_gives_no_image(tmp_path: Path, options: dict[str, Any]) -> None:
    y, x = np.mgrid[:96, :128]
    pixels = np.clip(127 + 80 * np.sin(x / 9 + y / 7), 0, 255)[..., None] + np.random.default_rng(0).normal(0, 5, 3)
    path = tmp_path / "a.jpg"
    Pillow.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=90, **options)
    whole = path.read_bytes()
    read_image(path)
    path.write_bytes(whole[:-2] + b"\xff\xd9" + b"trailing \xff\xd9 data")
    read_image(path)
    for part in (0.4, 0.6, 0.8):
        path.write_bytes(whole[: int(part * len(whole))] + b"\xff\xd9")
        assert "rows end early" in refusal(read_image, path)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_even_grey_is_not_taken_for_missing_rows(tmp_path: Path, options: dict[str, Any]) -> None:
    Pillow.fromarray(np.full((64, 80, 3), 128, np.uint8)).save(tmp_path / "a.jpg", **options)
    assert (read_image(tmp_path / "a.jpg").pixels == 128).all()


def test_a_progressive_jpeg_without_its_last_scans_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Pillow.fromarray(PIXELS).save(path, progressive=True)
    whole = path.read_bytes()
    last = whole.rindex(b"\xff\xda")
    path.write_bytes(whole[:last] + b"\xff\xd9")
    with pytest.warns(UserWarning, match="less sharp than it was"):
        read_image(path)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("interlaced", [0, 1])
def test_a_png_whose_rows_end_early_gives_no_image(tmp_path: Path, deep: bool, interlaced: int) -> None:

    row = b"\0" + bytes((2 if deep else 1) * 3 * 16)
    header = struct.pack(">IIBBBBB", 16, 12, 16 if deep else 8, 2, 0, 0, interlaced)

    def file(rows: int) -> bytes:
        content = zlib.compress(row * rows)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")

    path = tmp_path / "a.png"
    path.write_bytes(file(24 if interlaced else 12))
    assert read_image(path).pixels.shape == (12, 16, 3)
    path.write_bytes(file(7))
    assert "rows end early" in refusal(read_image, path)
    path.write_bytes(file(12)[:-12])
    assert "ends early" in refusal(read_image, path)


# formats behind an extra


@pytest.mark.parametrize("suffix", [".avif", ".heic"])
def test_avif_and_heic(tmp_path: Path, suffix: str) -> None:
    y, x = np.mgrid[:48, :64]
    pixels = np.stack([2 * x + 60, 3 * y + 40, x + y], axis=-1).astype(np.uint8)
    exif = Pillow.Exif()
    exif[0x0132] = "2024:06:17 10:00:00"
    exif[0x0112] = 6
    if suffix == ".avif":
        pytest.importorskip("PIL._avif")
        Pillow.fromarray(pixels).save(tmp_path / "a.avif", quality=95, exif=exif.tobytes())
    else:
        heif = pytest.importorskip("pillow_heif")
        heif.from_pillow(Pillow.fromarray(pixels)).save(tmp_path / "a.heic", quality=95, exif=exif.tobytes())
    upright = np.rot90(pixels, -1)
    back = read_image(tmp_path / f"a{suffix}")
    assert back.pixels.shape == upright.shape == (*image_size(tmp_path / f"a{suffix}"), 3)
    assert np.abs(back.pixels.astype(int) - upright).mean() < 4
    assert back.exif is not None
    assert b"2024:06:17" in back.exif
    content = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"a{suffix}").write_bytes(content[: len(content) // 2])
    assert "damaged" in refusal(read_image, tmp_path / f"a{suffix}")
