"""Images and videos in, the same without rain out: what is kept, how images are cut up, what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nerdrain_derain import NeRDRain, Prediction, Predictor
from nerdrain_derain.inference.official_windows import run_windows
from nerdrain_derain.inference.predictor import predict_files
from nerdrain_derain.network.config import VARIANTS
from visioncore.devices.memory import extra_memory
from visioncore.errors import InputError
from visioncore.images import Image, read_image, to_tensor, write_image
from visioncore.inference.dihedral import turned, turned_back
from visioncore.testing.memory import room_for
from visioncore.testing.photos import assert_close_pixels as close
from visioncore.testing.suites.base import files_in
from visioncore.testing.suites.images import ImagesSuite
from visioncore.video import Frame, read_frames, write_video

MakePhoto = Callable[..., Any]


@pytest.fixture
def predictor(tiny: NeRDRain) -> Predictor:
    return Predictor(tiny, "cpu")


def expected(model: NeRDRain, image: Image) -> np.ndarray[Any, Any]:
    """Return what the network makes of an image whose sides are multiples of 16, in the image's depth."""
    with torch.inference_mode():
        restored = model(to_tensor(image))[0].clamp(0, 1)
    return (restored * (2**image.bits - 1)).round().permute(1, 2, 0).numpy().astype(image.pixels.dtype)


# an image


class TestImages(ImagesSuite):
    """What of an image is kept, and what is no image."""


@pytest.mark.parametrize("size", [(32, 48), (64, 16)])
def test_an_array_and_a_file_give_the_same(
    predictor: Predictor, make_photo: MakePhoto, tmp_path: Path, size: tuple[int, int]
) -> None:
    pixels = make_photo(*size)
    write_image(tmp_path / "a.png", Image(pixels))
    results = [
        predictor(pixels),
        predictor(Image(pixels)),
        predictor(tmp_path / "a.png"),
        predictor(str(tmp_path / "a.png")),
    ]
    for result in results:
        assert isinstance(result, Prediction)
        close(result.pixels, expected(predictor.model, Image(pixels)))
        np.testing.assert_array_equal(result.rainy.pixels, pixels)
        np.testing.assert_array_equal(result.pixels, results[0].pixels)
    assert [result.source for result in results] == [None, None, tmp_path / "a.png", tmp_path / "a.png"]


def test_16_bit_keeps_its_depth(predictor: Predictor, make_photo: MakePhoto) -> None:
    pixels = make_photo(32, 32).astype(np.uint16) * 257 + 100
    result = predictor(pixels)
    assert result.pixels.dtype == np.uint16
    close(result.pixels, expected(predictor.model, Image(pixels)), steps=2)
    assert len(np.unique(result.pixels)) > 300


@pytest.mark.parametrize(
    "given",
    [
        torch.rand(32, 32),
        torch.rand(4, 32, 32),
        torch.rand(1, 1, 32, 32),
        torch.rand(1, 3, 0, 32),
        torch.zeros(1, 3, 32, 32).int(),
    ],
)
def test_tensors_that_are_no_images_are_refused(predictor: Predictor, given: Tensor) -> None:
    with pytest.raises(InputError, match=r"must be \(B, 3, H, W\) in floating point"):
        predictor.run(given)


def test_a_network_that_overflowed_is_told(predictor: Predictor, make_photo: MakePhoto) -> None:
    with torch.no_grad():
        predictor.model.full_scale.output.weight.fill_(float("nan"))
    with pytest.raises(InputError, match="values that are not numbers"):
        predictor(make_photo(32, 32))


def test_a_figure(predictor: Predictor, make_photo: MakePhoto, tmp_path: Path) -> None:
    predictor(make_photo(32, 32)).plot(tmp_path / "figure.png")
    assert read_image(tmp_path / "figure.png").width > 300


# cutting up


@pytest.mark.parametrize("tiles", ["auto", "official", "whole", (32, 8), (256, 32)])
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (37, 53), (64, 80)])
def test_every_size_in_every_mode(tiny: NeRDRain, make_photo: MakePhoto, tiles: Any, size: tuple[int, int]) -> None:
    result = Predictor(tiny, "cpu", tiles=tiles)(make_photo(*size))
    assert result.pixels.shape == (*size, 3)
    if size == (64, 80) and tiles != (32, 8):
        close(result.pixels, expected(tiny, result.rainy))


@pytest.mark.parametrize("tiles", ["whole", "auto", (64, 16)])
def test_streaks_go_on_below_the_last_row(tiny: NeRDRain, tiles: Any) -> None:
    image = torch.rand(2, 3, 37, 48, generator=torch.Generator().manual_seed(0))
    longer = torch.cat([image, image[:, :, -1:].expand(-1, -1, 11, -1)], dim=2)
    with torch.no_grad():
        expected = tiny(longer)[:, :, :37]
    torch.testing.assert_close(Predictor(tiny, "cpu", tiles=tiles).run(image), expected)


def test_a_image_smaller_than_a_window_is_run_whole(tiny: NeRDRain, make_photo: MakePhoto) -> None:
    pixels = make_photo(100, 300)
    official, whole = (Predictor(tiny, "cpu", tiles=tiles)(pixels).pixels for tiles in ("official", "whole"))
    np.testing.assert_array_equal(official, whole)


def test_official_windows_are_of_256(tiny: NeRDRain, make_photo: MakePhoto) -> None:
    pixels = make_photo(256, 272)
    result = Predictor(tiny, "cpu", tiles="official")(pixels)
    close(result.pixels[:, :256], expected(tiny, Image(pixels[:, :256])))
    close(result.pixels[:, 256:], expected(tiny, Image(pixels[:, 16:]))[:, 240:])


def test_tiles_have_no_seams_where_windows_have(tiny: NeRDRain) -> None:
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    blended = Predictor(tiny, "cpu", tiles=(48, 16)).run(image)
    whole = Predictor(tiny, "cpu", tiles="whole").run(image)
    assert 0 < float((blended - whole).abs().max()) < 0.2


def test_small_images_are_whole_and_large_ones_few_tiles(tiny: NeRDRain, monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.rand(1, 3, 60, 90, generator=torch.Generator().manual_seed(0))
    predictor = Predictor(tiny, "cpu")
    assert torch.equal(predictor.run(image), Predictor(tiny, "cpu", tiles="whole").run(image))
    monkeypatch.setattr("visioncore.inference.restoration.MEMORY", predictor.bytes_per_pixel * 64 * 64)
    tiled = Predictor(tiny, "cpu", tiles=(64, 16)).run(image)
    assert torch.equal(predictor.run(image), tiled)


@pytest.mark.parametrize("block", ["transformer", "cab"])
def test_the_memory_of_a_pixel_is_no_less_than_it_takes(block: Any) -> None:
    config = replace(VARIANTS["nerd-rain"], dim=16, block=block, num_blocks=(1, 1, 1))
    predictor = Predictor(NeRDRain(config), "cpu")
    image = torch.rand(1, 3, 256, 256)
    taken = extra_memory(lambda: predictor.run(image), torch.device("cpu"))
    assert 0.3 < taken / (256 * 256 * predictor.bytes_per_pixel) <= 1


@pytest.mark.parametrize("text", ["auto", "official", "whole", " 256, 32 ", "64,0"])
def test_tiles_as_text(tiny: NeRDRain, text: str) -> None:
    assert Predictor(tiny, "cpu", tiles=text).tiles == {" 256, 32 ": (256, 32), "64,0": (64, 0)}.get(text, text)


@pytest.mark.parametrize("text", ["", "256", "256,", "256;32", "a,b", "-16,2", "Official"])
def test_text_that_is_no_tiles_is_refused(tiny: NeRDRain, text: str) -> None:
    with pytest.raises(InputError, match="it must be auto, official, whole or SIZE,OVERLAP"):
        Predictor(tiny, "cpu", tiles=text)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tiles": (8, 0)}, "multiple of 16"),
        ({"tiles": (100, 10)}, "multiple of 16"),
        ({"tiles": (64, 64)}, "overlap smaller"),
        ({"tiles": (64, -1)}, "SIZE,OVERLAP"),
        ({"batch": 0}, "batch is 0"),
        ({"dtype": "half"}, "unknown precision 'half'"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
    ],
)
def test_options_that_make_no_sense_are_refused(tiny: NeRDRain, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Predictor(tiny, **{"device": "cpu", **options})


@pytest.mark.parametrize("tiles", ["whole", (32, 8)])
def test_run_keeps_values_outside_the_range_and_the_batch(tiny: NeRDRain, tiles: Any) -> None:
    images = torch.rand(2, 3, 40, 56, generator=torch.Generator().manual_seed(0)) * 3 - 1
    restored = Predictor(tiny, "cpu", tiles=tiles).run(images)
    assert restored.shape == images.shape
    assert restored.min() < -0.5
    assert restored.max() > 1.5
    alone = Predictor(tiny, "cpu", tiles=tiles).run(images[1:])
    torch.testing.assert_close(restored[1:], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_lower_precision_stays_near(tiny: NeRDRain, make_photo: MakePhoto, dtype: str) -> None:
    pixels = make_photo(32, 48)
    lowered, exact = (Predictor(tiny, "cpu", dtype=name)(pixels).pixels.astype(int) for name in (dtype, "float32"))
    assert np.abs(lowered - exact).max() <= 8


def test_the_self_ensemble_is_the_mean_of_eight(tiny: NeRDRain) -> None:
    image = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    plain, ensemble = (Predictor(tiny, "cpu", self_ensemble=on) for on in (False, True))
    versions = {draw: turned(image, draw) for draw in range(8)}
    for one in range(8):
        for other in range(one):
            assert versions[one].shape != versions[other].shape or not torch.equal(versions[one], versions[other])
    mean = torch.stack([turned_back(plain.run(version), draw) for draw, version in versions.items()]).mean(dim=0)
    torch.testing.assert_close(ensemble.run(image), mean)
    # which does not care how the image is held
    for draw in range(8):
        torch.testing.assert_close(turned_back(ensemble.run(versions[draw]), draw), mean, rtol=1e-4, atol=1e-5)


# the authors' windows


def shifted_by_place(window: Tensor) -> Tensor:
    """A network whose result tells every pixel's place in its window."""
    size = window.shape[-1]
    return window + 1000.0 * torch.arange(size * size).view(size, size)


@pytest.mark.parametrize("size", [(8, 8), (8, 12), (13, 8), (16, 24), (17, 25), (23, 9)])
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_windows_against_a_plain_loop(size: tuple[int, int], batch: int) -> None:
    window, (height, width) = 8, size
    image = torch.rand(2, 3, height, width)
    plain = torch.full_like(image, torch.nan)
    bottom, right = height // window * window, width // window * window
    for top in range(0, bottom, window):
        for left in range(0, right, window):
            here = slice(top, top + window), slice(left, left + window)
            plain[..., here[0], here[1]] = shifted_by_place(image[..., here[0], here[1]])
    for top in range(0, bottom, window):
        strip = shifted_by_place(image[..., top : top + window, width - window :])
        plain[..., top : top + window, right:] = strip[..., window - (width - right) :]
    for left in range(0, right, window):
        strip = shifted_by_place(image[..., height - window :, left : left + window])
        plain[..., bottom:, left : left + window] = strip[..., window - (height - bottom) :, :]
    corner = shifted_by_place(image[..., height - window :, width - window :])
    plain[..., bottom:, right:] = corner[..., window - (height - bottom) :, window - (width - right) :]
    assert torch.equal(run_windows(shifted_by_place, image, size=window, batch=batch), plain)


def test_images_smaller_than_a_window_are_refused() -> None:
    with pytest.raises(InputError, match="an image of 7x16 has a side under the window of 8; use tiles='whole'"):
        run_windows(shifted_by_place, torch.rand(1, 3, 7, 16), size=8)


def test_no_more_windows_at_a_time_than_agreed() -> None:
    counts: list[int] = []

    def network(batch: Tensor) -> Tensor:
        counts.append(len(batch))
        return batch

    image = torch.rand(1, 3, 24, 24)
    assert torch.equal(run_windows(network, image, size=8, batch=4), image)
    assert counts == [4, 4, 1]


# memory


@pytest.mark.parametrize("tiles", ["official", (32, 8)])
def test_out_of_memory_backs_off_and_says_so(
    tiny: NeRDRain, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch, tiles: Any
) -> None:
    monkeypatch.setattr("nerdrain_derain.inference.predictor.OFFICIAL_WINDOW", 32)
    pixels, said = make_photo(64, 128), list[str]()
    with room_for(2, tiny, "forward", monkeypatch) as sizes:
        result = Predictor(tiny, "cpu", tiles=tiles, batch=8, notify=said.append)(pixels)
    assert said == ["out of memory at size 8, going on with 4", "out of memory at size 4, going on with 2"]
    assert sizes[-1] <= 2
    close(result.pixels, Predictor(tiny, "cpu", tiles=tiles)(pixels).pixels)


@pytest.mark.parametrize(
    ("tiles", "told"),
    [
        ("auto", "even at the smallest size"),
        ("whole", "out of memory for 48x32 as a whole; cut it into tiles"),
        ((32, 8), "even at the smallest size"),
    ],
)
def test_memory_that_never_suffices_is_told(
    tiny: NeRDRain, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch, tiles: Any, told: str
) -> None:
    with room_for(0, tiny, "forward", monkeypatch), pytest.raises(InputError, match=told):
        Predictor(tiny, "cpu", tiles=tiles)(make_photo(32, 48))


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    tiny: NeRDRain, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(image: Tensor) -> Tensor:
        raise RuntimeError("a defect")

    monkeypatch.setattr(tiny, "forward", broken)
    for tiles in ("whole", (32, 8)):
        with pytest.raises(RuntimeError, match="a defect"):
            Predictor(tiny, "cpu", tiles=tiles)(make_photo(32, 32))


# many files


@pytest.fixture
def folder(tmp_path: Path, make_photo: MakePhoto) -> Path:
    for number, name in enumerate(("1.png", "2.jpg", "sub/1.png")):
        write_image(tmp_path / "in" / name, Image(make_photo(32, 48, seed=number)))
    return tmp_path / "in"


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp", ".bmp"])
def test_other_formats_of_the_results(predictor: Predictor, folder: Path, tmp_path: Path, suffix: str) -> None:
    predict_files([folder / "1.png"], predictor, tmp_path / "out", suffix=suffix)
    assert files_in(tmp_path / "out") == [f"1{suffix}"]
    assert read_image(tmp_path / "out" / f"1{suffix}").pixels.shape == (32, 48, 3)


# video


def clip(path: Path, make_photo: MakePhoto, size: tuple[int, int] = (32, 48), count: int = 3) -> None:
    times = [Fraction(0), Fraction(1, 10), Fraction(1, 2)]  # a rate that varies
    write_video(path, [Frame(make_photo(*size, seed=n), times[n]) for n in range(count)], Fraction(10))


@pytest.mark.parametrize("size", [(32, 48), (33, 47)])
def test_a_video_keeps_its_images_and_their_times(
    predictor: Predictor, make_photo: MakePhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    clip(tmp_path / "a.mp4", make_photo, size)
    monkeypatch.setattr(predictor.model, "forward", lambda image: 1 - image)
    predictor.video(tmp_path / "a.mp4", tmp_path / "b.mp4")
    before, after = list(read_frames(tmp_path / "a.mp4")), list(read_frames(tmp_path / "b.mp4"))
    assert [frame.time for frame in after] == [frame.time for frame in before]
    for rainy, restored in zip(before, after, strict=True):
        assert restored.pixels.shape == rainy.pixels.shape == (size[0] + size[0] % 2, size[1] + size[1] % 2, 3)
        assert np.abs(255 - rainy.pixels.astype(int) - restored.pixels).mean() < 12


def test_videos_among_the_files(predictor: Predictor, folder: Path, make_photo: MakePhoto, tmp_path: Path) -> None:
    clip(folder / "clip.mkv", make_photo)
    (folder / "broken.mp4").write_text("not a video")
    said: list[str] = []
    summary = predict_files([folder], predictor, tmp_path / "out", say=said.append)
    assert files_in(tmp_path / "out") == ["1.png", "2.png", "clip.mp4", "sub/1.png"]
    assert list(summary.failed) == [folder / "broken.mp4"]
    assert len(said) == 1
    assert len(list(read_frames(tmp_path / "out" / "clip.mp4"))) == 3
    assert len(predict_files([folder / "clip.mkv"], predictor, tmp_path / "out").skipped) == 1


def test_a_video_that_was_broken_off_goes_on(
    predictor: Predictor, make_photo: MakePhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visioncore.inference.video_segments.FRAMES", 2)
    (tmp_path / "in").mkdir()
    clip(tmp_path / "in" / "a.mp4", make_photo)
    predictor.video(tmp_path / "in" / "a.mp4", tmp_path / "whole.mp4")
    forward, calls, said = predictor.model.forward, list[int](), list[str]()

    def broken_off(images: Tensor) -> Any:
        calls.append(len(images))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return forward(images)

    monkeypatch.setattr(predictor, "notify", said.append)
    monkeypatch.setattr(predictor.model, "forward", broken_off)
    with pytest.raises(KeyboardInterrupt):
        predict_files([tmp_path / "in"], predictor, tmp_path / "out")
    assert not (tmp_path / "out" / "a.mp4").exists()
    assert len(predict_files([tmp_path / "in"], predictor, tmp_path / "out").done) == 1
    assert len(calls) == 4, "two frames were done before"
    assert said == [f"{tmp_path / 'out' / 'a.mp4'}: 2 frames are done before; going on from there"]
    assert files_in(tmp_path / "out") == ["a.mp4"]
    assert (tmp_path / "out" / "a.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_a_damaged_video_leaves_no_segments(
    predictor: Predictor, make_photo: MakePhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its reader raises is its fault, in one line; what the network raises is not."""
    monkeypatch.setattr("visioncore.inference.video_segments.FRAMES", 1)
    clip(tmp_path / "a.mp4", make_photo)

    def damaged(path: Path) -> Iterator[Frame]:
        yield from islice(read_frames(path), 2)
        raise IndexError("of the reader")

    monkeypatch.setattr("visioncore.inference.restoration.read_frames", damaged)
    said: list[str] = []
    assert predict_files([tmp_path / "a.mp4"], predictor, tmp_path / "out", say=said.append).exit_code == 1
    assert said == [f"failed: {tmp_path / 'a.mp4'}: IndexError: of the reader"]
    assert files_in(tmp_path / "out") == []


def test_one_video_or_photo_goes_to_a_file(
    predictor: Predictor, make_photo: MakePhoto, folder: Path, tmp_path: Path
) -> None:
    clip(tmp_path / "a.mp4", make_photo)
    assert predict_files([tmp_path / "a.mp4"], predictor, tmp_path / "b.mkv").exit_code == 0
    assert len(list(read_frames(tmp_path / "b.mkv"))) == 3
    assert predict_files([folder / "2.jpg"], predictor, tmp_path / "b.tif").exit_code == 0
    assert read_image(tmp_path / "b.tif").pixels.shape == (32, 48, 3)
    for given, out, told in (
        (tmp_path / "a.mp4", "b.png", r"a.mp4 can be written as .mp4, .m4v, .mov, .mkv"),
        (folder / "2.jpg", "b.mp4", r"2.jpg can be written as .png"),
        (folder / "2.jpg", "in/2.jpg", "this input would be written over"),
    ):
        with pytest.raises(InputError, match=told):
            predict_files([given], predictor, tmp_path / out)


def test_a_video_that_fails_midway_leaves_nothing(
    predictor: Predictor, make_photo: MakePhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip(tmp_path / "a.mp4", make_photo)
    with room_for(0, predictor.model, "forward", monkeypatch), pytest.raises(InputError, match="out of memory"):
        predictor.video(tmp_path / "a.mp4", tmp_path / "out" / "b.mp4")
    assert files_in(tmp_path / "out") == []
