"""The PSNR and SSIM protocols: against golden values, against plain definitions, and on images they must refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from visioncore.errors import InputError
from visioncore.images import from_tensor
from visioncore.metrics.image import PROTOCOLS, Protocol, measure, psnr, ssim
from visioncore.testing.deterministic import integer_input, uniform_input
from visioncore.testing.golden import GoldenCase, made_input

Golden = Callable[[str], GoldenCase]
DERAIN_TAGS = ["metric-a0", "metric-a1", "metric-a2", "metric-a3"]


def batch(pixels: np.ndarray) -> Tensor:
    """(H, W, C) or (H, W) to (1, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(np.atleast_3d(pixels).transpose(2, 0, 1)))[None]


def derain_pair(spec: dict[str, Any], tag: str) -> tuple[Tensor, Tensor]:
    height, width, channels = spec["size"]
    if spec["structured"]:
        blocks = integer_input(f"{tag}-gt", 0, 256, (math.ceil(height / 16), math.ceil(width / 16), channels))
        truth = blocks.repeat(16, axis=0).repeat(16, axis=1)[:height, :width]
    else:
        truth = integer_input(f"{tag}-gt", 0, 256, (height, width, channels))
    noise = integer_input(f"{tag}-noise", -spec["amp"], spec["amp"] + 1, truth.shape)
    return batch(np.clip(truth + noise, 0, 255).astype(np.uint8)), batch(truth.astype(np.uint8))


@pytest.mark.parametrize("tag", DERAIN_TAGS)
def test_deraining_protocols_give_the_golden_values(golden: Golden, tag: str) -> None:
    case = golden("derain_metrics")
    restored, target = derain_pair(case.about["inputs"][tag], tag)
    values = {**measure(restored, target, "y_A"), **measure(restored, target, "y_B")}
    found = [values["psnr_y_A"], values["ssim_y_A"], values["psnr_y_B"], values["ssim_y_B"]]
    found.append(psnr(restored, target, "rgb"))
    case.close(tag, torch.cat(found))


def test_validation_psnr_is_the_colour_protocol(golden: Golden) -> None:
    output = torch.from_numpy(uniform_input("metric-a-val-out", (3, 24, 20))) * 1.4 - 0.2
    target = torch.from_numpy(uniform_input("metric-a-val-gt", (3, 24, 20)))
    expected = golden("derain_metrics").outputs["validation_psnr"]
    np.testing.assert_allclose(psnr(output[None], target[None], "colour").item(), expected, rtol=1e-9, atol=1e-7)


def test_saved_images_are_rounded_as_the_golden_one(golden: Golden) -> None:
    output = torch.from_numpy(uniform_input("metric-a-val-out", (3, 24, 20))) * 1.4 - 0.2
    expected = golden("derain_metrics").outputs["uint8_of_output"]
    np.testing.assert_array_equal(from_tensor(output[None]).pixels.transpose(2, 0, 1), expected)


@pytest.fixture(scope="module")
def denoising(golden: Golden) -> GoldenCase:
    return golden("denoising_metrics")


@pytest.fixture(scope="module")
def arrays(denoising: GoldenCase) -> dict[str, np.ndarray]:
    return {name: made_input(spec).numpy() for name, spec in denoising.about["inputs"].items()}


def check(case: GoldenCase, restored: Tensor, target: Tensor, protocol: str, psnr_name: str, ssim_name: str) -> None:
    case.close(psnr_name, psnr(restored, target, protocol))
    case.close(ssim_name, ssim(restored, target, protocol))


def test_colour_protocol_gives_the_golden_values(denoising: GoldenCase, arrays: dict[str, np.ndarray]) -> None:
    target = arrays["ref"].astype(np.uint8)
    restored = np.clip(arrays["ref"] + arrays["err"], 0, 255).astype(np.uint8)
    for protocol in ("colour", "rgb"):
        check(denoising, batch(restored), batch(target), protocol, "psnr_uint8", "ssim_uint8")
    fraction = arrays["fraction"]
    unrounded = np.clip(restored / 255 + (fraction - 0.5) / 255, 0, 1).astype(np.float32)
    check(denoising, batch(unrounded), batch((target / 255).astype(np.float32)), "colour", "psnr_float", "ssim_float")
    grey = np.clip(arrays["ref"][..., 0] + arrays["gray_err"], 0, 255).astype(np.uint8)
    check(denoising, batch(grey), batch(target[..., 0]), "colour", "psnr_gray", "ssim_gray")


def test_ct_protocols_give_the_golden_values(denoising: GoldenCase, arrays: dict[str, np.ndarray]) -> None:
    target = torch.from_numpy(arrays["ct_ref"])
    restored = target + 0.05 * torch.from_numpy(arrays["ct_err"])
    check(denoising, restored, target, "ct", "ct_psnr_3072", "ct_ssim_3072")
    check(denoising, restored, target, "ct_3096", "ct_psnr_3096", "ct_ssim_3096")


def plain_ssim(x: np.ndarray, y: np.ndarray, peak: float) -> float:
    """The definition, window by window, for one channel."""
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    values = []
    for top in range(x.shape[0] - 10):
        for left in range(x.shape[1] - 10):
            a, b = x[top : top + 11, left : left + 11], y[top : top + 11, left : left + 11]
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            covariance = (window * (a - mean_a) * (b - mean_b)).sum()
            values.append(
                (2 * mean_a * mean_b + c1)
                * (2 * covariance + c2)
                / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
            )
    return float(np.mean(values))


@pytest.mark.parametrize("size", [(11, 11), (14, 23)])
def test_separable_ssim_equals_the_plain_definition(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(3)
    target = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64)
    restored = (target + 0.1 * torch.randn(target.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
    for i, value in enumerate(ssim(restored, target, "colour")):
        x, y = (255 * image[i].numpy() for image in (restored, target))
        assert value.item() == pytest.approx(np.mean([plain_ssim(x[c], y[c], 255) for c in range(3)]), abs=1e-12)


def plain_box_mean(image: np.ndarray, factor: int) -> np.ndarray:
    """The f x f mean around every f-th pixel: a mirrored border, an even window one further right and down."""
    back, ahead = (factor - 1) // 2, factor // 2
    padded = np.pad(image, ((back, ahead), (back, ahead)), mode="symmetric")
    height, width = image.shape
    return np.array(
        [
            [padded[i : i + factor, j : j + factor].mean() for j in range(0, width, factor)]
            for i in range(0, height, factor)
        ]
    )


@pytest.mark.parametrize(("shorter", "factor"), [(383, 1), (384, 2), (639, 2), (640, 3), (896, 4)])
def test_protocol_b_shrinks_by_a_factor_rounded_half_up(shorter: int, factor: int) -> None:
    generator = torch.Generator().manual_seed(shorter)
    target = torch.randint(0, 256, (1, 1, shorter + 1, shorter), generator=generator, dtype=torch.uint8)
    restored = torch.randint(0, 256, target.shape, generator=generator, dtype=torch.uint8)
    x, y = (batch(plain_box_mean(image[0, 0].double().numpy(), factor)) / 255 for image in (restored, target))
    expected = ssim(x, y, Protocol("unshrunk", "channels"))
    torch.testing.assert_close(ssim(restored, target, "y_B"), expected, rtol=0, atol=1e-12)


def test_luminance_rounds_halves_away_from_zero() -> None:
    tie = (2, 44, 141)  # Y = 52.5 to the last bit
    coloured = torch.tensor(tie, dtype=torch.uint8).reshape(1, 3, 1, 1).expand(1, 3, 4, 4)
    black = torch.zeros_like(coloured)
    expected = 20 * math.log10(255 / (53 - 16))
    assert psnr(coloured, black, "y_A").item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_equal_images_are_infinitely_good_and_batches_are_not_mixed(protocol: str) -> None:
    generator = torch.Generator().manual_seed(1)
    target = torch.rand(3, 1 if protocol.startswith("ct") else 3, 20, 24, generator=generator)
    restored = target.clone()
    restored[1] = torch.rand(target[1].shape, generator=generator)
    quality, similarity = psnr(restored, target, protocol), ssim(restored, target, protocol)
    assert quality.dtype == similarity.dtype == torch.float64
    assert quality[[0, 2]].tolist() == [math.inf, math.inf]
    torch.testing.assert_close(similarity[[0, 2]], torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(quality[1:2], psnr(restored[1:2], target[1:2], protocol))
    torch.testing.assert_close(similarity[1:2], ssim(restored[1:2], target[1:2], protocol))
    assert similarity[1] < 0.9


def test_floats_count_as_the_8_bit_image_they_would_be_saved_as() -> None:
    generator = torch.Generator().manual_seed(2)
    target = torch.rand(1, 3, 16, 16, generator=generator)
    restored = target + 0.2 * torch.randn(target.shape, generator=generator)
    x, y = ((image.clamp(0, 1) * 255).round().to(torch.uint8) for image in (restored, target))
    for protocol in ("y_A", "y_B", "rgb"):
        assert psnr(restored, target, protocol).item() == psnr(x, y, protocol).item()
    assert psnr(restored, target, "colour").item() != psnr(x, y, "colour").item()


def test_an_overshooting_pixel_does_not_change_the_range() -> None:
    target = torch.full((1, 3, 12, 12), 0.5)
    restored = target + 0.1
    restored[0, 0, 0, 0] = 1.5
    assert psnr(restored, target, "colour").item() == pytest.approx(20, abs=0.5)


def test_ssim_needs_eleven_pixels_and_psnr_does_not() -> None:
    small = torch.rand(1, 3, 10, 40)
    assert psnr(small, small * 0.5, "rgb").isfinite().all()
    for protocol in PROTOCOLS:
        with pytest.raises(InputError, match=r"10 x 40 .* at least 11 pixels"):
            ssim(small, small, protocol)


@pytest.mark.parametrize(
    ("restored", "target", "message"),
    [
        (torch.zeros(1, 3, 12, 12), torch.zeros(1, 3, 12, 13), "differ in shape"),
        (torch.zeros(3, 12, 12), torch.zeros(3, 12, 12), r"\(B, 1 or 3, H, W\)"),
        (torch.zeros(1, 4, 12, 12), torch.zeros(1, 4, 12, 12), r"\(B, 1 or 3, H, W\)"),
        (torch.zeros(0, 3, 12, 12), torch.zeros(0, 3, 12, 12), "not empty"),
        (torch.zeros(1, 3, 12, 12).int(), torch.zeros(1, 3, 12, 12).int(), "uint8, got torch.int32"),
    ],
)
def test_what_cannot_be_compared_is_refused(restored: Tensor, target: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        psnr(restored, target, "rgb")
    assert "\n" not in str(caught.value)


def test_an_unknown_protocol_is_told_the_known_ones() -> None:
    image = torch.zeros(1, 3, 12, 12)
    with pytest.raises(InputError, match="'psnr'; known are y_A, y_B, rgb"):
        measure(image, image, "psnr")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_device_gives_the_same_values() -> None:
    target = torch.rand(2, 3, 400, 410, generator=torch.Generator().manual_seed(5))
    restored = (target + 0.1).clamp(0, 1)
    for protocol in PROTOCOLS:
        here, there = measure(restored, target, protocol), measure(restored.cuda(), target.cuda(), protocol)
        for name, value in here.items():
            assert there[name].is_cuda
            torch.testing.assert_close(there[name].cpu(), value, rtol=1e-12, atol=0)
