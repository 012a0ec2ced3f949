"""The protocols on pairs of images: means, tables, images restored before, and what is told of odd data."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nerdrain_derain import NeRDRain, Predictor
from nerdrain_derain.data.pairs import find_pairs
from nerdrain_derain.evaluation.baselines import FILTERS, best_filter, guided
from nerdrain_derain.evaluation.protocols import Evaluation, evaluate
from nerdrain_derain.inference.predictor import predict_files
from visioncore.errors import InputError
from visioncore.images import Image, read_image, to_tensor, write_image
from visioncore.metrics.evaluation import Measured
from visioncore.metrics.image import psnr, ssim

MakePairs = Callable[..., Path]
MakePhoto = Callable[..., Any]
NAMES = [("rain-1.png", "norain-1.png"), ("rain-2.png", "norain-2.png"), ("rain-10.png", "norain-10.png")]


@pytest.fixture
def predictor(tiny: NeRDRain) -> Predictor:
    return Predictor(tiny, "cpu", tiles="official")


def column(result: Evaluation, name: str) -> list[float]:
    return [value for value in result.values()[name] if value is not None]


def silent(line: str) -> None:
    raise AssertionError(f"nothing was to be told: {line}")


def test_every_image_by_every_protocol(predictor: Predictor, make_pairs: MakePairs) -> None:
    data = make_pairs(NAMES)
    result = evaluate(data, predictor, say=silent)
    assert [each.labels["image"] for each in result.images] == ["rain-1.png", "rain-2.png", "rain-10.png"]
    metrics = ["psnr_y_A", "ssim_y_A", "psnr_y_B", "ssim_y_B", "psnr_rgb", "ssim_rgb"]
    assert result.metrics == metrics
    assert list(result.values()) == [*(f"{name}_rainy" for name in metrics), *metrics]
    for number, pair in enumerate(find_pairs(data)):
        rainy, clean = to_tensor(read_image(pair.rainy)), to_tensor(read_image(pair.clean))
        restored = to_tensor(predictor(pair.rainy).restored)
        assert result.images[number].before["psnr_y_A"] == float(psnr(rainy, clean, "y_A"))
        assert result.images[number].after["psnr_rgb"] == float(psnr(restored, clean, "rgb"))
        assert result.images[number].after["ssim_y_B"] == float(ssim(restored, clean, "y_B"))
    means = result.means()
    assert means["psnr_y_A"] == pytest.approx(np.mean(column(result, "psnr_y_A")))
    assert means["ssim_rgb_rainy"] == pytest.approx(np.mean(column(result, "ssim_rgb_rainy")))
    assert result.infinite == 0
    assert result.made_by == "NeRDRain, tiles official, torch.float32"


def test_what_is_written(predictor: Predictor, make_pairs: MakePairs, tmp_path: Path) -> None:
    result = evaluate(make_pairs(NAMES), predictor, protocols=["y_A"])
    result.save(tmp_path / "out")
    with (tmp_path / "out" / "per_image.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [each.labels["image"] for each in result.images]
    assert [float(row["psnr_y_A"]) for row in rows] == column(result, "psnr_y_A")
    assert [float(row["ssim_y_A_rainy"]) for row in rows] == column(result, "ssim_y_A_rainy")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["images"] == 3
    assert report["means"] == pytest.approx(result.means())
    assert report["restored_by"].startswith("NeRDRain, tiles official")
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        summary = {row["metric"]: row for row in csv.DictReader(file)}
    before, after = result.means()["psnr_y_A_rainy"], result.means()["psnr_y_A"]
    assert float(summary["psnr_y_A"]["gain"]) == pytest.approx(after - before)
    for name in ("per_image.md", "summary.md"):
        assert "psnr_y_A" in (tmp_path / "out" / name).read_text()


def test_infinite_values_are_left_out_of_the_means_and_counted(
    make_pairs: MakePairs, make_photo: MakePhoto, tmp_path: Path
) -> None:
    data = make_pairs(NAMES)
    pairs = find_pairs(data)
    for pair in pairs:
        write_image(tmp_path / "restored" / pair.rainy.name, Image(read_image(pair.clean).pixels // 2 * 2))
    write_image(tmp_path / "restored" / "rain-1.png", read_image(pairs[0].clean))
    write_image(pairs[2].rainy, read_image(pairs[2].clean))
    result = evaluate(data, tmp_path / "restored", protocols=["rgb"])
    assert column(result, "psnr_rgb")[0] == math.inf
    assert column(result, "psnr_rgb_rainy")[2] == math.inf
    assert result.infinite == 2
    assert result.means()["psnr_rgb"] == pytest.approx(np.mean(column(result, "psnr_rgb")[1:]))
    assert result.means()["psnr_rgb_rainy"] == pytest.approx(np.mean(column(result, "psnr_rgb_rainy")[:2]))
    assert result.means()["ssim_rgb"] == pytest.approx(np.mean(column(result, "ssim_rgb")))
    (gain,) = [row[3] for row in result.summary().rows if row[0] == "psnr_rgb"]
    assert gain == pytest.approx(column(result, "psnr_rgb")[1] - column(result, "psnr_rgb_rainy")[1])
    result.save(tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["infinite_values_left_out_of_means"] == 2
    assert "inf" in (tmp_path / "out" / "per_image.csv").read_text()


def test_only_infinite_values_have_an_infinite_mean() -> None:
    result = Evaluation([Measured({"image": "a"}, {"psnr_rgb": 30.0}, {"psnr_rgb": math.inf})], "")
    assert result.means() == {"psnr_rgb": math.inf, "psnr_rgb_rainy": 30.0}
    assert result.infinite == 1


def test_images_restored_before(
    predictor: Predictor, make_pairs: MakePairs, make_photo: MakePhoto, tmp_path: Path
) -> None:
    names = [("1.png", "1.png"), ("1.bmp", "1.bmp"), ("sub/1.png", "sub/1.png"), ("sub/2[x].png", "sub/2[x].png")]
    data = make_pairs(names)
    manifest = data / "pairs.csv"
    manifest.write_text("".join(f"input/{rainy},target/{clean}\n" for rainy, clean in names))
    predict_files([data / "input"], predictor, tmp_path / "restored")
    write_image(tmp_path / "restored" / "sub" / "1.5.png", Image(make_photo(32, 48)))
    assert evaluate(manifest, tmp_path / "restored").images == evaluate(manifest, predictor).images
    assert evaluate(manifest, tmp_path / "restored").made_by == str(tmp_path / "restored")


def test_restored_images_that_are_missing_or_of_another_size(
    make_pairs: MakePairs, make_photo: MakePhoto, tmp_path: Path
) -> None:
    data = make_pairs(NAMES)
    with pytest.raises(InputError, match="no such folder of restored images"):
        evaluate(data, tmp_path / "restored")
    write_image(tmp_path / "restored" / "rain-1.jpg", Image(make_photo(32, 40)))
    with pytest.raises(InputError, match=r"no restored image for 2 of 3 images: rain-2\.png, rain-10\.png"):
        evaluate(data, tmp_path / "restored")
    for name in ("rain-2.png", "rain-10.png"):
        write_image(tmp_path / "restored" / name, Image(make_photo(32, 48)))
    with pytest.raises(InputError, match=r"1 images differ in size from the rainy ones: rain-1\.jpg"):
        evaluate(data, tmp_path / "restored")


def test_clean_images_that_are_there_twice_are_told(predictor: Predictor, make_pairs: MakePairs) -> None:
    data = make_pairs(NAMES)
    (data / "target" / "norain-10.png").write_bytes((data / "target" / "norain-1.png").read_bytes())
    said: list[str] = []
    evaluate(data, predictor, protocols=["rgb"], say=said.append)
    assert said == [f"{data}: 1 clean images are there more than once: norain-1.png = norain-10.png"]


def test_versions_of_one_clean_image_are_no_duplicates(predictor: Predictor, make_pairs: MakePairs) -> None:
    data = make_pairs([("1_1.png", "1.png"), ("1_2.png", "1.png")])
    assert len(evaluate(data, predictor, protocols=["rgb"], say=silent).images) == 2


def test_16_bit_images_are_measured_as_saved_in_8(predictor: Predictor, make_pairs: MakePairs, tmp_path: Path) -> None:
    data = make_pairs(NAMES[:1])
    (pair,) = find_pairs(data)
    shallow = evaluate(data, predictor, protocols=["rgb"])
    for path in pair:
        write_image(path, Image(read_image(path).pixels.astype(np.uint16) * 257))
    assert evaluate(data, predictor, protocols=["rgb"]).values()["psnr_rgb"] == pytest.approx(
        column(shallow, "psnr_rgb"), abs=0.02
    )


def test_protocols_and_images_that_cannot_be_measured(predictor: Predictor, make_pairs: MakePairs) -> None:
    data = make_pairs(NAMES[:1], size=(10, 40))
    for protocols in (["y"], []):
        with pytest.raises(InputError, match=r"unknown protocol .*; known are y_A, y_B, rgb"):
            evaluate(data, predictor, protocols=protocols)
    with pytest.raises(InputError, match=r"rain-1\.png: SSIM is undefined for an image of 10 x 40"):
        evaluate(data, predictor)


# plain filters


def test_plain_filters_smooth(make_photo: MakePhoto) -> None:
    pixels = make_photo(48, 64)
    noisy = np.clip(pixels + np.random.default_rng(0).normal(0, 20, pixels.shape), 0, 255).astype(np.uint8)
    for name, smooth in FILTERS.items():
        result = smooth(noisy)
        assert result.shape == noisy.shape, name
        assert result.dtype == np.uint8, name
        assert np.abs(np.diff(result.astype(int), axis=0)).mean() < np.abs(np.diff(noisy.astype(int), axis=0)).mean()
        np.testing.assert_array_equal(smooth(np.full_like(pixels, 90)), 90, err_msg=name)


def test_the_guided_filter_keeps_strong_edges() -> None:
    edge = np.zeros((32, 32, 3), np.uint8)
    edge[:, 16:] = 200
    assert np.abs(guided(edge, 0.001).astype(int) - edge).max() <= 3
    assert np.abs(guided(edge, 10.0).astype(int) - edge).max() > 50


def test_the_best_filter_is_the_best(make_photo: MakePhoto) -> None:
    pixels = make_photo(48, 64)
    salted = pixels.copy()
    salted[np.random.default_rng(0).random(pixels.shape[:2]) < 0.05] = 255
    pairs = [(Image(salted), Image(pixels))]
    name, value = best_filter(pairs)
    assert name.startswith("median")
    measured = [float(psnr(to_tensor(Image(f(salted))), to_tensor(Image(pixels)), "y_A")) for f in FILTERS.values()]
    assert value == max(measured) == measured[list(FILTERS).index(name)]


def test_reference_values_of_a_known_error() -> None:
    """A grey step of one level: 20 log10(255) dB on 8-bit channels."""
    clean = torch.full((1, 3, 16, 16), 100 / 255)
    assert float(psnr(clean + 1 / 255, clean, "rgb")) == pytest.approx(20 * math.log10(255))
