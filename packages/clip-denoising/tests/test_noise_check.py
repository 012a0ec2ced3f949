"""Noise that the weights do not know is told, and the plain filter's results lie beside ours."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clip_denoising import CLIPDenoiser, Predictor, load_model
from clip_denoising.data.noise import parse_noise
from clip_denoising.inference.noise_check import is_far, warning
from clip_denoising.inference.non_local_means import plain
from clip_denoising.inference.predictor import predict_files
from clip_denoising.training.config import load_train_recipe
from visioncore.errors import InputError
from visioncore.images import Image, read_image, write_image
from visioncore.testing.suites.base import Run, files_in

PACKAGE = "clip_denoising"
GREY = np.full((64, 96, 3), 128.0)


def noisy(sigma: float, seed: int = 0) -> Image:
    values = GREY + np.random.default_rng(seed).normal(0, sigma, GREY.shape)
    return Image(values.round().clip(0, 255).astype(np.uint8))


@pytest.fixture
def knowing(tiny: CLIPDenoiser) -> CLIPDenoiser:
    """A network whose weights say that they know a sigma of 15 steps of 255."""
    tiny.config = replace(tiny.config, noise_sigma=15 / 255)
    return tiny


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number, sigma in enumerate((15, 3, 45)):
        write_image(tmp_path / "in" / f"{number}.png", noisy(sigma))
    return tmp_path / "in"


def test_a_photo_of_other_noise_is_told_in_one_line(knowing: CLIPDenoiser) -> None:
    said: list[str] = []
    predictor = Predictor(knowing, "cpu", notify=said.append)
    result = predictor(noisy(15).pixels)
    assert said == []
    assert result.noise_sigma * 255 == pytest.approx(15, rel=0.06)  # type: ignore[attr-defined]
    predictor(noisy(45))
    (line,) = said
    assert line.startswith("the noise is estimated as sigma 4")
    assert "of 255, the weights know 15; where it is stronger, much may stay" in line
    assert "weaker" not in line
    predictor(Image(noisy(3).pixels.astype(np.uint16) * 257))
    assert "sigma 3 of 255, the weights know 15; where it is weaker, detail may go with it" in said[1]


@pytest.mark.parametrize("options", [{"strength": 0}, {"known": 0.0}])
def test_nothing_is_told_where_nothing_is_known_or_done(
    knowing: CLIPDenoiser, options: dict[str, float], tmp_path: Path
) -> None:
    known = options.pop("known", 15 / 255)
    knowing.config = replace(knowing.config, noise_sigma=known)
    said: list[str] = []
    predictor = Predictor(knowing, "cpu", notify=said.append, **options)  # type: ignore[arg-type]
    predictor(noisy(45))
    write_image(tmp_path / "a.png", noisy(45))
    predict_files([tmp_path / "a.png"], predictor, tmp_path / "out")
    assert said == []
    assert "about" not in (tmp_path / "out" / "made.jsonl").read_text()


def test_a_batch_is_summed_up_and_recorded(knowing: CLIPDenoiser, photos: Path, tmp_path: Path) -> None:
    said: list[str] = []
    predictor = Predictor(knowing, "cpu", notify=said.append)
    out = tmp_path / "out"
    predict_files([photos], predictor, out)
    (line,) = said
    assert line.startswith("2 of 3 photos: the noise is estimated as sigma 3 to 4")
    assert "weaker" in line
    assert "stronger" in line
    entries = {entry["result"]: entry["about"] for entry in map(json.loads, (out / "made.jsonl").open())}
    assert entries["1.png"]["noise_sigma"] * 255 == pytest.approx(3, rel=0.1)
    assert {about["known_noise_sigma"] for about in entries.values()} == {15 / 255}
    assert len(predict_files([photos], predictor, out).skipped) == 3
    predictor(noisy(45))
    assert len(said) == 2


@pytest.mark.parametrize(("sigma", "far"), [(5.9, True), (6.1, False), (15, False), (32.9, False), (33.1, True)])
def test_what_is_far(sigma: float, far: bool) -> None:
    assert is_far(sigma / 255, 15 / 255) is far
    assert not is_far(sigma / 255, 0)


def test_levels_that_round_to_one_are_told_once() -> None:
    assert "sigma 50 of 255" in warning([0.196, 0.1961], 15 / 255, 2)


@pytest.mark.parametrize(
    ("noise", "sigma"),
    [("gaussian:15", 15 / 255), ("ct-gaussian:80", 80 / 4096), ("spatial:45", 0), ("poisson:2", 0), ("nlf:0.1,0.1", 0)],
)
def test_the_level_of_noise(noise: str, sigma: float) -> None:
    assert parse_noise(noise).sigma == sigma


def test_recipes_tell_the_weights_what_they_will_know() -> None:
    assert load_model("demo").config.noise_sigma == load_train_recipe("demo").model.noise_sigma == 15 / 255
    assert load_train_recipe("demo", {"data.noise": "gaussian:30"}).model.noise_sigma == 30 / 255
    assert load_train_recipe("demo", {"data.noise": "camera"}).model.noise_sigma == 0
    assert load_train_recipe("demo", {"data.kind": "pairs"}).model.noise_sigma == 0
    assert load_train_recipe("demo", {"data.noise": "poisson:2", "model.noise_sigma": "0.1"}).model.noise_sigma == 0.1
    with pytest.raises(InputError, match="noise_sigma is -1"):
        load_train_recipe("demo", {"model.noise_sigma": "-1"})


@pytest.mark.parametrize("as_file", [False, True])
def test_the_plain_filter_beside_ours(
    run: Run, tiny_weights: Path, photos: Path, tmp_path: Path, as_file: bool
) -> None:
    out = photos / "out"  # inside the inputs, of which results are none
    inputs = [photos / "2.png"] if as_file else [photos]
    call = ("predict", *inputs, "--weights", tiny_weights, "--device", "cpu", "--baseline", "nlm")
    code, said, _ = run(*call, "--out", out / "a.png" if as_file else out)
    assert code == 0
    assert said.startswith("1 done" if as_file else "3 done")
    assert files_in(out) == (
        ["a.png", "a_nlm.png"] if as_file else [*(f"{n}.png" for n in range(3)), *(f"nlm/{n}.png" for n in range(3))]
    )
    theirs = read_image(out / ("a_nlm.png" if as_file else "nlm/2.png")).pixels
    np.testing.assert_array_equal(theirs, plain(noisy(45)).pixels)
    assert np.abs(theirs - GREY).mean() < 10
    if not as_file:
        (out / "nlm" / "2.png").unlink()
        code, said, _ = run(*call, "--out", out)
        assert said.startswith("1 done, 2 skipped")
        code, said, _ = run(*call, "--out", out)
        assert said.startswith("0 done, 3 skipped")


def test_the_plain_filter_is_for_photos(tiny_ct: CLIPDenoiser, tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", np.zeros((1, 32, 32), np.int16))
    with pytest.raises(InputError, match="baseline is for photos"):
        predict_files([tmp_path / "scan.npy"], Predictor(tiny_ct, "cpu"), tmp_path / "out", baseline=True)
    assert not (tmp_path / "out").exists()
