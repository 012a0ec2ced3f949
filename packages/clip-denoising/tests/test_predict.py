"""Images in, the same with less noise out: what is kept, how they are run, what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor

from clip_denoising import CLIPDenoiser, Prediction, Predictor
from clip_denoising.inference.predictor import predict_files
from visioncore.errors import InputError
from visioncore.images import Image, read_image, to_tensor, write_image
from visioncore.inference.dihedral import turned, turned_back
from visioncore.testing.memory import room_for
from visioncore.testing.photos import assert_close_pixels as close
from visioncore.testing.suites.base import files_in
from visioncore.testing.suites.images import ImagesSuite

MakePhoto = Callable[..., Any]


@pytest.fixture
def predictor(tiny: CLIPDenoiser) -> Predictor:
    return Predictor(tiny, "cpu")


def expected(model: CLIPDenoiser, image: Image) -> np.ndarray[Any, Any]:
    """Return what the network makes of an image whose sides are multiples of 32, in the image's depth."""
    with torch.inference_mode():
        denoised = model(to_tensor(image))[0].clamp(0, 1)
    return (denoised * (2**image.bits - 1)).round().permute(1, 2, 0).numpy().astype(image.pixels.dtype)


# an image


class TestImages(ImagesSuite):
    """What of an image is kept, and what is no image."""


@pytest.mark.parametrize("size", [(32, 64), (96, 32)])
def test_an_array_and_a_file_give_the_same(
    predictor: Predictor, tiny: CLIPDenoiser, make_photo: MakePhoto, tmp_path: Path, size: tuple[int, int]
) -> None:
    pixels = make_photo(*size)
    write_image(tmp_path / "a.png", Image(pixels))
    results = [predictor(given) for given in (pixels, Image(pixels), tmp_path / "a.png", str(tmp_path / "a.png"))]
    sources = []
    for result in results:
        assert isinstance(result, Prediction)
        sources.append(result.source)
        close(result.pixels, expected(tiny, Image(pixels)))
        np.testing.assert_array_equal(result.noisy.pixels, pixels)
    assert sources == [None, None, tmp_path / "a.png", tmp_path / "a.png"]


def test_the_model_is_left_as_it_was(tiny: CLIPDenoiser, make_photo: MakePhoto) -> None:
    before = {name: tensor.clone() for name, tensor in tiny.state_dict().items()}
    Predictor(tiny, "cpu", dtype="bfloat16").image(make_photo(32, 32))
    assert tiny.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in tiny.state_dict().items())


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_keeps_its_depth(
    predictor: Predictor, tiny: CLIPDenoiser, make_photo: MakePhoto, tmp_path: Path, suffix: str
) -> None:
    pixels = make_photo(32, 32).astype(np.uint16) * 257 + 100
    result = predictor.image(pixels)
    assert result.pixels.dtype == np.uint16
    close(result.pixels, expected(tiny, Image(pixels)), steps=2)
    assert len(np.unique(result.pixels)) > 300
    back = read_image(result.save(tmp_path / f"a{suffix}"))
    np.testing.assert_array_equal(back.pixels, result.pixels)


def test_an_array_of_grey(predictor: Predictor, make_photo: MakePhoto) -> None:
    grey = make_photo(32, 32)[..., 0]
    result = predictor.image(grey)
    assert result.denoised.grey
    np.testing.assert_array_equal(result.pixels, predictor.image(Image(grey[..., None].repeat(3, 2), grey=True)).pixels)


def test_the_original_is_not_written_over(predictor: Predictor, make_photo: MakePhoto, tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", Image(make_photo(32, 32)))
    with pytest.raises(InputError, match="this is the noisy image itself"):
        predictor.image(tmp_path / "a.png").save(tmp_path)


def test_a_figure(predictor: Predictor, make_photo: MakePhoto, tmp_path: Path) -> None:
    predictor.image(make_photo(32, 32)).plot(tmp_path / "figure.png")
    assert read_image(tmp_path / "figure.png").width > 300


def test_a_tiff_of_several_pages_is_refused(predictor: Predictor, make_photo: MakePhoto, tmp_path: Path) -> None:
    pages = [Pillow.fromarray(make_photo(32, 32, seed=n)) for n in range(3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match=r"stack\.tif: a TIFF of 3 pages; save each page as a file of its own"):
        predictor(tmp_path / "stack.tif")


# tensors


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (torch.rand(32, 32), r"must be \(B, 3, H, W\) in floating point"),
        (torch.rand(1, 3, 0, 32), r"must be \(B, 3, H, W\)"),
        (torch.zeros(1, 3, 32, 32).int(), "floating point"),
        (torch.rand(1, 1, 32, 32), "images of 1 channels, but this network takes 3, RGB images; load weights for CT"),
        (torch.rand(1, 4, 32, 32), "images of 4 channels, but this network takes 3, RGB images$"),
    ],
)
def test_tensors_that_are_no_images_are_refused(predictor: Predictor, given: Tensor, told: str) -> None:
    with pytest.raises(InputError, match=told):
        predictor.run(given)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_refused(predictor: Predictor, bad: float) -> None:
    image = torch.rand(2, 3, 32, 32)
    image[1, 2, 3, 4:6] = bad
    with pytest.raises(InputError, match="2 of 6144 values are NaN or infinite"):
        predictor.run(image)


def test_a_network_that_overflowed_is_told(tiny: CLIPDenoiser, make_photo: MakePhoto) -> None:
    with torch.no_grad():
        tiny.decoder.last.weight.fill_(float("nan"))
    with pytest.raises(InputError, match="values that are not numbers"):
        Predictor(tiny, "cpu").image(make_photo(32, 32))


@pytest.mark.parametrize(
    "options", [{}, {"tiles": (128, 64)}, {"self_ensemble": True}, {"strength": 0.5}, {"strength": 0}]
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_the_network_works_in_float32(
    tiny: CLIPDenoiser, monkeypatch: pytest.MonkeyPatch, options: Any, dtype: torch.dtype
) -> None:
    """Not every device has float64."""
    image = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0)).to(dtype)
    predictor = Predictor(tiny, "cpu", **options)
    expected = predictor.run(image.float())
    run = predictor.network

    def watched(noisy: Tensor) -> Tensor:
        assert noisy.dtype == torch.float32
        return run(noisy)

    monkeypatch.setattr(predictor, "network", watched)
    denoised = predictor.run(image)
    assert denoised.dtype == torch.float32
    assert torch.equal(denoised, expected)


@pytest.mark.parametrize("tiles", [None, (128, 64)])
def test_values_outside_the_range_and_the_batch_are_kept(tiny: CLIPDenoiser, tiles: Any) -> None:
    with torch.no_grad():
        tiny.decoder.last.weight.mul_(100)
    images = torch.rand(3, 3, 40, 150, generator=torch.Generator().manual_seed(0)) * 3 - 1
    denoised = Predictor(tiny, "cpu", tiles=tiles, batch=2).run(images)
    assert denoised.shape == images.shape
    assert denoised.min() < -0.5
    assert denoised.max() > 1.5
    alone = Predictor(tiny, "cpu", tiles=tiles).run(images[1:2])
    torch.testing.assert_close(denoised[1:2], alone, rtol=1e-4, atol=1e-4)


def test_a_image_is_padded_and_cropped_as_the_model_does(predictor: Predictor, tiny: CLIPDenoiser) -> None:
    image = torch.rand(1, 3, 45, 70, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(predictor.run(image), tiny.denoise(image), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_lower_precision_stays_near(tiny: CLIPDenoiser, make_photo: MakePhoto, dtype: str) -> None:
    pixels = make_photo(32, 64)
    lowered, exact = (
        Predictor(tiny, "cpu", dtype=name).image(pixels).pixels.astype(int) for name in (dtype, "float32")
    )
    assert np.abs(lowered - exact).max() <= 8


# options


def test_strength_is_the_share_of_the_denoised_image(tiny: CLIPDenoiser, make_photo: MakePhoto) -> None:
    image = torch.rand(1, 3, 32, 64, generator=torch.Generator().manual_seed(0)) * 2 - 0.5
    none, some, full = (Predictor(tiny, "cpu", strength=strength).run(image) for strength in (0, 0.25, 1))
    assert torch.equal(none, image)
    torch.testing.assert_close(some, 0.75 * image + 0.25 * full)
    assert (full - image).abs().max() > 0.1
    pixels = make_photo(33, 41)
    for depth in (pixels, pixels.astype(np.uint16) * 251):
        np.testing.assert_array_equal(Predictor(tiny, "cpu", strength=0).image(depth).pixels, depth)


def test_the_self_ensemble_is_the_mean_of_eight(tiny: CLIPDenoiser) -> None:
    image = torch.rand(1, 3, 32, 64, generator=torch.Generator().manual_seed(0))
    plain, ensemble = (Predictor(tiny, "cpu", self_ensemble=on) for on in (False, True))
    versions = {way: turned(image, way) for way in range(8)}
    mean = torch.stack([turned_back(plain.run(version), way) for way, version in versions.items()]).mean(dim=0)
    torch.testing.assert_close(ensemble.run(image), mean)
    assert not torch.allclose(mean, plain.run(image), atol=1e-4)
    # which does not care how the image is held
    for way in range(8):
        torch.testing.assert_close(turned_back(ensemble.run(versions[way]), way), mean, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tiles", [None, (96, 64)])
@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (17, 3), (37, 100)])
def test_every_size_in_every_mode(
    tiny: CLIPDenoiser, make_photo: MakePhoto, tiles: Any, ensemble: bool, size: tuple[int, int]
) -> None:
    result = Predictor(tiny, "cpu", tiles=tiles, self_ensemble=ensemble).image(make_photo(*size))
    assert result.pixels.shape == (*size, 3)


def test_a_image_of_one_pixel_is_that_pixel_repeated(tiny: CLIPDenoiser) -> None:
    pixel = np.array([[[200, 100, 50]]], np.uint8)
    repeated = np.tile(pixel, (32, 32, 1))
    close(Predictor(tiny, "cpu").image(pixel).pixels, expected(tiny, Image(repeated))[:1, :1], steps=1)


def test_tiles_are_near_the_whole_and_have_no_seams(tiny: CLIPDenoiser) -> None:
    image = torch.rand(1, 3, 160, 224, generator=torch.Generator().manual_seed(0))
    whole = Predictor(tiny, "cpu").run(image)
    tiled = Predictor(tiny, "cpu", tiles=(128, 64), batch=3).run(image)
    difference = (tiled - whole).abs()
    assert 0 < difference.mean() < 0.2 * whole.std()
    across = (tiled - whole).diff(dim=-1).abs().mean(dim=(0, 1, 2))
    assert across.max() < 6 * across.median()


@pytest.mark.parametrize("text", ["whole", " 256, 64 ", "512,64"])
def test_tiles_as_text(tiny: CLIPDenoiser, text: str) -> None:
    assert Predictor(tiny, "cpu", tiles=text).tiles == {" 256, 64 ": (256, 64), "512,64": (512, 64)}.get(text, text)


@pytest.mark.parametrize("text", ["", "256", "256,", "256;64", "a,b", "-32,2", "official"])
def test_text_that_is_no_tiles_is_refused(tiny: CLIPDenoiser, text: str) -> None:
    with pytest.raises(InputError, match="it must be auto, whole or SIZE,OVERLAP"):
        Predictor(tiny, "cpu", tiles=text)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tiles": (100, 64)}, "multiple of 32"),
        ({"tiles": (256, 63)}, "the overlap at least 64"),
        ({"tiles": (64, 64)}, "smaller than that"),
        ({"batch": 0}, "batch is 0"),
        ({"compile": True}, "compile is for GPUs"),
        ({"strength": 1.5}, "strength is 1.5; it must be from 0"),
        ({"strength": -0.1}, "strength is -0.1"),
        ({"strength": float("nan")}, "strength is nan"),
        ({"dtype": "half"}, "unknown precision 'half'"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
    ],
)
def test_options_that_make_no_sense_are_refused(tiny: CLIPDenoiser, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Predictor(tiny, **{"device": "cpu", **options})


# memory


@pytest.mark.parametrize("tiles", [None, (96, 64)])
def test_out_of_memory_backs_off_and_says_so(tiny: CLIPDenoiser, monkeypatch: pytest.MonkeyPatch, tiles: Any) -> None:
    images, said = torch.rand(5, 3, 96, 128), list[str]()
    predictor = Predictor(tiny, "cpu", tiles=tiles, batch=5, notify=said.append)
    with room_for(2, predictor, "network", monkeypatch) as sizes:
        denoised = predictor.run(images)
    assert said == ["out of memory at size 5, going on with 2"]
    assert sizes[1:] == ([2, 2, 1] if tiles is None else [2] * 5)
    assert predictor.batch == (2 if tiles is None else 5)
    torch.testing.assert_close(denoised, Predictor(tiny, "cpu", tiles=tiles).run(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("tiles", "told"),
    [(None, "out of memory for 48x32 as a whole; cut it into tiles"), ((96, 64), "even at the smallest size")],
)
def test_memory_that_never_suffices_is_told(
    predictor: Predictor, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch, tiles: Any, told: str
) -> None:
    predictor.tiles = tiles
    with room_for(0, predictor, "network", monkeypatch), pytest.raises(InputError, match=told):
        predictor(make_photo(32, 48))


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    predictor: Predictor, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(image: Tensor) -> Tensor:
        raise RuntimeError("a defect")

    monkeypatch.setattr(predictor, "network", broken)
    for tiles in ("whole", (96, 64)):
        predictor.tiles = tiles
        with pytest.raises(RuntimeError, match="a defect"):
            predictor(make_photo(32, 32))


# many files


@pytest.fixture
def folder(tmp_path: Path, make_photo: MakePhoto) -> Path:
    for number, name in enumerate(("1.png", "2.jpg", "sub/1.png")):
        write_image(tmp_path / "in" / name, Image(make_photo(32, 64, seed=number)))
    return tmp_path / "in"


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp", ".bmp"])
def test_other_formats_of_the_results(predictor: Predictor, folder: Path, tmp_path: Path, suffix: str) -> None:
    predict_files([folder / "1.png"], predictor, tmp_path / "out", suffix=suffix)
    assert files_in(tmp_path / "out") == [f"1{suffix}"]
    assert read_image(tmp_path / "out" / f"1{suffix}").pixels.shape == (32, 64, 3)
