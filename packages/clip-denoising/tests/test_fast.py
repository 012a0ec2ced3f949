"""The parts of the fast path, each against what it stands for; whole networks are in test_parity."""

from __future__ import annotations

import copy
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from clip_denoising import CLIPDenoiser, CLIPDenoiserConfig
from clip_denoising.network import fast
from clip_denoising.network import fused_convolution as convolution
from clip_denoising.network import upsampled_convolution as upsampled
from clip_denoising.network.decoder import upsample
from clip_denoising.network.fast import FastDenoiser, ToImage, for_inference
from clip_denoising.network.fused_convolution import Convolution, fusion_works
from clip_denoising.network.upsampled_convolution import UpsampledConvolution, bands
from visioncore.convolutions.winograd import Winograd3x3


def rand(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    values = torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))
    return values.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else values


def close(value: Tensor, expected: Tensor, bound: float = 1e-12) -> None:
    assert value.shape == expected.shape
    assert float((value - expected).abs().max()) <= bound * float(expected.abs().max())


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (2, 3), (9, 7), (40, 24)])
def test_convolution_of_an_upsampled_map(size: tuple[int, int]) -> None:
    height, width = size
    weight, x, base = rand(4, 3, 3, 3), rand(2, 3, height, width, seed=1), rand(2, 4, 2 * height, 2 * width, seed=2)
    expected = F.leaky_relu(base + F.conv2d(upsample(x), weight, padding=1), 0.2)
    layer = UpsampledConvolution(weight, 0.2)
    close(layer(x, base.clone()), expected)
    # and a few rows alone
    top = min(3, 2 * height - 1)
    rows = base[1:, :, top : top + 35].clone()
    close(layer(x[1:], rows, top), expected[1:, :, top : top + 35])


@pytest.mark.parametrize(("start", "stop"), [(0, 80), (7, 74), (40, 41)])
def test_bands_are_short_and_interpolate(start: int, stop: int) -> None:
    found = bands(40, start, stop, torch.float64)
    assert [band.start for band in found] == list(range(start, stop, upsampled.BLOCK))
    assert sum(band.rows for band in found) == stop - start
    small = rand(40)
    doubled = F.pad(F.interpolate(small[None, None], size=80, mode="linear", align_corners=True), (1, 1))[0, 0]
    for band in found:
        # a position depends on two of the small map, and neighbours on the same or the next
        assert band.depth <= band.rows // 2 + 3
        needed = torch.stack([doubled[shift + band.start :][: band.rows] for shift in range(3)])
        close(band.weights @ small[band.first :][: band.depth], needed)
        assert torch.equal(band.flat, band.weights.permute(1, 2, 0).flatten(1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("slope", [None, 0.0, 0.2])
@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_convolutions(
    dtype: torch.dtype, slope: float | None, joined: bool, fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fused:
        monkeypatch.setattr(convolution, "FUSED_TYPES", ())
    weight, bias, x = rand(16, 8, 3, 3), rand(16, seed=1), rand(2, 8, 12, 10, seed=2)
    base = rand(2, 16, 12, 10, seed=3)
    layer = Convolution(weight.to(dtype), bias.to(dtype), slope)
    found = layer(x.to(dtype), base.to(dtype) if joined else None)
    assert found.dtype == dtype
    expected = F.conv2d(x, weight, bias, padding=1) + (base if joined else 0)
    expected = expected if slope is None else F.leaky_relu(expected, slope)
    close(found.double(), expected, {torch.float64: 1e-12, torch.float32: 1e-6, torch.bfloat16: 2e-2}[dtype])
    halved = Convolution(weight.to(dtype), None, slope, stride=2)(x.to(dtype))
    assert halved.shape == (2, 16, 6, 5)


def test_without_the_operator_of_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(*arguments: object) -> Tensor:
        raise RuntimeError("takes other arguments now")

    monkeypatch.setattr(convolution, "_fused", changed)
    fusion_works.cache_clear()
    try:
        assert not fusion_works(torch.float32)
        assert not Convolution(rand(2, 2, 1, 1).float(), None, None).fused
    finally:
        fusion_works.cache_clear()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (6, 4)])
def test_the_last_convolution(channels: int, size: tuple[int, int]) -> None:
    weight, x = rand(channels, 6, 3, 3), rand(2, 6, *size, seed=1)
    close(ToImage(weight)(x), F.conv2d(x, weight, padding=1))


def wide(channels: Literal[1, 3]) -> CLIPDenoiser:
    """Return a network whose coarse maps are wide enough for every detour, in float64."""
    torch.manual_seed(0)
    model = CLIPDenoiser(CLIPDenoiserConfig(channels=channels, width=16, blocks=(1, 1, 2, 1))).double()
    model.train()(torch.rand(2, channels, 32, 64, dtype=torch.float64))
    return model.eval()


@pytest.mark.parametrize("channels", [1, 3])
@torch.no_grad()
def test_strips_of_rows(channels: Literal[1, 3], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "UPSAMPLED_CHANNELS", 1)
    monkeypatch.setattr(fast, "STRIP", 7 * 64)
    model, image = wide(channels), torch.rand(2, channels, 96, 64, dtype=torch.float64)
    close(for_inference(model)(image), model(image), 1e-11)


@torch.no_grad()
def test_all_detours_are_taken_and_only_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "UPSAMPLED_CHANNELS", 16)
    monkeypatch.setattr(fast, "WINOGRAD_CHANNELS", 32)
    model = wide(3)
    image = torch.rand(1, 3, 64, 64, dtype=torch.float64)
    exact = for_inference(model)
    kinds = [type(module) for module in exact.modules()]
    assert kinds.count(Winograd3x3) == 9
    assert kinds.count(UpsampledConvolution) == 4
    close(exact(image), model(image), 1e-11)
    half = for_inference(model, dtype=torch.bfloat16)
    assert not {Winograd3x3, UpsampledConvolution} & {type(module) for module in half.modules()}
    assert half(image.float()).dtype == torch.float32
    close(half(image), model(image), 0.1)


def test_the_model_is_not_touched(tiny: CLIPDenoiser) -> None:
    before, parameters = copy.deepcopy(tiny.state_dict()), dict(tiny.named_parameters()).keys()
    network = for_inference(tiny)
    assert isinstance(network, FastDenoiser)
    image = torch.rand(1, 3, 32, 32)
    first = network(image)
    with torch.no_grad():
        for parameter in tiny.parameters():
            parameter.mul_(2)
    assert torch.equal(network(image), first)
    for name, value in tiny.state_dict().items():
        assert torch.equal(value, before[name] * (2 if name in parameters else 1))
    assert not first.requires_grad
    assert all(not isinstance(value, nn.Parameter) for value in network.state_dict().values())


def test_exact_sums_are_done_on_the_cpu(tiny_ct: CLIPDenoiser) -> None:
    """Not every device has float64; the device without data stands for one that has not."""
    wide: list[torch.dtype] = []

    class Watch(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            try:
                result = func(*args, **(kwargs or {}))
            except NotImplementedError:  # a copy to the CPU of what is not there
                return torch.ones(args[0].shape, dtype=args[0].dtype)
            if isinstance(result, Tensor) and result.device.type == "meta":
                wide.append(result.dtype)
            return result

    with Watch():
        moved = for_inference(tiny_ct.to("meta"), "meta", torch.float32)
    assert wide
    assert torch.float64 not in wide
    assert {value.device.type for value in moved.state_dict().values()} == {"meta"}


def test_an_input_of_another_precision(tiny: CLIPDenoiser) -> None:
    image = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    found = for_inference(tiny)(image)
    assert found.dtype == torch.float64
    close(found, tiny(image.float()).double().detach(), 1e-5)
