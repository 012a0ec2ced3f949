"""TIFF in every layout: a table of what is read, and one clear line for the rest."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import TiffImagePlugin

from visioncore.images import image_size, read_image
from visioncore.testing.refusals import refusal

H, W = 23, 37


def values(channels: int, bits: int) -> NDArray[Any]:
    made = np.random.default_rng(bits + channels).integers(0, 2**bits, (H, W, channels))
    return made.astype(np.uint16 if bits == 16 else np.uint8)


def written(path: Path, layers: NDArray[Any], **layout: Any) -> Path:
    """Write (H, W, C) by tifffile."""
    if layout.get("planarconfig") == "separate":
        layers = np.moveaxis(layers, -1, 0)
    elif layers.shape[2] == 1:
        layers = layers[:, :, 0]
    tifffile.imwrite(path, layers, metadata=None, **layout)
    return path


STORAGE: dict[str, dict[str, Any]] = {
    "one strip": {},
    "strips": {"rowsperstrip": 5},
    "tiles": {"tile": (16, 16)},
    "deflate": {"compression": "zlib", "rowsperstrip": 5},
    "predictor": {"compression": "zlib", "predictor": 2, "rowsperstrip": 5},
    "deflated tiles": {"compression": "zlib", "tile": (16, 32)},
    "big-endian": {"byteorder": ">"},
    "big-endian deflate": {"byteorder": ">", "compression": "zlib", "predictor": 2},
    "bigtiff": {"bigtiff": True},
}
COLOURS: dict[str, tuple[int, dict[str, Any]]] = {
    "grey": (1, {"photometric": "minisblack"}),
    "white is zero": (1, {"photometric": "miniswhite"}),
    "grey with alpha": (2, {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["unassalpha"]}),
    "rgb": (3, {"photometric": "rgb"}),
    "rgb in planes": (3, {"photometric": "rgb", "planarconfig": "separate"}),
    "rgba": (4, {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
    "rgba in planes": (4, {"photometric": "rgb", "planarconfig": "separate", "extrasamples": ["unassalpha"]}),
}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colours", COLOURS)
def test_every_value_is_read_in_every_layout(tmp_path: Path, colours: str, bits: int) -> None:
    channels, layout = COLOURS[colours]
    layers = values(channels, bits)
    shown = 1 if channels < 3 else 3
    expected = layers[:, :, :shown] if colours != "white is zero" else 2**bits - 1 - layers
    for name, storage in STORAGE.items():
        path = written(tmp_path / f"{name}.tif", layers, **layout, **storage)
        image = read_image(path)
        assert (image.bits, image.grey) == (bits, shown == 1)
        np.testing.assert_array_equal(image.pixels, np.broadcast_to(expected, (H, W, 3)), err_msg=name)
        if channels in (2, 4):
            np.testing.assert_array_equal(image.alpha, layers[:, :, -1], err_msg=name)
        else:
            assert image.alpha is None
        assert image_size(path) == (H, W)


BY_PILLOW = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "tiff_deflate", "zstd")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "CMYK", "P", "I;16"])
def test_compressions_of_another_writer(tmp_path: Path, mode: str) -> None:
    """Values go through libtiff as Pillow writes it."""
    if mode == "I;16":
        image = Pillow.fromarray(values(1, 16)[:, :, 0])
    elif mode == "1":
        image = Pillow.fromarray(values(1, 1)[:, :, 0] > 0)
    elif mode == "P":
        image = Pillow.frombytes("P", (W, H), values(1, 8).tobytes())
        image.putpalette(np.random.default_rng(1).integers(0, 256, 768).astype(np.uint8).tobytes())
    else:
        channels = len(mode)
        image = Pillow.frombytes(mode, (W, H), values(channels, 8).tobytes())
    if mode == "I;16":
        expected = np.asarray(image)[:, :, None]
    else:
        expected = np.asarray(image.convert("L" if mode in ("1", "L", "LA") else "RGB")).reshape(H, W, -1)
    for compression in BY_PILLOW:
        image.save(tmp_path / "a.tif", compression=compression)
        back = read_image(tmp_path / "a.tif")
        np.testing.assert_array_equal(back.pixels, np.broadcast_to(expected, (H, W, 3)), err_msg=compression)
        assert (back.alpha is not None) == (mode in ("LA", "RGBA"))
        if back.alpha is not None:
            np.testing.assert_array_equal(back.alpha, np.asarray(image)[:, :, -1], err_msg=compression)


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_lzw"])
def test_fax_in_both_polarities(tmp_path: Path, compression: str) -> None:
    bits = values(1, 1)[:, :, 0] > 0
    for photometric in (0, 1):
        Pillow.fromarray(bits).save(tmp_path / "a.tif", compression=compression, tiffinfo={262: photometric})
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels[:, :, 0], 255 * bits)


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("photometric", [0, 1, 3])
def test_values_of_few_bits(tmp_path: Path, bits: int, photometric: int) -> None:
    layers = values(1, bits)
    row = np.zeros((H, -(-W * bits // 8) * 8), np.uint8)
    for bit in range(bits):
        row[:, bit : W * bits : bits] = layers[:, :, 0] >> (bits - 1 - bit) & 1
    colours = np.random.default_rng(2).integers(0, 65536, (3, 2**bits)).astype(np.uint16)
    tags = {262: photometric, 258: bits} | ({320: tuple(colours.ravel().tolist())} if photometric == 3 else {})
    path = tagged(tmp_path / "a.tif", np.packbits(row, axis=1), (H, W), tags)
    levels = layers * (255 // (2**bits - 1))
    expected = {0: 255 - levels, 1: levels, 3: (colours >> 8).T[layers[:, :, 0]]}[photometric]
    np.testing.assert_array_equal(read_image(path).pixels, np.broadcast_to(expected, (H, W, 3)))


def tagged(path: Path, content: NDArray[Any], size: tuple[int, int], tags: dict[int, Any]) -> Path:
    """Write a TIFF file tag by tag."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    directory[257], directory[256] = size
    directory[277], directory[278], directory[258], directory[259] = 1, size[0], 8, 1
    directory[273], directory[279] = 0, content.nbytes
    directory.update(tags)
    file = io.BytesIO()
    directory.save(file)
    path.write_bytes(file.getvalue() + content.tobytes())
    return path


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("storage", ["one strip", "deflated tiles", "big-endian"])
def test_premultiplied_alpha_is_undone(tmp_path: Path, storage: str, bits: int) -> None:
    most = 2**bits - 1
    straight, alpha = values(3, bits).astype(float), np.maximum(values(1, bits), most // 2).astype(float)
    alpha[0, :5] = 0
    layers = np.dstack([(straight * alpha / most).round(), alpha]).astype(np.uint16 if bits == 16 else np.uint8)
    layout = {"photometric": "rgb", "extrasamples": ["assocalpha"]}
    image = read_image(written(tmp_path / "a.tif", layers, **layout, **STORAGE[storage]))
    np.testing.assert_array_equal(image.alpha, alpha[:, :, 0])
    difference = np.abs(image.pixels.astype(float) - straight)[alpha[:, :, 0] > 0]
    assert difference.max() <= 1


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floating_point_in_0_to_1_is_read_as_16_bit(tmp_path: Path, kind: Any) -> None:
    layers = np.linspace(0, 1, H * W * 3).reshape(H, W, 3).astype(kind)
    image = read_image(written(tmp_path / "a.tif", layers, photometric="rgb"))
    np.testing.assert_array_equal(image.pixels, (layers.astype(float) * 65535).round())
    layers[3, 4, 1] = 1.5
    assert "from 0 to 1.5; they are read where all lie in [0, 1]" in refusal(
        read_image, written(tmp_path / "b.tif", layers, photometric="rgb")
    )
    layers[3, 4, 1] = np.nan
    assert "floating-point" in refusal(read_image, written(tmp_path / "c.tif", layers, photometric="rgb"))


def test_a_thumbnail_beside_the_page_does_not_count(tmp_path: Path) -> None:
    page, small = values(3, 8), values(3, 8)[::2, ::2]
    for name, order in (("behind.tif", (page, small)), ("before.tif", (small, page))):
        with tifffile.TiffWriter(tmp_path / name) as file:
            for layers in order:
                file.write(layers, photometric="rgb", metadata=None, subfiletype=int(layers is small))
        np.testing.assert_array_equal(read_image(tmp_path / name).pixels, page)
        assert image_size(tmp_path / name) == (H, W)


def test_a_tiff_of_several_pages(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([values(1, 8)[:, :, 0]] * 3), photometric="minisblack", metadata=None)
    assert "a TIFF of 3 pages; save each page as a file of its own" in refusal(read_image, tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({262: 8, 258: (8, 8, 8), 277: 3}, "Lab colours"),
        ({262: 1, 258: 12, 256: 4}, "12-bit values"),
        ({262: 1, 258: 32, 256: 5}, "32-bit values"),
        ({262: 1, 258: 16, 339: 2}, "signed values"),
        ({262: 32803, 258: 16}, "camera's sensor"),
        ({262: 2}, "fewer channels than its colours, 1"),
        ({262: 2, 258: (16, 16, 16), 277: 3, 284: 2, 259: 5}, "colours in separate planes that cannot be decoded"),
    ],
)
def test_tiffs_that_have_no_8_or_16_bit_form(tmp_path: Path, tags: dict[int, Any], reason: str) -> None:
    assert reason in refusal(read_image, tagged(tmp_path / "a.tif", values(3, 16), (6, 7), tags))


@pytest.mark.parametrize("part", [0.3, 0.7, 0.97])
def test_a_truncated_tiff_gives_no_image(tmp_path: Path, part: float) -> None:
    for storage in STORAGE.values():
        path = written(tmp_path / "a.tif", values(3, 16), photometric="rgb", **storage)
        path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
        assert "damaged" in refusal(read_image, path)


def test_deflated_rows_that_end_early_give_no_image(tmp_path: Path) -> None:
    layers = values(3, 8)
    content = np.frombuffer(zlib.compress(layers[: H // 2].tobytes()), np.uint8)
    tags = {262: 2, 258: (8, 8, 8), 277: 3, 259: 8}
    assert "damaged" in refusal(read_image, tagged(tmp_path / "a.tif", content, (H, W), tags))
    whole = np.frombuffer(zlib.compress(layers.tobytes()), np.uint8)
    np.testing.assert_array_equal(read_image(tagged(tmp_path / "b.tif", whole, (H, W), tags)).pixels, layers)


def test_channels_beside_the_colours_are_left_out_with_a_note(tmp_path: Path) -> None:
    layers = values(5, 8)
    path = written(tmp_path / "a.tif", layers, photometric="rgb", extrasamples=["unassalpha", "unspecified"])
    with pytest.warns(UserWarning, match="1 channels beside colours"):
        image = read_image(path)
    np.testing.assert_array_equal(image.pixels, layers[:, :, :3])
    np.testing.assert_array_equal(image.alpha, layers[:, :, 3])
