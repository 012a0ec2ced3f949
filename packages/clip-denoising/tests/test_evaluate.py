"""The protocols: the published metrics, noise and rounding; tables; and what cannot be measured."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clip_denoising import CLIPDenoiser, Predictor
from clip_denoising.data.hounsfield import to_unit
from clip_denoising.data.noise import TABLE, Noise
from clip_denoising.evaluation.protocols import evaluate, suitable_protocols
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.metrics.image import psnr, ssim

NOISES = [Noise("gaussian", 25.0), Noise("poisson", 2.0)]


def content(seed: int = 0, height: int = 16, width: int = 20) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def as_it_is(noisy: Tensor) -> Tensor:
    return noisy


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(3):
        write_image(tmp_path / "photos" / f"{number}.png", Image(content(number)))
    return tmp_path / "photos"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    for number in range(3):
        noisy = np.clip(content(number).astype(int) + content(number + 10) // 8 - 16, 0, 255)
        write_image(tmp_path / "pairs" / f"{number}_mean.png", Image(content(number)))
        write_image(tmp_path / "pairs" / f"{number}_real.png", Image(noisy.astype(np.uint8)))
    return tmp_path / "pairs"


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "slices").mkdir()
    for patient in ("L067", "L506"):
        for index in range(2):
            hu = rng.uniform(-1024, 2000, (16, 16))
            np.save(tmp_path / "slices" / f"{patient}_{index}_target.npy", to_unit(hu))
            np.save(tmp_path / "slices" / f"{patient}_{index}_input.npy", to_unit(hu + rng.normal(10, 80, hu.shape)))
    return tmp_path / "slices"


# synthetic noise


def test_synthetic_noise_is_seeded_for_every_image_and_neither_rounded_nor_clipped(photos: Path) -> None:
    seen: list[Tensor] = []

    def halve(noisy: Tensor) -> Tensor:
        seen.append(noisy)
        return noisy / 2

    result = evaluate(photos, halve, noises=NOISES, denoised_by="halving", protocols=["synthetic"])
    assert [tuple(each.labels.values()) for each in result.images] == [
        ("photos", noise, f"{number}.png") for noise in ("gaussian:25", "poisson:2") for number in range(3)
    ]
    for index, each in enumerate(result.images):
        noise = NOISES[index // 3]
        clean = content(index % 3).astype(np.float32) / np.float32(255)
        noisy = torch.from_numpy(noise(clean, np.random.RandomState(0)))
        x, y = (image.permute(2, 0, 1)[None] for image in (noisy, torch.from_numpy(clean)))
        torch.testing.assert_close(seen[index], x, rtol=0, atol=0)
        assert each.before == {
            "psnr_colour": float(psnr(x, y, "colour")),
            "ssim_colour": float(ssim(x, y, "colour")),
        }
        assert each.after["psnr_colour"] == pytest.approx(float(psnr(x / 2, y, "colour")), abs=1e-9)
    assert seen[0].min() < 0
    assert result.made_by == "halving"


def test_the_eleven_kinds_of_the_paper_by_default(photos: Path) -> None:
    summary = evaluate(photos, as_it_is, protocols=["synthetic"]).summary()
    assert [row[1] for row in summary.rows] == [str(noise) for noise in TABLE]
    assert len(summary.rows) == 11
    assert {row[2] for row in summary.rows} == {3}


def test_images_of_one_size_share_a_batch(photos: Path) -> None:
    write_image(photos / "1.png", Image(content(1, 20, 16)))
    write_image(photos / "3.png", Image(content(3)))
    shapes: list[tuple[int, ...]] = []

    def denoise(noisy: Tensor) -> Tensor:
        shapes.append(tuple(noisy.shape))
        return noisy

    batched = evaluate(photos, denoise, noises=NOISES[:1], batch=8, protocols=["synthetic"])
    assert shapes == [(1, 3, 16, 20), (1, 3, 20, 16), (2, 3, 16, 20)]
    assert batched == evaluate(photos, as_it_is, noises=NOISES[:1], protocols=["synthetic"])


def test_a_predictor_denoises(photos: Path, tiny: CLIPDenoiser) -> None:
    predictor = Predictor(tiny, "cpu")
    batched = evaluate(photos, predictor.run, noises=NOISES, batch=2, protocols=["synthetic"])
    alone = evaluate(photos, predictor.run, noises=NOISES, protocols=["synthetic"])
    for each, other in zip(batched.images, alone.images, strict=True):
        assert each.after == pytest.approx(other.after, abs=1e-4)
        assert each.after != each.before


# real noise


def test_real_noise_is_measured_in_8_bit(pairs: Path) -> None:
    def off(noisy: Tensor) -> Tensor:
        return noisy + 0.4 / 255  # less than a step of 8 bit

    assert evaluate(pairs, off, protocols=["real"]).images[0].after["psnr_rgb"] == pytest.approx(
        evaluate(pairs, as_it_is, protocols=["real"]).images[0].before["psnr_rgb"]
    )
    result = evaluate(pairs, lambda noisy: noisy + 2, protocols=["real"])
    assert [each.labels["image"] for each in result.images] == ["0_real.png", "1_real.png", "2_real.png"]
    white = torch.ones(1, 3, 16, 20)
    clean = torch.from_numpy(content(0)).permute(2, 0, 1)[None]
    assert result.images[0].after["psnr_rgb"] == float(psnr(white, clean, "rgb"))


# CT


def test_ct_by_both_upper_bounds_and_errors_in_hu(slices: Path) -> None:
    result = evaluate(slices, as_it_is, protocols=["ct"])
    assert [tuple(each.labels.values()) for each in result.images] == [
        ("L506", "quarter dose", "L506_0_input.npy"),
        ("L506", "quarter dose", "L506_1_input.npy"),
    ]
    first = result.images[0]
    assert first.before == first.after
    x, y = (torch.from_numpy(np.load(slices / f"L506_0_{dose}.npy"))[None, None] for dose in ("input", "target"))
    for protocol in ("ct", "ct_3096"):
        assert first.before[f"psnr_{protocol}"] == float(psnr(x, y, protocol))
        assert first.before[f"ssim_{protocol}"] == float(ssim(x, y, protocol))
    assert first.before["psnr_ct_3096"] < first.before["psnr_ct"]
    assert first.before["rms_error_hu"] == pytest.approx(80, rel=0.15)
    assert first.before["mean_error_hu"] == pytest.approx(10, abs=15)


def test_ct_with_added_noise_and_of_other_patients(slices: Path) -> None:
    noise = Noise("ct-gaussian", 40.0)
    result = evaluate(slices, torch.zeros_like, patients=None, noises=[noise], batch=4, protocols=["ct"])
    assert [(each.labels["set"], each.labels["noise"]) for each in result.images] == [
        ("L067", "ct-gaussian:40")
    ] * 2 + [("L506", "ct-gaussian:40")] * 2
    assert result.images[0].before["rms_error_hu"] == pytest.approx(40, rel=0.15)
    with pytest.raises(InputError, match="no slice of L001 at this dose"):
        evaluate(slices, as_it_is, patients=["L001"], protocols=["ct"])


def test_the_power_of_errors_in_ct(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for index in range(2):
        np.save(tmp_path / f"L506_{index}_target.npy", rng.uniform(0.2, 0.3, (140, 100)).astype(np.float32))
    result = evaluate(tmp_path, lambda noisy: noisy + 10 / 4096, noises=[Noise("ct-gaussian", 40.0)], protocols=["ct"])
    table = result.noise_power()
    assert table.columns == ["set", "noise", "cycles_per_pixel", "hu2_noisy", "hu2_denoised"]
    assert [row[2] for row in table.rows] == [k / 64 for k in range(32)]
    before, after = (np.array([row[column] for row in table.rows]) for column in (3, 4))
    assert before[2:].mean() == pytest.approx(1600, rel=0.1)
    assert after == pytest.approx(before)  # a shift is no noise
    result.save(tmp_path / "out")
    assert (tmp_path / "out" / "noise_power.csv").read_text().count("\n") == 33


# results of other tools


def test_results_of_other_tools(photos: Path, tmp_path: Path) -> None:
    """In a folder for each noise, in any format, also of 16 bit."""
    for noise in NOISES:
        for number in range(3):
            halved = Image((content(number) // 2).astype(np.uint16) * 257)
            write_image(tmp_path / "made" / str(noise).replace(":", "-") / f"{number}.tif", halved)

    def halve(noisy: Tensor) -> Tensor:
        halves = [torch.from_numpy(content(number) // 2) / 255 for number in range(3)]
        return torch.stack(halves).permute(0, 3, 1, 2)

    result = evaluate(photos, tmp_path / "made", noises=NOISES, batch=2)
    expected = evaluate(photos, halve, noises=NOISES, batch=3)
    assert result.made_by == str(tmp_path / "made")
    for one, other in zip(result.images, expected.images, strict=True):
        assert (one.labels, one.before) == (other.labels, other.before)
        assert one.after == pytest.approx(other.after, abs=1e-4)
    (tmp_path / "made" / "poisson-2" / "1.tif").unlink()
    with pytest.raises(InputError, match=r"no denoised image for 1 of 6 images: photos/poisson-2/1\.png"):
        evaluate(photos, tmp_path / "made", noises=NOISES)
    write_image(tmp_path / "made" / "poisson-2" / "1.tif", Image(content(1, 20, 16)))
    with pytest.raises(InputError, match=r"1\.tif: another size than its noisy image .* 16x20 and 20x16"):
        evaluate(photos, tmp_path / "made", noises=NOISES)
    with pytest.raises(InputError, match="no such folder of denoised images"):
        evaluate(photos, tmp_path / "none", noises=NOISES)
    with pytest.raises(InputError, match="2 images would be measured by it"):
        evaluate(photos, photos, noises=NOISES)


def test_results_for_slices_and_pairs(slices: Path, pairs: Path, tmp_path: Path) -> None:
    for index in range(2):
        stored = np.load(slices / f"L506_{index}_target.npy")
        (tmp_path / "made").mkdir(exist_ok=True)
        np.save(tmp_path / "made" / f"L506_{index}_input.npy", stored)
    result = evaluate(slices, tmp_path / "made")
    assert [each.after["rms_error_hu"] for each in result.images] == [0, 0]
    for number in range(3):
        write_image(tmp_path / "made" / f"{number}_real.png", Image(content(number)))
    assert all(each.after["psnr_rgb"] == math.inf for each in evaluate(pairs, tmp_path / "made").images)


def test_protocols_that_suit_the_data(photos: Path, pairs: Path, slices: Path, tmp_path: Path) -> None:
    assert suitable_protocols(photos) == ["synthetic"]
    assert suitable_protocols(pairs) == ["real"]
    assert suitable_protocols(pairs, NOISES) == ["synthetic"]
    assert suitable_protocols(slices) == ["ct"]
    (tmp_path / "sets").mkdir()
    photos.rename(tmp_path / "sets" / "CBSD68")
    pairs.rename(tmp_path / "sets" / "CC")
    assert suitable_protocols(tmp_path / "sets") == ["synthetic", "real"]
    both = evaluate(tmp_path / "sets", as_it_is)
    assert [(row[0], row[1]) for row in both.summary().rows] == [("CBSD68", str(n)) for n in TABLE] + [("CC", "real")]
    assert both.summary().rows[-1][both.summary().columns.index("psnr_colour")] is None
    assert both.table().rows[0][-2:] == (None, None)


# tables


def test_what_is_written(photos: Path, tmp_path: Path) -> None:
    result = evaluate(
        photos, lambda noisy: noisy.clamp(0, 1), noises=NOISES, denoised_by="clamping", protocols=["synthetic"]
    )
    result.save(tmp_path / "out")
    with (tmp_path / "out" / "per_image.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["psnr_colour"]) for row in rows] == [each.after["psnr_colour"] for each in result.images]
    assert [row["image"] for row in rows] == [each.labels["image"] for each in result.images]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["images"] == 6
    assert report["denoised_by"] == "clamping"
    assert report["means"][1]["noise"] == "poisson:2"
    means = [np.mean([each.before["ssim_colour"] for each in result.images[i : i + 3]]) for i in (0, 3)]
    assert [row["ssim_colour_noisy"] for row in report["means"]] == pytest.approx(means)
    for name in ("per_image.md", "summary.md", "summary.csv"):
        assert "psnr_colour_noisy" in (tmp_path / "out" / name).read_text()
    assert not (tmp_path / "out" / "noise_power.csv").exists()


def test_infinite_values_are_left_out_of_the_means_and_counted(pairs: Path, tmp_path: Path) -> None:
    write_image(pairs / "1_real.png", Image(content(1)))
    result = evaluate(pairs, as_it_is, protocols=["real"])
    assert result.images[1].before["psnr_rgb"] == math.inf
    assert result.infinite == 2
    (row,) = result.summary().rows
    finite = [result.images[index].before["psnr_rgb"] for index in (0, 2)]
    assert row[3] == pytest.approx(np.mean(finite))
    result.save(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["infinite_values_left_out_of_means"] == 2


def test_values_that_are_no_numbers_are_not_hidden(pairs: Path) -> None:
    result = evaluate(pairs, lambda noisy: noisy * math.nan, protocols=["real"])
    assert math.isnan(result.images[0].after["psnr_rgb"])
    (row,) = result.summary().rows
    assert math.isnan(float(row[5] or 0))


def test_what_cannot_be_measured(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch is 0; it must be at least 1"):
        evaluate(photos, as_it_is, batch=0, protocols=["synthetic"])
    write_image(tmp_path / "tiny" / "t.png", Image(content(0, 10, 30)))
    with pytest.raises(InputError, match=r"t\.png: SSIM is undefined for an image of 10 x 30"):
        evaluate(tmp_path / "tiny", as_it_is, protocols=["synthetic"])
    with pytest.raises(InputError, match="no such file or folder"):
        evaluate(tmp_path / "none", as_it_is, protocols=["synthetic"])
    with pytest.raises(InputError, match="no pairs in it"):
        evaluate(photos, as_it_is, protocols=["real"])
