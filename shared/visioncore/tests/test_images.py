"""Reading and writing images: what comes back, in every form of file, and one clear line for what is none."""

from __future__ import annotations

import errno
import os
import struct
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms, TiffImagePlugin

from visioncore.errors import InputError
from visioncore.images import WRITTEN_SUFFIXES, Image, from_tensor, image_size, read_image, to_tensor, write_image
from visioncore.images.png import metadata_chunks
from visioncore.images.sixteen_bit import encode_png

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DATE, ORIENTATION = 0x0132, 0x0112


def noise(*shape: int, bits: int = 8, seed: int = 0) -> NDArray[np.uint8] | NDArray[np.uint16]:
    values = np.random.default_rng(seed).integers(0, 2**bits, shape)
    return values.astype(np.uint8) if bits == 8 else values.astype(np.uint16)


def a_image(bits: int = 8, grey: bool = False, alpha: bool = False, size: tuple[int, int] = (13, 18)) -> Image:
    pixels = noise(*size, 1 if grey else 3, bits=bits)
    return Image(
        pixels.repeat(3, axis=2) if grey else pixels, noise(*size, bits=bits, seed=1) if alpha else None, grey=grey
    )


def dated(orientation: int | None = None) -> bytes:
    exif = Pillow.Exif()
    exif[DATE] = "2024:06:17 10:00:00"
    exif[0x8769] = {0x9003: "2024:06:17 09:59:59"}
    if orientation is not None:
        exif[ORIENTATION] = orientation
    return exif.tobytes()


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_image(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


# what is written comes back


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_lossless_formats_keep_every_bit(tmp_path: Path, suffix: str, bits: int, grey: bool, alpha: bool) -> None:
    image = a_image(bits, grey, alpha)
    write_image(tmp_path / f"a{suffix}", image)
    back = read_image(tmp_path / f"a{suffix}")
    assert back.bits == bits
    assert back.grey == (grey and not (suffix == ".tif" and bits == 16 and alpha))
    np.testing.assert_array_equal(back.pixels, image.pixels)
    if image.alpha is None:
        assert back.alpha is None
    else:
        np.testing.assert_array_equal(back.alpha, image.alpha)


@pytest.mark.parametrize("bits", [8, 16])
def test_small_png_files_hold_the_same(tmp_path: Path, bits: int) -> None:
    square = noise(16, 16, 3, bits=bits)
    image = Image(square[np.arange(64) % 16][:, np.arange(96) % 16])  # which has no runs, but repeats itself
    for compression in ("fast", "small"):
        write_image(tmp_path / f"{compression}.png", image, compression)
        np.testing.assert_array_equal(read_image(tmp_path / f"{compression}.png").pixels, image.pixels)
    fast, small = ((tmp_path / f"{name}.png").stat().st_size for name in ("fast", "small"))
    assert small < 0.9 * fast


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 16])
def test_images_that_are_planes_in_memory_keep_every_bit(tmp_path: Path, suffix: str, bits: int) -> None:
    image = a_image(bits)
    planes: Any = np.ascontiguousarray(image.pixels.transpose(2, 0, 1)).transpose(1, 2, 0)
    write_image(tmp_path / f"a{suffix}", replace(image, pixels=planes))
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}").pixels, image.pixels)


@pytest.mark.parametrize("suffix", [".webp", ".bmp"])
def test_webp_and_bmp_keep_8_bit_colours(tmp_path: Path, suffix: str) -> None:
    image = a_image(alpha=True)
    write_image(tmp_path / f"a{suffix}", image)
    back = read_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(back.pixels, image.pixels)
    assert (back.alpha is None) == (suffix == ".bmp")
    if back.alpha is not None:
        np.testing.assert_array_equal(back.alpha, image.alpha)


@pytest.mark.parametrize("suffix", [".webp", ".bmp"])
def test_16_bit_is_rounded_where_the_format_has_8(tmp_path: Path, suffix: str) -> None:
    image = Image(np.array([[[0, 128, 129], [32767, 65406, 65407]]], np.uint16).repeat(4, axis=0))
    write_image(tmp_path / f"a{suffix}", image)
    back = read_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(back.pixels[0], [[0, 0, 1], [127, 254, 255]])


@pytest.mark.parametrize("grey", [False, True])
def test_jpeg_stays_close_and_grey_stays_grey(tmp_path: Path, grey: bool) -> None:
    ramp = np.linspace(20, 230, 64).astype(np.uint8)
    pixels = np.stack([np.tile(ramp, (48, 1))] * 3, axis=2)
    if not grey:
        pixels[:, :, 1] = pixels[:, ::-1, 1]
    write_image(tmp_path / "a.jpg", Image(pixels, noise(48, 64), grey=grey))
    back = read_image(tmp_path / "a.jpg")
    assert back.grey == grey
    assert back.alpha is None
    assert np.abs(back.pixels.astype(int) - pixels).max() <= 6


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("bits", [8, 16])
def test_profile_and_date_survive(tmp_path: Path, suffix: str, bits: int) -> None:
    image = a_image(bits)
    write_image(tmp_path / f"a{suffix}", Image(image.pixels, icc=PROFILE, exif=dated()))
    back = read_image(tmp_path / f"a{suffix}")
    assert back.icc == PROFILE
    assert back.exif is not None
    exif = Pillow.Exif()
    exif.load(back.exif)
    assert exif[DATE] == "2024:06:17 10:00:00"
    assert exif.get_ifd(0x8769)[0x9003] == "2024:06:17 09:59:59"
    write_image(tmp_path / f"b{suffix}", back)
    assert read_image(tmp_path / f"b{suffix}").exif == back.exif


def test_other_readers_see_what_sixteen_bit_files_say(tmp_path: Path) -> None:
    image = Image(a_image(16).pixels, noise(13, 18, bits=16, seed=1), icc=PROFILE, exif=dated())
    for suffix in (".png", ".tif"):
        write_image(tmp_path / f"a{suffix}", image)
        with Pillow.open(tmp_path / f"a{suffix}") as file:
            assert file.mode == "RGBA"
            assert file.info["icc_profile"] == PROFILE
            assert file.getexif()[DATE] == "2024:06:17 10:00:00"
            np.testing.assert_allclose(np.asarray(file)[:, :, :3], image.pixels / 257, atol=1)


# every form a file can have


def test_palette_with_and_without_transparency(tmp_path: Path) -> None:
    palette = Pillow.fromarray(noise(9, 7) % 3).convert("P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.save(tmp_path / "opaque.png")
    palette.save(tmp_path / "clear.png", transparency=bytes([255, 0, 128]))
    opaque, clear = read_image(tmp_path / "opaque.png"), read_image(tmp_path / "clear.png")
    index = np.asarray(palette)
    np.testing.assert_array_equal(opaque.pixels, 255 * np.eye(3, dtype=np.uint8)[index])
    np.testing.assert_array_equal(clear.pixels, opaque.pixels)
    assert opaque.alpha is None
    assert clear.alpha is not None
    np.testing.assert_array_equal(clear.alpha, np.array([255, 0, 128], np.uint8)[index])


def test_one_bit_is_grey(tmp_path: Path) -> None:
    bits = noise(9, 11) > 127
    for suffix in (".png", ".tif", ".bmp"):
        Pillow.fromarray(bits).save(tmp_path / f"a{suffix}")
        back = read_image(tmp_path / f"a{suffix}")
        np.testing.assert_array_equal(back.pixels[:, :, 1], np.where(bits, 255, 0))
        assert back.grey or suffix == ".bmp"


def test_one_transparent_colour_becomes_alpha(tmp_path: Path) -> None:
    grey, colour = noise(6, 5), noise(6, 5, 3)
    grey[2, 3], colour[2, 3] = 17, (1, 2, 3)
    Pillow.fromarray(grey).save(tmp_path / "grey.png", transparency=17)
    Pillow.fromarray(colour).save(tmp_path / "colour.png", transparency=(1, 2, 3))
    for name, raw, key in (("grey", grey, 17), ("colour", colour, (1, 2, 3))):
        back = read_image(tmp_path / f"{name}.png")
        assert back.grey == (name == "grey")
        hidden = (raw.reshape(6, 5, -1) == key).all(axis=2)
        assert back.alpha is not None
        np.testing.assert_array_equal(back.alpha, np.where(hidden, 0, 255))


@pytest.mark.parametrize("channels", [1, 3])
def test_one_transparent_colour_of_16_bit_becomes_alpha(tmp_path: Path, channels: int) -> None:
    pixels = noise(6, 5, channels, bits=16).astype(np.uint16)
    pixels[2, 3] = [1000, 2000, 300][:channels]
    file = encode_png(pixels)
    key = struct.pack(f">{channels}H", *pixels[2, 3])
    chunk = struct.pack(">I", len(key)) + b"tRNS" + key + struct.pack(">I", zlib.crc32(b"tRNS" + key))
    (tmp_path / "a.png").write_bytes(file[:33] + chunk + file[33:])
    back = read_image(tmp_path / "a.png")
    assert back.alpha is not None
    assert back.alpha.dtype == np.uint16
    assert back.alpha[2, 3] == 0
    assert (back.alpha == 65535).sum() == 29
    np.testing.assert_array_equal(back.pixels[:, :, :channels], pixels)


def test_cmyk_becomes_rgb_and_loses_its_profile(tmp_path: Path) -> None:
    profile = bytearray(PROFILE)
    profile[16:20] = b"CMYK"
    cmyk = Pillow.new("CMYK", (32, 24), (0, 255, 255, 0))
    for name in ("a.jpg", "a.tif"):
        cmyk.save(tmp_path / name, icc_profile=bytes(profile))
        back = read_image(tmp_path / name)
        assert back.icc is None
        assert np.abs(back.pixels.astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize(("order", "photometric"), [("<", 0), ("<", 1), (">", 1)])
def test_16_bit_grey_tiff_in_both_byte_orders_and_both_polarities(tmp_path: Path, order: str, photometric: int) -> None:
    pixels = noise(6, 5, bits=16)
    write_tiff(tmp_path / "a.tif", pixels.astype(f"{order}u2")[:, :, None], {262: photometric}, order=order)
    back = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(back.pixels[:, :, 0], pixels if photometric else 65535 - pixels)


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Pillow.new("RGB", (8, 6), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    for name in ("a.gif", "a.webp", "a.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
        np.testing.assert_array_equal(read_image(tmp_path / name).pixels[0, 0], [255, 0, 0])


def test_a_wrong_suffix_does_not_matter(tmp_path: Path) -> None:
    image = a_image()
    write_image(tmp_path / "a.png", image)
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg").pixels, image.pixels)


# orientation: the dihedral group as cameras count it
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: np.rot90(a, 2),
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", list(UPRIGHT))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_orientation_is_applied_once(tmp_path: Path, suffix: str, orientation: int) -> None:
    stored = np.zeros((16, 24, 3), np.uint8)
    stored[:8, :8] = (200, 30, 30)
    stored[8:, :8] = (30, 200, 30)
    Pillow.fromarray(stored).save(tmp_path / f"a{suffix}", exif=dated(orientation), lossless=True, quality=100)
    back = read_image(tmp_path / f"a{suffix}")
    expected = UPRIGHT[orientation](stored)
    assert back.pixels.shape == expected.shape
    assert np.abs(back.pixels.astype(int) - expected).max() <= (90 if suffix == ".jpg" else 0)
    assert back.exif is not None
    write_image(tmp_path / f"b{suffix}", back)
    assert read_image(tmp_path / f"b{suffix}").pixels.shape == expected.shape
    assert image_size(tmp_path / f"a{suffix}") == expected.shape[:2]


@pytest.mark.parametrize("orientation", list(UPRIGHT))
def test_orientation_of_16_bit_colour_and_its_alpha(tmp_path: Path, orientation: int) -> None:
    layers = noise(6, 9, 4, bits=16).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(encode_png(layers, metadata_chunks(None, dated(orientation), None, None, ())))
    write_tiff(tmp_path / "a.tif", layers, {262: 2, 338: 2, 274: orientation})
    for name in ("a.png", "a.tif"):
        back = read_image(tmp_path / name)
        assert back.alpha is not None
        np.testing.assert_array_equal(back.pixels, UPRIGHT[orientation](layers[:, :, :3]))
        np.testing.assert_array_equal(back.alpha, UPRIGHT[orientation](layers[:, :, 3]))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_damaged_exif_block_does_not_cost_the_image(tmp_path: Path) -> None:
    image = a_image()
    Pillow.fromarray(image.pixels).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\x00garbage")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels, image.pixels)


# the size alone


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_the_size_needs_the_header_alone(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"a{suffix}", a_image(size=(300, 401)))
    whole = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"a{suffix}").write_bytes(whole[: len(whole) // 2])
    assert image_size(tmp_path / f"a{suffix}") == (300, 401)
    refused(tmp_path / f"a{suffix}")


def test_the_size_of_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no image")
    (tmp_path / "b.png").write_bytes(png_announcing(60000, 40000))
    for name, reason in (("a.png", "not an image"), ("b.png", "2400 megapixels"), ("c.png", "cannot be read")):
        with pytest.raises(InputError, match=reason):
            image_size(tmp_path / name)


# tensors


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_value_survives_the_way_through_a_tensor(bits: int, dtype: torch.dtype) -> None:
    ramp = np.arange(2**bits).reshape(16, -1, 1).repeat(3, axis=2)
    values = ramp.astype(np.uint8) if bits == 8 else ramp.astype(np.uint16)
    image = Image(values, noise(*values.shape[:2], bits=bits), icc=PROFILE, exif=dated())
    tensor = to_tensor(image, dtype)
    assert tensor.shape == (1, 3, *values.shape[:2])
    assert tensor.dtype == dtype
    assert (tensor.min().item(), tensor.max().item()) == (0, 1)
    back = from_tensor(tensor, image)
    np.testing.assert_array_equal(back.pixels, image.pixels)
    assert back.alpha is image.alpha
    assert (back.icc, back.exif) == (PROFILE, image.exif)


def test_channels_and_half_precision_keep_their_places() -> None:
    image = a_image(16)
    tensor = to_tensor(image, torch.bfloat16)
    assert tensor.dtype == torch.bfloat16
    np.testing.assert_allclose(tensor[0, :, 4, 7].float().numpy() * 65535, image.pixels[4, 7], rtol=0.005, atol=1)


def test_a_tensor_is_clamped_and_rounded_half_to_even() -> None:
    values = torch.tensor([-0.2, 0.5 / 255, 1.5 / 255, 2.5 / 255, 1.7], dtype=torch.float64)
    tensor = values.expand(1, 3, 2, 5)
    np.testing.assert_array_equal(from_tensor(tensor).pixels[1, :, 2], [0, 0, 2, 2, 255])


@pytest.mark.parametrize("bits", [8, 16])
def test_tensors_become_the_nearest_whole_numbers_in_the_order_of_files(bits: int) -> None:
    tensor = torch.randn(1, 3, 7, 9, generator=torch.Generator().manual_seed(bits)) / 2 + 0.5
    tensor[0, 0, 0, :2] = torch.tensor([torch.inf, -torch.inf])
    kept = tensor.clone()
    pixels = from_tensor(tensor, a_image(bits)).pixels
    expected = np.rint(np.clip(tensor[0].numpy(), 0, 1) * np.float32(2**bits - 1)).transpose(1, 2, 0)
    np.testing.assert_array_equal(pixels, expected)
    assert pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert pixels.flags["C_CONTIGUOUS"]
    assert torch.equal(tensor, kept)


def test_a_grey_image_stays_grey() -> None:
    image = a_image(grey=True)
    tensor = to_tensor(image) + torch.tensor([-0.1, 0.0, 0.1]).reshape(1, 3, 1, 1)
    back = from_tensor(tensor.clamp(0.1, 0.9), image)
    assert back.grey
    assert (back.pixels == back.pixels[:, :, :1]).all()
    middle = (image.pixels > 60) & (image.pixels < 190)
    np.testing.assert_array_equal(back.pixels[middle], image.pixels[middle])


def test_tensors_that_are_no_image_are_refused() -> None:
    image = a_image(alpha=True)
    with pytest.raises(InputError, match=r"\(1, 3, H, W\)"):
        from_tensor(torch.zeros(3, 4, 4))
    with pytest.raises(InputError, match="not numbers"):
        from_tensor(torch.full((1, 3, 4, 4), torch.nan))
    with pytest.raises(InputError, match="alpha must be"):
        from_tensor(torch.zeros(1, 3, 26, 36), image)
    with pytest.raises(InputError, match="uint8 or uint16"):
        Image(np.zeros((4, 4, 3)))  # type: ignore[arg-type]


# what cannot be read


def test_missing_folder_empty_and_foreign_files(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "nowhere.png")
    assert "is a folder" in refused(tmp_path)
    (tmp_path / "empty.png").touch()
    assert "empty" in refused(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("not an image at all, whatever the suffix says")
    assert "not an image" in refused(tmp_path / "text.png")
    (tmp_path / "paper.jpg").write_bytes(b"%PDF-1.7\n" + bytes(100))
    assert "not an image" in refused(tmp_path / "paper.jpg")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", a_image())
    (tmp_path / "a.png").chmod(0)
    assert "Permission denied" in refused(tmp_path / "a.png")


def test_a_read_that_fails_names_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", fail)
    assert "cannot be read (Permission denied)" in refused(tmp_path / "a.png")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp"])
@pytest.mark.parametrize("part", [0.2, 0.6, 0.97])
def test_a_truncated_file_gives_no_image(tmp_path: Path, suffix: str, bits: int, part: float) -> None:
    write_image(tmp_path / f"a{suffix}", a_image(bits, size=(160, 200)))
    whole = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"a{suffix}").write_bytes(whole[: int(part * len(whole))])
    assert "damaged" in refused(tmp_path / f"a{suffix}")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp"])
def test_a_file_cut_in_its_header_gives_no_image(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"a{suffix}", a_image())
    (tmp_path / f"a{suffix}").write_bytes((tmp_path / f"a{suffix}").read_bytes()[:20])
    assert "damaged" in refused(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("bits", [8, 16])
def test_a_flipped_byte_in_a_png_gives_no_image(tmp_path: Path, bits: int) -> None:
    write_image(tmp_path / "a.png", a_image(bits, size=(60, 80)))
    damaged = bytearray((tmp_path / "a.png").read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    (tmp_path / "a.png").write_bytes(damaged)
    assert "damaged" in refused(tmp_path / "a.png")


def png_announcing(width: int, height: int) -> bytes:
    file = encode_png(np.zeros((1, 1, 3), np.uint16))
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return file[:12] + header + struct.pack(">I", zlib.crc32(header)) + file[33:]


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bomb.png").write_bytes(png_announcing(60000, 40000))
    message = refused(tmp_path / "bomb.png")
    assert "60000 x 40000" in message
    assert "2400 megapixels" in message
    assert "at most 500 megapixels" in message
    write_image(tmp_path / "a.png", a_image())
    monkeypatch.setenv("VISIONCORE_MOST_MEGAPIXELS", "0.0001")
    assert "18 x 13" in refused(tmp_path / "a.png")


def test_images_larger_than_pillows_own_limit_are_not_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png", a_image())
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 10)
    assert read_image(tmp_path / "a.png").width == 18


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_a_image_without_pixels(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "a.png").write_bytes(png_announcing(*size))
    assert "announces no pixels" in refused(tmp_path / "a.png")


def write_tiff(path: Path, layers: NDArray[np.generic], tags: dict[int, object], order: str = "<") -> None:
    height, width, channels = layers.shape
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0" if order == "<" else b"MM\0*\0\0\0\0")
    directory[256], directory[257], directory[277], directory[278] = width, height, channels, height
    directory[258], directory[259] = (8 * layers.itemsize,) * channels, 1
    directory[273], directory[279] = 0, layers.nbytes
    directory.update(tags)
    with path.open("wb") as file:
        directory.save(file)
        file.write(layers.tobytes())


def test_a_missing_library_is_told_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png", a_image(16))
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match=r'^cv2 is not installed; run: pip install "visioncore\[images\]"$'):
        read_image(tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "PIL.PngImagePlugin")
    with pytest.raises(InputError, match=r'^PIL is not installed; run: pip install "visioncore\[images\]"$'):
        read_image(tmp_path / "a.png")


# what cannot be written


def test_unknown_suffixes_are_refused_with_the_known_ones(tmp_path: Path) -> None:
    for name in ("a.heic", "a.gif", "a"):
        with pytest.raises(InputError, match=r"use \.png, \.jpg") as caught:
            write_image(tmp_path / name, a_image())
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    for suffix in WRITTEN_SUFFIXES:
        write_image(tmp_path / f"a{suffix.upper()}", a_image())
        assert read_image(tmp_path / f"a{suffix.upper()}").width == 18


def test_a_image_that_the_format_cannot_hold(tmp_path: Path) -> None:
    wide = Image(np.zeros((1, 17000, 3), np.uint8))
    with pytest.raises(InputError, match="WEBP file cannot hold this image"):
        write_image(tmp_path / "a.webp", wide)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = a_image()
    write_image(tmp_path / "a.png", image)
    whole = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        whole(path, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(InputError, match=r"a\.png: could not be written \(No space left on device\)$"):
        write_image(tmp_path / "a.png", a_image(grey=True))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels, image.pixels)


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write in this folder"):
        write_image(tmp_path / "file" / "a.png", a_image())
    write_image(tmp_path / "new" / "folder" / "a.png", a_image())
    assert read_image(tmp_path / "new" / "folder" / "a.png").height == 13
